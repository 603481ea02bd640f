/** The port's promises between members of one process, in the parent and in real Workers. */
import { MessageChannel, Worker } from "node:worker_threads";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "#test";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { CohortError, type InterconnectSelf } from "@cohort/db";
import { newPipeWords } from "../../adapters/common/worker_pipe.ts";
import {
  createWorkerHub,
  createWorkerInterconnect,
  type WorkerHub,
} from "../../adapters/interconnect_worker.ts";
import { interconnectSuite } from "../../src/testing/mod.ts";

interconnectSuite({
  name: "worker",
  test,
  make: () => {
    const hub = createWorkerHub();
    return {
      interconnect: () => hub.interconnect(),
      nowhere: `worker:${"0".repeat(16)}:999`,
      pass: (ms: number) => sleep(ms),
      dispose: () => hub.close(),
    };
  },
});

function selfOf(number: number): InterconnectSelf {
  return {
    cluster: "c".repeat(32),
    name: `m${number}`,
    incarnation: String(number).repeat(32),
    epoch: 0,
    secret: new TextEncoder().encode("0123456789abcdef"),
    versions: { least: 1, most: 1 },
  };
}

/** Fails unless it comes about soon. */
async function until(what: string, condition: () => boolean): Promise<void> {
  const from = performance.now();
  while (!condition()) {
    if (performance.now() - from > 10_000) throw new Error(`${what} did not come about in 10 s`);
    await sleep(2);
  }
}

type Said = readonly (string | number)[];

/** A member in a Worker. */
class Far {
  readonly worker: Worker;
  readonly said: Said[] = [];
  readonly wake = new SharedArrayBuffer(4);

  constructor(hub: WorkerHub, number: number) {
    const port = hub.port();
    this.worker = new Worker(new URL("./interconnect_worker.mjs", import.meta.url), {
      workerData: { port, self: selfOf(number), wake: this.wake },
      transferList: [port],
    });
    hub.watch(port, this.worker);
    this.worker.on("message", (said: Said) => this.said.push(said));
  }

  tell(order: string, ...rest: readonly (string | number)[]): void {
    this.worker.postMessage([order, ...rest]);
  }

  /** What it says next of this kind. */
  async hear(what: string): Promise<Said> {
    await until(what, () => this.said.some(([it]) => it === what));
    return this.said.splice(this.said.findIndex(([it]) => it === what), 1)[0]!.slice(1);
  }

  async ask(answer: string, order: string, ...rest: readonly (string | number)[]): Promise<Said> {
    this.tell(order, ...rest);
    return await this.hear(answer);
  }
}

/** A member in this isolate that notes what it hears. */
async function nearOf(hub: WorkerHub, number: number) {
  const links = hub.interconnect();
  const changes: string[] = [];
  const heard: Uint8Array[] = [];
  const address = await links.open(selfOf(number), {
    message: (_, bytes) => void heard.push(bytes.slice()),
    up: ({ name }) => void changes.push(`up ${name}`),
    down: ({ name }, reason) => void changes.push(`down ${name}: ${reason}`),
  });
  return { links, address, changes, heard };
}

/** Two Workers and a parent; whatever comes of it, nothing stays. */
async function inWorkers(
  body: (near: Awaited<ReturnType<typeof nearOf>>, b: Far, c: Far, hub: WorkerHub) => Promise<void>,
): Promise<void> {
  const hub = createWorkerHub();
  const near = await nearOf(hub, 1);
  const far = [new Far(hub, 2), new Far(hub, 3)] as const;
  try {
    await body(near, ...far, hub);
  } finally {
    for (const { wake, worker } of far) {
      Atomics.store(new Int32Array(wake), 0, 1);
      Atomics.notify(new Int32Array(wake), 0);
      await worker.terminate();
    }
    await near.links.close();
    hub.close();
  }
}

const [, B, C] = [1, 2, 3].map((number) => selfOf(number).incarnation) as [string, string, string];

test("worker: Workers and their parent link with each other; all messages arrive whole and in order", () =>
  inWorkers(async (near, b, c) => {
    const [atB] = await b.hear("at");
    const [atC] = await c.hear("at");
    assertEquals((await near.links.connect(String(atB))).name, "m2");
    assertEquals(await c.ask("connected", "connect", near.address), ["m1"]);
    assertEquals(await b.ask("connected", "connect", String(atC!)), ["m3"]);
    assertEquals(near.changes, ["up m2", "up m3"]);
    await c.hear("up");
    // From Worker to Worker, past the parent.
    assertEquals(await b.ask("sent", "send", C, 3_000, 2_000), [3_000]);
    let heard: Said = [];
    await untilAsync(async () => (heard = await c.ask("heard", "heard"))[0] === 3_000);
    assertEquals(heard, [3_000, 0]);
    // From the parent to a Worker and back.
    b.tell("echo");
    const sizes = [0, 1, 1_000, 1_004, 8_192, 65_536, near.links.traits.messageBytesMax];
    for (const [i, size] of sizes.entries()) {
      const bytes = new Uint8Array(size).fill(i + 1);
      assert(near.links.send(B, bytes));
      assertEquals([bytes.length, bytes.every((byte) => byte === i + 1)], [size, true]);
      await until(`${size} bytes come back`, () => near.heard.length === i + 1);
      assertEquals([near.heard[i]!.length, near.heard[i]!.every((byte) => byte === i + 1)], [size, true]);
    }
  }));

async function untilAsync(condition: () => Promise<boolean>): Promise<void> {
  const from = performance.now();
  while (!await condition()) assert(performance.now() - from < 10_000, "it did not come about in 10 s");
}

for (const end of ["terminate", "exit", "spin", "close"]) {
  const how = end === "spin" ? "is terminated while it does not turn" : `ends by ${end}`;
  test(`worker: of a Worker that ${how} all others hear at once`, () =>
    inWorkers(async (near, b, c) => {
      const [atB] = await b.hear("at");
      await c.hear("at");
      await near.links.connect(String(atB));
      await c.ask("connected", "connect", String(atB));
      const from = performance.now();
      if (end === "terminate" || end === "spin") {
        if (end === "spin") await b.ask("spins", "spin");
        await b.worker.terminate();
      } else b.tell(end);
      await until("the parent hears", () => near.changes.length === 2);
      await c.hear("down");
      assert(performance.now() - from < 2_000, `${performance.now() - from} ms`);
      assertEquals(near.links.send(B, new Uint8Array(1)), false);
      const error = await assertRejects(() => Promise.resolve(near.links.connect(String(atB))), CohortError);
      assertEquals(error.code, "UNREACHABLE");
    }));
}

test("worker: what a Worker that stands still does not take is bounded, and arrives when it goes on", () =>
  inWorkers(async (near, b) => {
    const [atB] = await b.hear("at");
    await near.links.connect(String(atB));
    await b.ask("stalls", "stall");
    const { messageBytesMax, queueBytesMax } = near.links.traits;
    let taken = 0;
    for (let turn = 0; turn < 50; turn++) {
      for (let i = 0; i < 4; i++) {
        if (near.links.send(B, new Uint8Array(100_000).fill(taken & 0xff))) taken++;
      }
      await sleep(0);
    }
    const bytes = taken * 100_000;
    assert(bytes <= queueBytesMax && bytes > queueBytesMax - messageBytesMax, `${bytes} bytes were taken`);
    Atomics.store(new Int32Array(b.wake), 0, 1);
    Atomics.notify(new Int32Array(b.wake), 0);
    let heard: Said = [];
    await untilAsync(async () => (heard = await b.ask("heard", "heard"))[0] === taken);
    assertEquals(heard, [taken, 0]);
    await until("there is room again", () => near.links.send(B, new Uint8Array(messageBytesMax)));
  }));

test("worker: a closed hub gives no ports and finds nobody, and links that are there stay", async () => {
  const hub = createWorkerHub();
  const [a, b, c] = [await nearOf(hub, 1), await nearOf(hub, 2), await nearOf(hub, 3)];
  await a.links.connect(b.address);
  hub.close();
  hub.close();
  assertThrows(() => hub.port(), CohortError, "the hub is closed");
  await until("the hub is gone", () => a.links.send(B, new Uint8Array(3)) && b.heard.length > 0);
  const error = await assertRejects(() => Promise.resolve(a.links.connect(c.address)), CohortError);
  assertEquals(error.code, "UNREACHABLE");
  assertEquals(a.changes, ["up m2"]);
  for (const { links } of [a, b, c]) await links.close();
});

test("worker: what is no port of the hub, and an option that there is not, is a TypeError", () => {
  const hub = createWorkerHub();
  const { port1, port2 } = new MessageChannel();
  assertThrows(() => hub.watch(port1, { on: () => {} }), TypeError);
  assertThrows(() => createWorkerInterconnect(undefined as never), TypeError);
  assertThrows(() => hub.interconnect({ greeting: 1 } as never), TypeError);
  port1.close();
  port2.close();
  hub.close();
});

test("worker: garbage at the hub or in a pipe links nobody and stops nothing", async () => {
  const hub = createWorkerHub();
  const a = await nearOf(hub, 1);
  const number = Number(a.address.split(":")[2]);
  const stranger = hub.port();
  const said: unknown[] = [];
  stranger.on("message", (it: unknown) => said.push(it));
  for (const garbage of [undefined, 7, "dial", [], ["dial"], ["dial", 1, number, 5, 5], ["gone", number]]) {
    stranger.postMessage(garbage);
  }
  const closed: string[] = [];
  const pipes = [["nothing"], [new ArrayBuffer(8), 9], [new ArrayBuffer(8), -1], 5, [new ArrayBuffer(8), 8]];
  for (const [i, bytes] of pipes.entries()) {
    const { port1, port2 } = new MessageChannel();
    port1.on("message", () => {});
    port1.on("close", () => closed.push(`${i}`));
    stranger.postMessage(["dial", i, number, port2, newPipeWords()], [port2]);
    port1.postMessage(bytes);
  }
  const { port1, port2 } = new MessageChannel();
  port1.on("message", () => {});
  port1.on("close", () => closed.push("no words"));
  stranger.postMessage(["dial", 9, number, port2, "words"], [port2]);
  const from = performance.now();
  await until("all pipes are ended", () => closed.length === pipes.length + 1);
  // Not by the end of the time for a greeting.
  assert(performance.now() - from < 1_500, `${performance.now() - from} ms`);
  assertEquals([a.changes, said], [[], []]);
  const b = await nearOf(hub, 2);
  assertEquals((await b.links.connect(a.address)).name, "m1");
  stranger.close();
  for (const { links } of [a, b]) await links.close();
  hub.close();
});
