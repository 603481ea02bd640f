/** What a shared block that comes, or comes back, waits for: what must be safe before it is seen. */
import { test } from "#test";
import { assert, assertEquals } from "@std/assert";
import { createMemoryStorage } from "../../adapters/storage_memory.ts";
import { UNKNOWN } from "../../src/buffer/block_holder.ts";
import { Held } from "../../src/buffer/held_block.ts";
import { NO_FRAME, Pool } from "../../src/buffer/pool.ts";
import { takeBack, type TakeBackWorld } from "../../src/buffer/take_back.ts";
import { Volume } from "../../src/storage/volume.ts";
import { BLOCK, FACTS, fakeVolume, load } from "./buffer_rig.ts";

/** The bytes of a leaf with a stamp. */
function leaf(block: number, stamp: number): Uint8Array {
  const pool = new Pool(16 * BLOCK, BLOCK);
  const frame = load(pool, 0, block, stamp);
  return pool.bytes.slice(frame * BLOCK, (frame + 1) * BLOCK);
}

/** A member whose journal stands there, and whose reads all succeed. */
function worldOf(pool: Pool, position: number): TakeBackWorld {
  const fail = (): never => {
    throw new Error("Nothing was to fail");
  };
  return { pool, position: () => position, rest: fail, onTrouble: fail };
}

test("Held: a block that comes by image was revealed by what was when it came, clean or not", () => {
  for (const isDirty of [false, true]) {
    const pool = new Pool(16 * BLOCK, BLOCK);
    const held = new Held(fakeVolume(), 5);
    pool.reveal(700);
    held.state = { ...UNKNOWN, mode: "EX", turn: 3, isHere: true, isDirty };
    held.bytes = leaf(5, 9);
    assert(held.place(pool, 800));
    assertEquals([pool.changedAt[held.frame], pool.isDirty(held.frame)], [700, isDirty]);
  }
});

test("Held: what is taken back before its image could leave is not safe yet", async () => {
  const storage = createMemoryStorage();
  storage.createRegister("/v", new Uint8Array(16 * BLOCK));
  const file = await storage.openVolume("/v", { access: "write", blockSize: BLOCK });
  const pool = new Pool(16 * BLOCK, BLOCK);
  const held = new Held(new Volume(file, FACTS, 0, 16, false), 5);
  // Changed by the group that ends at 400, and sent; the view ended before 400 was safe.
  held.frame = load(pool, 0, 5, 9);
  pool.changed(held.frame, 300, 400);
  held.keepSent(pool, 7);
  held.leave(pool);
  held.state = { ...UNKNOWN, sent: [{ to: "b", turn: 7, isDirty: true }] };
  assertEquals(await takeBack(held, 7, worldOf(pool, 400), () => true), true);
  assert(held.frame !== NO_FRAME && pool.isDirty(held.frame));
  assertEquals(pool.changedAt[held.frame], 400, "whoever reads it waits for that, and so does its image");

  // The same while no frame is to be had: others have all, and that of the bytes that were kept.
  held.keepSent(pool, 9);
  pool.pin(held.frame);
  const kept = held.frame;
  held.leave(pool);
  held.state = { ...UNKNOWN, sent: [{ to: "b", turn: 9, isDirty: true }] };
  for (let it = pool.takeScratch(); it !== NO_FRAME; it = pool.takeScratch());
  assertEquals(await takeBack(held, 9, worldOf(pool, 500), () => true), true);
  assertEquals([held.frame, held.after(pool)], [NO_FRAME, 500]);
  pool.unpin(kept);
  assert(held.place(pool, 600));
  assertEquals(held.after(pool), 500);
});
