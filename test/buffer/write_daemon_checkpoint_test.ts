import { assert, assertEquals } from "@std/assert";
import { test } from "#test";
import { createSystemClock } from "../../adapters/clock_system.ts";
import { createSilentObserver } from "../../adapters/observer_silent.ts";
import { Engine, type EngineJournal } from "../../src/buffer/engine.ts";
import { Pool } from "../../src/buffer/pool.ts";
import { Stamps } from "../../src/buffer/stamps.ts";
import { WriteDaemon } from "../../src/buffer/write_daemon.ts";
import { CohortError } from "../../src/ground/errors.ts";
import type { VolumeFile } from "../../src/ports/mod.ts";
import { Volume } from "../../src/storage/volume.ts";

const BLOCK_BYTES = 8192;
const CAPACITY = 32;

/** A daemon over a volume that takes every write, with a hook into the truncation of the journal. */
function rig(cycleBlocks: number, onHome: () => Promise<void> = () => Promise.resolve()) {
  const pool = new Pool(CAPACITY * BLOCK_BYTES, BLOCK_BYTES);
  const journal = { position: 100, makeSafe: () => Promise.resolve() };
  const id = "0".repeat(32);
  const file = { path: "/v", write: () => undefined, sync: () => undefined } as unknown as VolumeFile;
  const volume = new Volume(
    file,
    { blockSize: BLOCK_BYTES, extentBlocks: 64, tag: 1, id, incarnation: id },
    0,
    64,
    false,
  );
  const daemon = new WriteDaemon({
    engine: new Engine(pool, journal as unknown as EngineJournal, new Stamps(1)),
    journal,
    images: {
      makeRoom: (blocks) => blocks,
      writeCycle: () => Promise.resolve(),
      release: () => Promise.resolve(),
    },
    volumeAt: () => volume,
    segmentAt: () => 1,
    clock: createSystemClock(),
    observer: createSilentObserver(),
    onStop: () => {},
    onHome,
  }, { cycleBlocks, dirtyTarget: CAPACITY, checkpointBytes: 1e9, idleMs: 1e6 });
  /** Changes blocks as replay does: at the position where the journal stands. */
  const replay = (from: number, count: number): void => {
    for (let block = from; block < from + count; block++) {
      const frame = pool.take(0, block);
      pool.loaded(frame);
      pool.changed(frame, journal.position, journal.position);
      pool.unpin(frame);
    }
  };
  return { pool, daemon, journal, replay, volume };
}

test("WriteDaemon: a checkpoint brings home what changed at the position it is asked at", async () => {
  const { pool, daemon, replay } = rig(2);
  replay(5, 9);
  await daemon.checkpoint();
  assertEquals(pool.dirtyCount, 0);
  daemon.stop(new CohortError("CLOSED", "The test is over"));
});

test("WriteDaemon: a checkpoint asked for during truncation waits for what is dirty by then", async () => {
  let late: Promise<void> | undefined;
  let dirtyAfter = -1;
  const { pool, daemon, journal, replay } = rig(2, async () => {
    if (late !== undefined) return;
    replay(20, 5);
    journal.position += 10;
    replay(30, 5);
    late = daemon.checkpoint().then(() => void (dirtyAfter = pool.dirtyCount));
    await new Promise((resolve) => setTimeout(resolve, 1));
  });
  replay(5, 1);
  await daemon.checkpoint();
  assert(late !== undefined);
  await late;
  assertEquals(dirtyAfter, 0);
  daemon.stop(new CohortError("CLOSED", "The test is over"));
});

test("WriteDaemon: a block that is wanted home goes there alone; if it is clean nobody waits", async () => {
  const { pool, daemon, replay, volume } = rig(4);
  replay(5, 9);
  await daemon.bringHome(volume, 11);
  assertEquals([pool.dirtyCount, pool.isDirty(pool.findAny(0, 11))], [8, false]);
  await Promise.all([
    daemon.bringHome(volume, 12),
    daemon.bringHome(volume, 13),
    daemon.bringHome(volume, 12),
  ]);
  assertEquals([pool.dirtyCount, daemon.status.recent.map((it) => it.blocks)], [6, [1, 2]]);
  // Where more is to go home they go first.
  const all = daemon.checkpoint();
  await daemon.bringHome(volume, 10);
  assert(!pool.isDirty(pool.findAny(0, 10)));
  await all;
  await Promise.all([daemon.bringHome(volume, 10), daemon.bringHome(volume, 1_000)]);
  assertEquals(pool.dirtyCount, 0);
  daemon.stop(new CohortError("CLOSED", "The test is over"));
});

test("WriteDaemon: a block that is wanted home is not said to be there when the member stops", async () => {
  const { daemon, replay, volume } = rig(4);
  replay(5, 2);
  daemon.stop(new CohortError("CLOSED", "The test is over"));
  let said = 0;
  void daemon.bringHome(volume, 5).then(() => said++);
  for (let turn = 0; turn < 100; turn++) await Promise.resolve();
  assertEquals(said, 0);
});
