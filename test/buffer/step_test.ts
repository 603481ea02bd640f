/** Steps and changes over a real pool, with volumes that are only names. */
import { test } from "#test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { Change } from "../../src/buffer/change.ts";
import { NO_FRAME, Pool } from "../../src/buffer/pool.ts";
import { MISS, Step } from "../../src/buffer/step.ts";
import { blockStamp, KIND_LEAF } from "../../src/ground/block.ts";
import { entryCount, search } from "../../src/ground/entries.ts";
import { BLOCK, fakeVolume, ListSink, load } from "./buffer_rig.ts";

const NO_KEY = new Uint8Array(0);
const KEY = Uint8Array.of(0xff, 0x61, 0);
const VALUE = Uint8Array.of(3, 2);

function leaf(change: Change, block: number): number {
  return change.createEntries(fakeVolume(), block, KIND_LEAF, 0, block, NO_KEY, 0, undefined, -1);
}

test("Step: a block asked for several times is one need, and is asked for anew after clear", () => {
  const step = new Step(new Pool(16 * BLOCK, BLOCK), false);
  const volume = fakeVolume();
  for (let i = 0; i < 5; i++) assertEquals(step.find(volume, 7), MISS);
  step.find(volume, 8);
  step.find(fakeVolume(1), 7);
  assertEquals(step.needs.map((need) => [need.volume.index, need.block]), [[0, 7], [0, 8], [1, 7]]);
  assertEquals(step.framesNeeded, 3);
  step.clear();
  assertEquals(step.lacks, false);
  step.find(volume, 7);
  assertEquals(step.needs.length, 1);
});

test("Step: what is found is pinned once until release; a light step neither pins nor asks", () => {
  const pool = new Pool(16 * BLOCK, BLOCK);
  const volume = fakeVolume();
  const frame = load(pool, 0, 7);
  const light = new Step(pool, true);
  assertEquals(light.find(volume, 7), frame);
  assertEquals(light.find(volume, 8), MISS);
  assertEquals([light.needs.length, pool.pinnedCount], [0, 0]);
  const step = new Step(pool, false);
  step.find(volume, 7);
  step.find(volume, 7);
  pool.pin(frame);
  step.inherit(frame);
  assertEquals(pool.pinsOf(frame), 1);
  assertEquals(step.pinnedCount, 1);
  step.clear();
  assertEquals(pool.pinsOf(frame), 1);
  step.release();
  assertEquals(pool.pinnedCount, 0);
});

test("Step: seen is the highest position of what was observed", () => {
  const pool = new Pool(16 * BLOCK, BLOCK);
  const step = new Step(pool, false);
  const [a, b] = [load(pool, 0, 1), load(pool, 0, 2)];
  pool.changed(a, 0, 70);
  pool.changed(b, 70, 90);
  for (const frame of [b, a]) step.observe(frame);
  assertEquals(step.seen, 90);
  step.clear();
  assertEquals(step.seen, 0);
});

test("Change: nothing in the pool is touched before publish, and discard leaves it as it was", () => {
  const pool = new Pool(16 * BLOCK, BLOCK);
  const volume = fakeVolume();
  const frame = load(pool, 0, 7);
  const before = pool.bytes.slice();
  const change = new Change(pool, false);
  const found = change.find(volume, 7);
  assertEquals(found, frame);
  const own = change.own(volume, found);
  assert(own !== frame);
  assertEquals(change.own(volume, own), own);
  assertEquals(change.find(volume, 7), own, "what the change owns is found as it left it");
  change.put(own, ~0, KEY, KEY.length, VALUE, 0, VALUE.length);
  leaf(change, 9);
  assertEquals(
    pool.bytes.subarray(frame * BLOCK, (frame + 1) * BLOCK),
    before.subarray(frame * BLOCK, (frame + 1) * BLOCK),
  );
  assertEquals(pool.find(0, 9), NO_FRAME);
  assertEquals(pool.dirtyCount, 0);
  change.release();
  assertEquals([pool.residentCount, pool.pinnedCount, change.touchedCount], [1, 0, 0]);
});

test("Change: publish is one group, every block has its stamp and is dirty from its beginning", () => {
  const pool = new Pool(16 * BLOCK, BLOCK);
  const volume = fakeVolume();
  const sink = new ListSink();
  const frame = load(pool, 0, 7);
  const change = new Change(pool, false);
  const own = change.own(volume, change.find(volume, 7));
  change.put(own, ~0, KEY, KEY.length, VALUE, 0, VALUE.length);
  leaf(change, 9);
  const end = change.publish(sink, 500);
  change.release();
  assertEquals(sink.groups, [{ stamp: 500, records: [[0, 7, 1], [0, 9, 0]] }]);
  const fresh = pool.find(0, 9);
  for (const it of [frame, fresh]) {
    assertEquals(blockStamp(pool.bytes, it * BLOCK), 500);
    assertEquals([pool.isDirty(it), pool.changedAt[it], pool.neededFrom[it]], [true, end, 0]);
  }
  assertEquals(entryCount(pool.bytes, frame * BLOCK), 1);
  assertEquals(search(pool.bytes, frame * BLOCK, KEY, KEY.length), 0);
  assertEquals([pool.residentCount, pool.pinnedCount], [2, 0]);
});

test("Change: a block formatted over a resident one takes its frame, and says what it replaces", () => {
  const pool = new Pool(16 * BLOCK, BLOCK);
  const sink = new ListSink();
  const frame = load(pool, 0, 7, 40);
  pool.changed(frame, 10, 20);
  const change = new Change(pool, false);
  assert(leaf(change, 7) !== MISS);
  sink.position = 100;
  change.publish(sink, 60);
  change.release();
  assertEquals(sink.groups[0]!.records, [[0, 7, 40]]);
  assertEquals(pool.find(0, 7), frame);
  assertEquals(blockStamp(pool.bytes, frame * BLOCK), 60);
  assertEquals(pool.neededFrom[frame], 10, "its volume still lacks what was changed first");
  assertEquals(pool.residentCount, 1);
});

test("Change: a block that is being loaded is waited for before it is formatted", () => {
  const pool = new Pool(16 * BLOCK, BLOCK);
  const loading = pool.take(0, 7);
  const change = new Change(pool, false);
  assertEquals(leaf(change, 7), MISS);
  assertEquals(change.needs.map((need) => need.block), [7]);
  change.clear();
  pool.unpin(loading);
  pool.drop(loading);
  assert(leaf(change, 7) !== MISS);
  change.release();
});

test("Change: without a frame for a copy it asks for one and counts what it had", () => {
  const pool = new Pool(16 * BLOCK, BLOCK);
  const volume = fakeVolume();
  const frames = Array.from({ length: 14 }, (_, i) => load(pool, 0, i));
  for (const frame of frames) pool.pin(frame);
  const change = new Change(pool, false);
  assert(change.own(volume, change.find(volume, 0)) !== MISS);
  assert(change.own(volume, change.find(volume, 1)) !== MISS);
  assertEquals(change.own(volume, change.find(volume, 2)), MISS);
  assert(change.framesNeeded >= 6, "three blocks and their copies");
  change.release();
  for (const frame of frames) pool.unpin(frame);
  assertEquals(pool.pinnedCount, 0);
});

test("Change: a block that is not owned cannot be changed", () => {
  const pool = new Pool(16 * BLOCK, BLOCK);
  const change = new Change(pool, false);
  const frame = load(pool, 0, 7);
  assertThrows(() => change.put(frame, ~0, KEY, KEY.length, VALUE, 0, 2), Error, "does not own");
  change.release();
});

test("Step: what it gives back when frames are short it keeps no more either, each block once", () => {
  const pool = new Pool(16 * BLOCK, BLOCK);
  const volume = fakeVolume();
  load(pool, 0, 7);
  load(pool, 0, 8);
  const step = new Step(pool, false);
  for (const block of [7, 8]) {
    step.find(volume, block);
    step.grips.push({ volume, block, mode: "PR", isFresh: false });
  }
  step.clear();
  step.find(volume, 8);
  assertEquals(step.letGoUnused().map(({ block }) => block), [7]);
  assertEquals([step.grips.map(({ block }) => block), step.pinnedCount], [[8], 1]);
  step.find(volume, 7);
  step.clear();
  step.find(volume, 8);
  assertEquals([step.letGoUnused(), step.pinnedCount], [[], 2]);
  step.release();
});
