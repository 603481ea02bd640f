import { assertEquals, assertRejects } from "@std/assert";
import { test } from "#test";
import { createSystemClock } from "../../adapters/clock_system.ts";
import { createSilentObserver } from "../../adapters/observer_silent.ts";
import { Engine, type EngineJournal } from "../../src/buffer/engine.ts";
import { Stamps } from "../../src/buffer/stamps.ts";
import { Pool } from "../../src/buffer/pool.ts";
import { WriteDaemon } from "../../src/buffer/write_daemon.ts";
import { CohortError, type ErrorCode } from "../../src/ground/errors.ts";
import type { VolumeFile } from "../../src/ports/mod.ts";
import { Volume } from "../../src/storage/volume.ts";
import { BLOCK, FACTS, load } from "./buffer_rig.ts";

/** One cycle over two volumes, the second of which refuses its write or its sync. */
async function cycleWith(refused: "write" | "sync", code: ErrorCode) {
  const refuse = () => {
    throw new CohortError(code, "It is another's now");
  };
  const sound = { path: "/sound", write: () => undefined, sync: () => undefined };
  const files = [sound, { ...sound, path: "/lost", [refused]: refuse }] as unknown as VolumeFile[];
  const volumes = new Map(files.map((file, i) => [i, new Volume(file, FACTS, i, 64, false)]));
  const pool = new Pool(16 * BLOCK, BLOCK);
  const frames = [load(pool, 0, 9), load(pool, 1, 9)];
  for (const frame of frames) pool.changed(frame, 0, 8);
  const journal = { position: 8, makeSafe: () => Promise.resolve() };
  const released: number[] = [];
  let home = 0;
  const daemon = new WriteDaemon({
    engine: new Engine(pool, journal as unknown as EngineJournal, new Stamps(1)),
    journal,
    images: {
      makeRoom: (blocks) => blocks,
      writeCycle: () => Promise.resolve(),
      release: (cycle) => Promise.resolve(void released.push(cycle)),
    },
    volumeAt: (index) => volumes.get(index),
    segmentAt: () => 1,
    clock: createSystemClock(),
    observer: createSilentObserver(),
    onStop: () => {},
    onHome: (position) => Promise.resolve(void (home = position)),
  }, { cycleBlocks: 4, dirtyTarget: 8, checkpointBytes: 1e9, idleMs: 1e6 });
  const checkpoint = daemon.checkpoint();
  const rest = () => new Promise((done) => setTimeout(done, 5));
  for (let i = 0; i < 1000 && pool.isDirty(frames[0]!); i++) await rest();
  await rest();
  const dirty = frames.map((frame) => pool.isDirty(frame));
  daemon.stop(new CohortError("CLOSED", "The test is over"));
  await assertRejects(() => checkpoint, CohortError, "over");
  // It may rest before another try: that timer ends with it.
  await daemon.settled();
  return { released, home, dirty };
}

for (const [refused, code] of [["write", "FENCED"], ["write", "CLOSED"], ["sync", "CLOSED"]] as const) {
  test(`WriteDaemon: images of a volume whose ${refused} answers ${code} are not released`, async () => {
    assertEquals(await cycleWith(refused, code), { released: [], home: 0, dirty: [false, true] });
  });
}
