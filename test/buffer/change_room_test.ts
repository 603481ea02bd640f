import { assert, assertEquals } from "@std/assert";
import { test } from "#test";
import { Change } from "../../src/buffer/change.ts";
import { NO_FRAME, Pool } from "../../src/buffer/pool.ts";
import { MISS } from "../../src/buffer/step.ts";
import type { VolumeFile } from "../../src/ports/mod.ts";
import { Volume } from "../../src/storage/volume.ts";

const BLOCK_BYTES = 8192;
const CAPACITY = 16;

function volumeOf(): Volume {
  const id = "0".repeat(32);
  const facts = { blockSize: BLOCK_BYTES, extentBlocks: 64, tag: 1, id, incarnation: id };
  return new Volume({ path: "/v" } as VolumeFile, facts, 0, 64, false);
}

/** A change that works on `count` new blocks at once: true when it had a frame for each. */
function attempt(change: Change, volume: Volume, count: number): boolean {
  change.clear();
  const value = new Uint8Array(8);
  for (let block = 5; block < 5 + count; block++) {
    if (change.createValue(volume, block, 3, value, 0, 8) === MISS) return false;
  }
  return true;
}

test("Change: wants the frames it gives back along with the one it lacked", () => {
  const pool = new Pool(CAPACITY * BLOCK_BYTES, BLOCK_BYTES);
  const change = new Change(pool, false);
  const volume = volumeOf();
  const others = Array.from({ length: CAPACITY - 3 }, () => pool.takeScratch());
  for (let wanted = 4; wanted <= 6; wanted++) {
    assert(!attempt(change, volume, 6));
    assertEquals(change.framesWanted, wanted, "the frames held, and the one lacking");
    assertEquals(change.framesNeeded, wanted, "each counted once");
    change.rest();
    assert(!pool.ensureFree(change.framesWanted), "what it held is not enough");
    pool.releaseScratch(others.pop()!);
    assert(pool.ensureFree(change.framesWanted));
  }
  assert(attempt(change, volume, 6));
  change.release();
});

test("Change: a spare counts while it is out", () => {
  const pool = new Pool(CAPACITY * BLOCK_BYTES, BLOCK_BYTES);
  const change = new Change(pool, false);
  for (let taken = 0; taken < CAPACITY - 2; taken++) pool.takeScratch();
  const first = change.spare();
  assert(first !== NO_FRAME);
  change.giveSpare(first);
  assert(change.spare() !== NO_FRAME && change.spare() !== NO_FRAME);
  assertEquals(change.spare(), MISS);
  assertEquals(change.framesWanted, 3);
  assert(change.spare() === MISS);
  assertEquals(change.framesWanted, 4);
});
