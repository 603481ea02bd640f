import { assertEquals, assertRejects } from "@std/assert";
import { test } from "#test";
import { createSilentObserver } from "../../adapters/observer_silent.ts";
import { Engine, type EngineJournal } from "../../src/buffer/engine.ts";
import { Pool } from "../../src/buffer/pool.ts";
import { Stamps } from "../../src/buffer/stamps.ts";
import { WriteDaemon } from "../../src/buffer/write_daemon.ts";
import { CohortError } from "../../src/ground/errors.ts";
import type { Clock } from "../../src/ports/mod.ts";

const BLOCK_BYTES = 8192;

test("WriteDaemon: rests on the clock while what is dirty is held and belongs to a lost volume", async () => {
  const pool = new Pool(16 * BLOCK_BYTES, BLOCK_BYTES);
  const frame = pool.take(0, 9);
  pool.loaded(frame);
  pool.changed(frame, 0, 8);
  let timers = 0;
  const clock: Clock = {
    traits: { version: 1, virtual: true },
    monotonicMs: () => 0,
    wallMs: () => 0,
    after: () => {
      timers++;
      return () => {};
    },
  };
  const journal = { position: 8, makeSafe: () => Promise.resolve() };
  const daemon = new WriteDaemon({
    engine: new Engine(pool, journal as unknown as EngineJournal, new Stamps(1)),
    journal,
    images: {
      makeRoom: (blocks) => blocks,
      writeCycle: () => Promise.resolve(),
      release: () => Promise.resolve(),
    },
    volumeAt: () => undefined,
    segmentAt: () => 1,
    clock,
    observer: createSilentObserver(),
    onStop: () => {},
    onHome: () => Promise.resolve(),
  }, { cycleBlocks: 4, dirtyTarget: 8, checkpointBytes: 1e9, idleMs: 1e6 });
  const home = daemon.checkpoint();
  // All of these turns come before any timer could: a daemon that spins would never let one.
  for (let turn = 0; turn < 1000; turn++) await Promise.resolve();
  const { updatersHeld } = daemon.status;
  daemon.stop(new CohortError("CLOSED", "The test is over"));
  await assertRejects(() => home, CohortError, "over");
  assertEquals({ timers, updatersHeld }, { timers: 1, updatersHeld: false });
});
