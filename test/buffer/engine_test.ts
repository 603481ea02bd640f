/** The engine: attempts, what they obtain, what they give back when that fails. */
import { test } from "#test";
import { assert, assertEquals, assertRejects } from "@std/assert";
import type { Change } from "../../src/buffer/change.ts";
import { AGAIN, Engine, type EngineJournal } from "../../src/buffer/engine.ts";
import { NO_FRAME, Pool } from "../../src/buffer/pool.ts";
import { Stamps } from "../../src/buffer/stamps.ts";
import { MISS, type Step } from "../../src/buffer/step.ts";
import { KIND_LEAF, sealBlock, setBlockStamp } from "../../src/ground/block.ts";
import { formatEntries } from "../../src/ground/entries_write.ts";
import { CohortError, isCode } from "../../src/ground/errors.ts";
import type { VolumeFile } from "../../src/ports/mod.ts";
import { Volume } from "../../src/storage/volume.ts";
import { BLOCK, FACTS, ListSink } from "./buffer_rig.ts";

/** A journal with space without end, whose acknowledgements the test gives. */
class OpenJournal extends ListSink implements EngineJournal {
  readonly frozenBy = undefined;
  readonly ceiling = Infinity;
  acknowledged = Infinity;
  readonly waiting: Array<() => void> = [];

  admit(): undefined {
    return undefined;
  }

  admitNow(): boolean {
    return true;
  }

  withdraw(): void {}

  ackOf(position: number): Promise<void> | undefined {
    if (position <= this.acknowledged) return undefined;
    return new Promise((done) => this.waiting.push(done));
  }
}

/** A volume of empty leaves whose reads answer when the test says so. */
class Reads {
  readonly held: Array<{ readonly block: number; readonly answer: (error?: Error) => void }> = [];
  /** Blocks asked of the file, in order. */
  readonly asked: number[] = [];
  /** Answers at once when false. */
  hold = false;
  readonly volume: Volume;

  constructor() {
    const file = {
      path: "/v",
      blockSize: BLOCK,
      read: (block: number, into: Uint8Array) => this.#read(block, into),
    };
    this.volume = new Volume(file as unknown as VolumeFile, FACTS, 0, 1_000, false);
  }

  #read(block: number, into: Uint8Array): number | Promise<number> {
    this.asked.push(block);
    const fill = (): number => {
      const none = new Uint8Array(0);
      formatEntries(into, 0, BLOCK, KIND_LEAF, 0, block, block, FACTS.tag, none, 0, undefined, -1);
      setBlockStamp(into, 0, 1);
      sealBlock(into, 0, BLOCK);
      return BLOCK;
    };
    if (!this.hold) return fill();
    return new Promise((done, fail) => {
      this.held.push({ block, answer: (error) => error === undefined ? done(fill()) : fail(error) });
    });
  }

  answer(error?: Error): void {
    for (const read of this.held.splice(0)) read.answer(error);
  }
}

interface EngineRig {
  readonly engine: Engine;
  readonly pool: Pool;
  readonly journal: OpenJournal;
  readonly reads: Reads;
}

function rig(frames: number = 64): EngineRig {
  const pool = new Pool(frames * BLOCK, BLOCK);
  const journal = new OpenJournal();
  const engine = new Engine(pool, journal, new Stamps(1));
  return { engine, pool, journal, reads: new Reads() };
}

/** An attempt that wants these blocks at once. */
function wants(volume: Volume, blocks: readonly number[]): (step: Step) => number[] | typeof AGAIN {
  return (step) => {
    const frames = blocks.map((block) => step.find(volume, block));
    return frames.includes(MISS) ? AGAIN : frames;
  };
}

/** Everything was given back. */
function assertIdle({ engine, pool }: EngineRig): void {
  assertEquals([engine.permits.left, engine.permits.waiting], [engine.permits.total, 0]);
  assertEquals(pool.pinnedCount, 0);
}

const range = (from: number, count: number): number[] => Array.from({ length: count }, (_, i) => from + i);
const turns = async (): Promise<void> => {
  for (let i = 0; i < 20; i++) await undefined;
};

test("Engine: an attempt gets what it lacks and runs again; what is resident is not read", async () => {
  const it = rig();
  await it.engine.read(wants(it.reads.volume, [5, 6, 7, 6]));
  await it.engine.read(wants(it.reads.volume, [7, 8]));
  assertEquals(it.reads.asked, [5, 6, 7, 8]);
  assertIdle(it);
});

test("Engine: a set above the first budget gets more, one above the pool is refused", async () => {
  const it = rig(64);
  assertEquals((await it.engine.read(wants(it.reads.volume, range(0, 60)))).length, 60);
  assertIdle(it);
  const error = await assertRejects(
    () => it.engine.read(wants(it.reads.volume, range(100, 61))),
    CohortError,
  );
  assertEquals([error.code, error.facts["needed"]], ["TRANSACTION_TOO_LARGE", 61]);
  assertIdle(it);
});

test("Engine: a block given back for lack of frames and asked for again counts as needed", async () => {
  const it = rig(24);
  const { volume } = it.reads;
  it.engine.attach({ makeRoom: () => Promise.resolve(), nudge: () => {} });
  // Others hold what is left beside the permits.
  for (let i = 0; i < 4; i++) it.pool.takeScratch();
  const attempt = (change: Change): typeof AGAIN | "done" => {
    const frames = range(0, 10).map((block) => change.find(volume, block));
    if (frames.includes(MISS)) return AGAIN;
    for (const frame of frames.slice(1)) if (change.own(volume, frame) === MISS) return AGAIN;
    const spare = change.spare();
    if (spare === MISS) return AGAIN;
    change.giveSpare(spare);
    return change.find(volume, 10) === MISS ? AGAIN : "done";
  };
  const error = await assertRejects(() => it.engine.change(attempt), CohortError);
  assertEquals([error.code, error.facts["needed"]], ["TRANSACTION_TOO_LARGE", 21]);
  assertIdle(it);
});

test("Engine: two sets that together are more than the pool go one after the other", async () => {
  const it = rig(64);
  it.reads.hold = true;
  const both = Promise.all(
    [0, 200, 400].map((from) => it.engine.read(wants(it.reads.volume, range(from, 45)))),
  );
  for (let i = 0; i < 200; i++) {
    it.reads.answer();
    await turns();
    assert(it.pool.pinnedCount <= 60);
  }
  assertEquals((await both).map((frames) => frames.length), [45, 45, 45]);
  assertIdle(it);
});

test("Engine: any number of readers wait for one read of a block", async () => {
  const it = rig(600);
  it.reads.hold = true;
  const all = Promise.all(range(0, 10).map(() => it.engine.read(wants(it.reads.volume, [5]))));
  const alone = Promise.all(range(0, 2).map((i) => it.engine.read(wants(it.reads.volume, [5, 9 + i]))));
  await turns();
  assertEquals(it.reads.asked.filter((block) => block === 5), [5]);
  it.reads.answer();
  assertEquals(new Set((await all).flat()).size, 1);
  await alone;
  assertIdle(it);
});

test("Engine: a failed read fails who waited and gives the frame back; the next may succeed", async () => {
  const it = rig(600);
  it.reads.hold = true;
  const failed = range(0, 5).map(() =>
    it.engine.read(wants(it.reads.volume, [5, 6])).catch((error) => error)
  );
  await turns();
  const error = new CohortError("IO", "read failed");
  for (const read of it.reads.held.splice(0)) read.answer(read.block === 5 ? error : undefined);
  assertEquals(await Promise.all(failed), range(0, 5).map(() => error));
  assertIdle(it);
  assertEquals([it.pool.findAny(0, 5), it.pool.residentCount], [NO_FRAME, 1]);
  it.reads.hold = false;
  await it.engine.read(wants(it.reads.volume, [5]));
  assertEquals(it.reads.asked, [5, 6, 5]);
  assertIdle(it);
});

test("Engine: a signal ends the wait for permits, and they go to the next", async () => {
  const it = rig(32);
  it.reads.hold = true;
  const holding = it.engine.read(wants(it.reads.volume, range(0, 20)));
  const controller = new AbortController();
  const waiting = it.engine.read(wants(it.reads.volume, [50]), { signal: controller.signal });
  const behind = it.engine.read(wants(it.reads.volume, [60]));
  await turns();
  assertEquals(it.engine.permits.waiting, 2);
  controller.abort(new Error("enough"));
  await assertRejects(() => waiting, Error, "enough");
  for (let i = 0; i < 10; i++) {
    it.reads.answer();
    await turns();
  }
  await Promise.all([holding, behind]);
  assertEquals(it.reads.asked.includes(50), false);
  assertIdle(it);
});

test("Engine: a signal that aborts during a read ends the attempt after it", async () => {
  const it = rig();
  it.reads.hold = true;
  const controller = new AbortController();
  const reading = it.engine.read(wants(it.reads.volume, [5]), { signal: controller.signal });
  await turns();
  controller.abort(new Error("enough"));
  it.reads.answer();
  await assertRejects(() => reading, Error, "enough");
  const late = it.engine.read(wants(it.reads.volume, [5]), { signal: controller.signal });
  await assertRejects(() => late, Error, "enough");
  assertIdle(it);
});

test("Engine: a signal ends the wait for clean frames", async () => {
  const it = rig(16);
  it.engine.attach({ makeRoom: () => new Promise(() => {}), nudge: () => {} });
  for (const block of range(0, 16)) {
    const [frame] = await it.engine.read(wants(it.reads.volume, [block]));
    it.pool.changed(frame!, 0, 1);
  }
  const controller = new AbortController();
  const stuck = [
    it.engine.read(wants(it.reads.volume, [50]), { signal: controller.signal }),
    it.engine.change((change) => {
      const frame = change.find(it.reads.volume, 5);
      return change.own(it.reads.volume, frame) === MISS ? AGAIN : true;
    }, { signal: controller.signal }),
  ];
  await turns();
  controller.abort(new Error("enough"));
  for (const it of stuck) await assertRejects(() => it, Error, "enough");
  assertIdle(it);
});

test("Engine: a read answers when what it saw is acknowledged, or with its signal's reason", async () => {
  const it = rig();
  const [frame] = await it.engine.read(wants(it.reads.volume, [5]));
  it.pool.changed(frame!, 0, 100);
  it.journal.acknowledged = 99;
  const observing = (step: Step): number | typeof AGAIN => {
    const found = step.find(it.reads.volume, 5);
    if (found === MISS) return AGAIN;
    step.observe(found);
    return found;
  };
  let answered = false;
  const reading = it.engine.read(observing).then(() => answered = true);
  const controller = new AbortController();
  const given = it.engine.read(observing, { signal: controller.signal });
  assertEquals(await it.engine.readUnacknowledged(observing), frame!);
  controller.abort(new Error("enough"));
  await assertRejects(() => given, Error, "enough");
  assertEquals(answered, false);
  for (const done of it.journal.waiting) done();
  await reading;
  assertIdle(it);
});

test("Engine: a change that throws or answers without touching anything publishes nothing", async () => {
  const it = rig();
  const touch = (change: Change): number => change.own(it.reads.volume, change.find(it.reads.volume, 5));
  await it.engine.read(wants(it.reads.volume, [5]));
  const throwing = (change: Change): never => {
    touch(change);
    throw new Error("planned");
  };
  await assertRejects(() => it.engine.change(throwing), Error, "planned");
  assertEquals((await it.engine.change(() => 7)).value, 7);
  assertEquals([it.journal.groups.length, it.pool.dirtyCount, it.pool.residentCount], [0, 0, 1]);
  await it.engine.change((change) => touch(change));
  assertEquals([it.journal.groups.length, it.pool.dirtyCount], [1, 1]);
  assertIdle(it);
});

test("Engine: quarantined volumes and stopped members refuse; a broken invariant is told", async () => {
  const it = rig();
  it.reads.volume.quarantine = new CohortError("JOURNAL_GAP", "a gap");
  const error = await assertRejects(() => it.engine.read(wants(it.reads.volume, [5])), CohortError);
  assertEquals([error.code, (error.cause as CohortError).code], ["QUARANTINED", "JOURNAL_GAP"]);
  let told: Error | undefined;
  it.engine.onBroken = (broken) => told = broken;
  const breaking = (): number => {
    it.pool.unpin(0);
    return 1;
  };
  await assertRejects(() => it.engine.read(breaking), Error, "unpinned");
  assertEquals(told?.name, "InvariantError");
  it.engine.stopped = new Error("the cause");
  const stopped = await assertRejects(() => it.engine.change(() => 1), CohortError);
  assert(isCode(stopped, "STOPPED"));
  assertEquals((stopped.cause as Error).message, "the cause");
});
