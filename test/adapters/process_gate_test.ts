import { assert, assertEquals } from "@std/assert";
import { execFileSync } from "node:child_process";
import {
  closeSync,
  constants,
  existsSync,
  mkdtempSync,
  openSync,
  readSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { Worker } from "node:worker_threads";
import { test } from "#test";
import { createProcessFence } from "../../adapters/fence_process.ts";
import { mapWords } from "../../adapters/common/shared_words.ts";

const NONCE = "0123456789abcdef0123456789abcdef";
let drawn = 0;

/** A directory with a data file, removed afterwards. */
async function inDirectory(body: (directory: string, nonce: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(`${tmpdir()}/cohort-gate-test-`);
  writeFileSync(`${directory}/data`, new Uint8Array(4096));
  try {
    await body(directory, (++drawn).toString(16).padStart(32, "0"));
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** A worker that answers one message at a time. */
class Peer {
  readonly worker: Worker;
  readonly #said: { what: string; thread: string }[] = [];
  #wake: () => void = () => {};

  constructor(data: Record<string, unknown>) {
    this.worker = new Worker(new URL("./gate_worker.mjs", import.meta.url), { workerData: data });
    this.worker.on("message", (message: { what: string; thread: string }) => {
      this.#said.push(message);
      this.#wake();
    });
  }

  async hear(): Promise<{ what: string; thread: string }> {
    while (this.#said.length === 0) await new Promise<void>((resolve) => this.#wake = resolve);
    return this.#said.shift()!;
  }

  async ask(what: string): Promise<string> {
    this.worker.postMessage(what);
    return (await this.hear()).what;
  }
}

async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const from = performance.now();
  while (!await condition()) {
    if (performance.now() - from > 10_000) throw new Error(`${what} did not come about in 10 s`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

test("Gate in its own isolate counts, shuts, and stays shut", () =>
  inDirectory(async (directory, nonce) => {
    const fence = createProcessFence();
    const gate = await fence.openGate(directory, nonce);
    const other = await createProcessFence().openGate(`${directory}/journal`, nonce);
    assert(gate.enter() && gate.enter() && other.enter());
    assertEquals([gate.inFlight(), other.inFlight()], [2, 1]);
    assertEquals(await fence.isOver(directory, nonce), false);
    assertEquals(await fence.shutGate(directory, nonce), "busy");
    assertEquals([gate.enter(), other.enter()], [false, true]);
    gate.leave();
    gate.leave();
    assertEquals(await fence.shutGate(directory, nonce), "over");
    gate.close();
    gate.close();
    assertEquals([gate.enter(), gate.inFlight(), other.inFlight()], [false, 0, 2]);
    other.leave();
    other.leave();
    other.close();
  }));

test("Gate closed with a write inside is released by its last leave", () =>
  inDirectory(async (directory, nonce) => {
    const fence = createProcessFence();
    const gate = await fence.openGate(directory, nonce);
    gate.enter();
    gate.close();
    assertEquals(await fence.shutGate(directory, nonce), "busy");
    gate.leave();
    // No trace of it is left: whoever had it has closed it.
    assertEquals(await fence.isOver(directory, nonce), true);
    const again = await fence.openGate(directory, nonce);
    assert(again.enter());
    again.leave();
    again.close();
  }));

test("Gate of a living Worker is shut from outside, once its writes have left", () =>
  inDirectory(async (directory, nonce) => {
    const fence = createProcessFence();
    const peer = new Peer({ directory, nonce });
    await peer.hear();
    assertEquals(await fence.isOver(directory, nonce), false);
    assertEquals(await peer.ask("enter"), "entered");
    assertEquals(await fence.shutGate(directory, nonce), "busy");
    assertEquals(await peer.ask("enter"), "refused");
    assertEquals(await peer.ask("leave"), "left");
    assertEquals(await fence.shutGate(directory, nonce), canMap(directory) ? "over" : "busy");
    await peer.worker.terminate();
  }));

test("Gate of a stalled Worker is shut while its loop is blocked, and refuses when it wakes", () =>
  inDirectory(async (directory, nonce) => {
    const fence = createProcessFence();
    const stop = new SharedArrayBuffer(4);
    const peer = new Peer({ directory, nonce, kind: "stall", stop });
    assertEquals((await peer.hear()).what, "stalled");
    const verdict = await fence.shutGate(directory, nonce);
    assertEquals(verdict, canMap(directory) ? "over" : "busy");
    Atomics.store(new Int32Array(stop), 0, 1);
    Atomics.notify(new Int32Array(stop), 0);
    assertEquals((await peer.hear()).what, canMap(directory) ? "refused" : "entered");
    await peer.worker.terminate();
  }));

test("Gate of a Worker that ended is over, also when it ended between enter and leave", () =>
  inDirectory(async (directory, nonce) => {
    const fence = createProcessFence();
    const peer = new Peer({ directory, nonce });
    await peer.hear();
    assertEquals(await peer.ask("enter"), "entered");
    await peer.worker.terminate();
    await until("isOver", () => fence.isOver(directory, nonce));
    assertEquals(await fence.shutGate(directory, nonce), "over");
  }));

test("Gate of a terminated Worker is not over while a write of it is in flight", () =>
  inDirectory(async (directory, nonce) => {
    const fence = createProcessFence();
    const fifo = `${directory}/pipe`;
    execFileSync("mkfifo", [fifo]);
    const peer = new Peer({ directory, nonce, kind: "pipe", fifo });
    const { thread } = await peer.hear();
    const ended = peer.worker.terminate();
    const reader = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      for (let round = 0; round < 20; round++) {
        await new Promise((resolve) => setTimeout(resolve, 10));
        assertEquals(await fence.isOver(directory, nonce), false, `round ${round}`);
        assertEquals(await fence.shutGate(directory, nonce), "busy", `round ${round}`);
      }
      const bytes = new Uint8Array(65536);
      await until("isOver", () => {
        try {
          while (readSync(reader, bytes, 0, bytes.length, null) > 0);
        } catch {
          // Empty for now.
        }
        return fence.isOver(directory, nonce);
      });
      await ended;
      await until("thread's end", () => !existsSync(`/proc/${thread}`));
    } finally {
      closeSync(reader);
    }
  }));

test("Gate costs nanoseconds", () =>
  inDirectory(async (directory, nonce) => {
    const gate = await createProcessFence().openGate(directory, nonce);
    const rounds = 200_000;
    let best = Infinity;
    for (let trial = 0; trial < 5; trial++) {
      const from = performance.now();
      for (let round = 0; round < rounds; round++) if (gate.enter()) gate.leave();
      best = Math.min(best, (performance.now() - from) * 1e6 / rounds);
    }
    gate.close();
    assert(best < 1000, `${best.toFixed(0)} ns for enter and leave`);
  }));

test("shutGate of a nonce never seen says over: its gate was opened before it claimed anything", () =>
  inDirectory(async (directory) => {
    assertEquals(await createProcessFence().shutGate(directory, NONCE), "over");
  }));

function canMap(directory: string): boolean {
  writeFileSync(`${directory}/map`, new Uint8Array(4096));
  const mapping = mapWords(`${directory}/map`);
  mapping?.release();
  return mapping !== undefined;
}
