import { assert, assertEquals, assertRejects } from "@std/assert";
import { test } from "#test";
import { CohortError } from "../../src/ground/errors.ts";
import { FaultPlan, type FaultRule } from "../../src/testing/sim/faults.ts";
import { SimHost } from "../../src/testing/sim/host.ts";
import {
  ALWAYS_PROMISES,
  ALWAYS_VALUES,
  drawLatencies,
  type Latencies,
} from "../../src/testing/sim/latencies.ts";
import { Prng } from "../../src/testing/sim/prng.ts";
import { Scheduler } from "../../src/testing/sim/scheduler.ts";
import { SimStorage } from "../../src/testing/sim/sim_storage.ts";
import { Trace } from "../../src/testing/sim/trace.ts";

const BOUNDS = { eventsMax: 1_000_000, timeMax: Number.MAX_SAFE_INTEGER };
const BLOCK = 8192;

interface World {
  readonly host: SimHost;
  readonly trace: Trace;
  run<T>(body: () => Promise<T>): Promise<T>;
}

function makeWorld(seed: number, latencies: Latencies, rules: FaultRule[] = []): World {
  const trace = new Trace();
  const scheduler = new Scheduler(seed, trace);
  const plan = new FaultPlan(new Prng(seed, "faults"), rules);
  const host = new SimHost({ seed, scheduler, trace, latencies, plan });
  const run = async <T>(body: () => Promise<T>): Promise<T> => {
    let outcome: { value: T } | { error: unknown } | undefined;
    scheduler.after(0, () => {
      body().then((value) => (outcome = { value }), (error) => (outcome = { error }));
    });
    await scheduler.run(() => outcome !== undefined, BOUNDS);
    assert(outcome !== undefined, "the body never ended");
    if ("error" in outcome) throw outcome.error;
    return outcome.value;
  };
  return { host, trace, run };
}

function always(kind: FaultRule["kind"], most = 1): FaultRule {
  return { kind, use: "any", per10000: 10_000, most };
}

test("SimStorage: answers by value, by promise and mixed do the same", async () => {
  for (const latencies of [ALWAYS_VALUES, ALWAYS_PROMISES, drawLatencies(new Prng(3))]) {
    const { host, run } = makeWorld(1, latencies);
    const storage = new SimStorage(host.spawn());
    await run(async () => {
      assertEquals(await storage.createRegister("/d/v.dat", new Uint8Array(2 * BLOCK)), true);
      assertEquals(await storage.createRegister("/d/v.dat", new Uint8Array(BLOCK)), false);
      const volume = await storage.openVolume("/d/v.dat", { blockSize: BLOCK, access: "write" });
      await volume.grow(8);
      assertEquals(await volume.size(), 8);
      const bytes = new Uint8Array(BLOCK).fill(7);
      await volume.write([{ block: 5, bytes }, { block: 1, bytes }]);
      await volume.sync();
      const into = new Uint8Array(2 * BLOCK);
      assertEquals(await volume.read(5, into), 2 * BLOCK);
      assertEquals([into[0], into[BLOCK]], [7, 0]);
      const stream = await storage.openStream("/d/journal.000001", { access: "write", create: true });
      await stream.reserve(10_000);
      await stream.write(0, Uint8Array.of(1, 2, 3));
      await stream.sync(true);
      assertEquals(await stream.size(), 10_000);
      assertEquals(await storage.list("/d"), ["journal.000001", "v.dat"]);
      assertEquals(await storage.remove("/d/journal.000001"), true);
      assertEquals(await storage.remove("/d/journal.000001"), false);
      assertEquals(await storage.resolve("/d/../d/./v.dat"), "/d/v.dat");
    });
    assertEquals(host.complaints, []);
  }
});

test("SimStorage: after a kill nothing is answered, the page cache stays", async () => {
  const { host, run } = makeWorld(2, ALWAYS_VALUES);
  const first = host.spawn();
  const storage = new SimStorage(first);
  await run(async () => {
    const stream = await storage.openStream("/d/s", { access: "write", create: true });
    await stream.write(0, Uint8Array.of(9));
    host.kill(first);
    let answered = false;
    Promise.resolve(stream.sync(true)).then(() => (answered = true));
    await host.scheduler.sleep(1_000_000);
    assertEquals(answered, false);
    const again = await new SimStorage(host.spawn()).openStream("/d/s", { access: "read" });
    const into = new Uint8Array(1);
    assertEquals([await again.read(0, into), into[0]], [1, 9]);
  });
});

test("SimStorage: a stream's name is durable with its first sync, a register at once", async () => {
  let early = 0;
  for (let seed = 0; seed < 40; seed++) {
    const { host, run } = makeWorld(seed, ALWAYS_VALUES);
    await run(async () => {
      const storage = new SimStorage(host.spawn());
      await storage.openStream("/d/unsynced", { access: "write", create: true });
      const synced = await storage.openStream("/d/synced", { access: "write", create: true });
      await synced.sync(false);
      await storage.createRegister("/d/register", Uint8Array.of(1));
      host.powerCut();
      const names = await new SimStorage(host.spawn()).list("/d");
      assert(names.includes("synced") && names.includes("register"));
      if (names.includes("unsynced")) early++;
    });
  }
  assert(early > 5 && early < 35);
});

test("SimStorage: a register cut off in the middle is there whole or not at all", async () => {
  const seen = new Set<number>();
  for (let seed = 0; seed < 60; seed++) {
    const { host, run } = makeWorld(seed, ALWAYS_PROMISES);
    await run(async () => {
      const storage = new SimStorage(host.spawn());
      void storage.createRegister("/d/r", new Uint8Array(5000).fill(3));
      await host.scheduler.sleep(host.chance.below(400));
      host.powerCut();
      const bytes = await new SimStorage(host.spawn()).readRegister("/d/r");
      assert(bytes === undefined || bytes.every((b) => b === 3));
      seen.add(bytes?.length ?? 0);
    });
  }
  assertEquals([...seen].sort(), [0, 5000]);
});

test("SimStorage: a write on its way when its process dies lands later or never", async () => {
  const seen = new Set<number>();
  for (let seed = 0; seed < 40; seed++) {
    const { host, run } = makeWorld(seed, ALWAYS_PROMISES);
    await run(async () => {
      const process = host.spawn();
      const storage = new SimStorage(process);
      const owner = await storage.fence.identify("n1");
      await storage.createRegister("/d/v.dat", new Uint8Array(4 * BLOCK));
      const volume = await storage.openVolume("/d/v.dat", { blockSize: BLOCK, access: "write" });
      const set = [0, 1, 2, 3].map((block) => ({ block, bytes: new Uint8Array(BLOCK).fill(5) }));
      void volume.write(set);
      host.kill(process);
      const other = new SimStorage(host.spawn());
      const before = (await other.fence.examine(owner)).state;
      assertEquals(before, process.landing > 0 ? "alive" : "gone");
      await host.scheduler.sleep(1_000_000);
      assertEquals((await other.fence.examine(owner)).state, "gone");
      const into = new Uint8Array(4 * BLOCK);
      await (await other.openVolume("/d/v.dat", { blockSize: BLOCK, access: "read" })).read(0, into);
      seen.add([0, 1, 2, 3].filter((b) => into[b * BLOCK] === 5).length);
    });
  }
  assert(seen.size >= 4, `seen ${[...seen]}`);
});

test("SimStorage: each fault of the port strikes as its atlas line says", async () => {
  const expectCode = async (rule: FaultRule, code: string, body: (s: SimStorage) => Promise<unknown>) => {
    const { host, run } = makeWorld(4, ALWAYS_VALUES, [rule]);
    host.plan.active = false;
    await run(async () => {
      const storage = new SimStorage(host.spawn());
      await storage.createRegister("/d/v.dat", new Uint8Array(4 * BLOCK));
      host.plan.active = true;
      const error = await assertRejects(async () => await body(storage), CohortError);
      assertEquals(error.code, code);
      host.plan.active = false;
      await body(storage);
      assertEquals(host.plan.counts().get(rule.kind), 1);
    });
  };
  const volume = (s: SimStorage) => s.openVolume("/d/v.dat", { blockSize: BLOCK, access: "write" });
  const block = { block: 1, bytes: new Uint8Array(BLOCK) };
  await expectCode(always("read_error"), "IO", async (s) => (await volume(s)).read(0, new Uint8Array(BLOCK)));
  await expectCode(always("write_error"), "IO", async (s) => (await volume(s)).write([block]));
  await expectCode(always("sync_error_keep"), "IO", async (s) => (await volume(s)).sync());
  await expectCode(always("sync_error_drop"), "IO", async (s) => (await volume(s)).sync());
  await expectCode(always("disk_full"), "FULL", async (s) => (await volume(s)).grow(9));
  await expectCode(always("register_error"), "IO", async (s) => await s.readRegister("/d/v.dat"));
});

test("SimStorage: a failed sync is told to every handle that was open, to one opened later not", async () => {
  const { host, run } = makeWorld(4, ALWAYS_VALUES, [always("sync_error_drop")]);
  host.plan.active = false;
  await run(async () => {
    const storage = new SimStorage(host.spawn()), other = new SimStorage(host.spawn());
    await storage.createRegister("/d/v.dat", new Uint8Array(4 * BLOCK));
    const open = (at: SimStorage) => at.openVolume("/d/v.dat", { blockSize: BLOCK, access: "write" });
    const mine = await open(storage), theirs = await open(other);
    await theirs.write([{ block: 1, bytes: new Uint8Array(BLOCK).fill(7) }]);
    host.plan.active = true;
    await assertRejects(async () => await mine.sync(), CohortError);
    host.plan.active = false;
    // What it had written went with what the other one's sync has lost.
    await assertRejects(async () => await theirs.sync(), CohortError);
    await (await open(other)).sync();
    host.powerCut();
    const into = new Uint8Array(BLOCK);
    await (await open(new SimStorage(host.spawn()))).read(1, into);
    assertEquals(into[0], 0);
  });
});

test("SimStorage: a full disk refuses growth and lets writes inside reserved space through", async () => {
  const { host, run } = makeWorld(5, ALWAYS_VALUES);
  await run(async () => {
    const storage = new SimStorage(host.spawn());
    const stream = await storage.openStream("/d/s", { access: "write", create: true });
    await stream.reserve(5000);
    host.disk.capacityBytes = host.disk.usedBytes() + 100;
    await stream.write(4000, new Uint8Array(1000));
    assertEquals(
      (await assertRejects(async () => await stream.write(5000, new Uint8Array(200)), CohortError)).code,
      "FULL",
    );
    host.disk.capacityBytes = Number.MAX_SAFE_INTEGER;
    await stream.write(5000, new Uint8Array(200));
  });
});

test("SimStorage: bytes changed before the answer of their write are complained of", async () => {
  const { host, run } = makeWorld(6, ALWAYS_PROMISES);
  await run(async () => {
    const storage = new SimStorage(host.spawn());
    const stream = await storage.openStream("/d/s", { access: "write", create: true });
    const bytes = new Uint8Array(100);
    const answer = stream.write(0, bytes);
    bytes[50] = 1;
    await answer;
  });
  assertEquals(host.complaints.length, 1);
});

test("SimStorage: a stall delays one answer by 1 to 60 s", async () => {
  const { host, run } = makeWorld(7, ALWAYS_VALUES, [always("stall")]);
  const took = await run(async () => {
    const storage = new SimStorage(host.spawn());
    const stream = await storage.openStream("/d/s", { access: "write", create: true });
    const from = host.scheduler.now;
    await stream.sync(true);
    return host.scheduler.now - from;
  });
  assert(took >= 1_000_000 && took <= 61_000_000);
});

test("SimStorage: one seed gives one trace", async () => {
  const play = async (seed: number) => {
    const { host, trace, run } = makeWorld(seed, drawLatencies(new Prng(seed)));
    await run(async () => {
      const storage = new SimStorage(host.spawn());
      const stream = await storage.openStream("/d/s", { access: "write", create: true });
      await Promise.all([1, 2, 3, 4].map((i) => stream.write(i * 100, new Uint8Array(100).fill(i))));
      await stream.sync(false);
      host.powerCut();
    });
    return trace.hash();
  };
  assertEquals(await play(1), await play(1));
  assertEquals(await play(1), "0b68b5a78d837235");
});
