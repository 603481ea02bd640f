/** The pool against a model of it, and its parts at their edges. */
import { test } from "#test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { NO_FRAME, Pool } from "../../src/buffer/pool.ts";
import { Prng } from "../support/prng.ts";
import { BLOCK, load } from "./buffer_rig.ts";

/** What the model knows of a frame. */
interface Held {
  readonly volume: number;
  readonly block: number;
  state: "loading" | "clean" | "dirty";
  pins: number;
  neededFrom: number;
}

/** A pool and a map beside it. */
class Model {
  readonly pool: Pool;
  readonly held = new Map<number, Held>();
  readonly scratch = new Set<number>();
  /** Dirty frames handed out by `takeDirty`. */
  readonly away: number[] = [];
  position = 0;
  readonly #prng: Prng;

  constructor(prng: Prng, frames: number) {
    this.#prng = prng;
    this.pool = new Pool(frames * BLOCK, BLOCK);
  }

  step(): void {
    const { pool } = this;
    const volume = this.#prng.below(3);
    const block = this.#prng.below(60) * (this.#prng.once(3) ? 4_096 : 1);
    const frame = this.frameOf(volume, block);
    assertEquals(pool.findAny(volume, block), frame ?? NO_FRAME);
    const held = frame === undefined ? undefined : this.held.get(frame)!;
    const visible = held !== undefined && held.state !== "loading";
    assertEquals(pool.find(volume, block), visible ? frame! : NO_FRAME);
    const draw = this.#prng.below(10);
    if (held === undefined) this.miss(volume, block, draw);
    else if (held.state === "loading") this.settle(frame!, held, draw);
    else this.use(frame!, held, draw);
    if (draw === 9) this.clean();
    this.compare();
  }

  miss(volume: number, block: number, draw: number): void {
    const { pool } = this;
    const frame = draw < 7 ? pool.take(volume, block) : pool.takeScratch();
    if (frame === NO_FRAME) {
      assertEquals(pool.takeableCount(), 0);
      return this.clean();
    }
    this.evicted(frame);
    if (draw < 7) this.held.set(frame, { volume, block, state: "loading", pins: 1, neededFrom: 0 });
    else if (draw === 7) {
      pool.adopt(frame, volume, block);
      this.held.set(frame, { volume, block, state: "clean", pins: 0, neededFrom: 0 });
    } else this.scratch.add(frame);
  }

  settle(frame: number, held: Held, draw: number): void {
    const { pool } = this;
    if (draw < 7) {
      pool.loaded(frame);
      held.state = "clean";
      pool.unpin(frame);
      held.pins--;
    } else if (draw === 7) {
      pool.abandon(frame);
      pool.unpin(frame);
      pool.releaseScratch(frame);
      this.held.delete(frame);
    } else {
      pool.unpin(frame);
      pool.drop(frame);
      this.held.delete(frame);
    }
  }

  use(frame: number, held: Held, draw: number): void {
    const { pool } = this;
    if (draw < 4) {
      const start = this.position;
      this.position += 10;
      pool.changed(frame, start, this.position);
      if (held.state === "clean") held.neededFrom = start;
      held.state = "dirty";
    } else if (draw < 6 && held.pins < 3) {
      pool.pin(frame);
      held.pins++;
    } else if (held.pins > 0) {
      pool.unpin(frame);
      held.pins--;
    } else if (draw === 6 && !this.away.includes(frame)) {
      pool.drop(frame);
      this.held.delete(frame);
    } else if (draw === 7) this.giveScratch();
  }

  giveScratch(): void {
    for (const frame of this.scratch) {
      this.pool.releaseScratch(frame);
      this.scratch.delete(frame);
      return;
    }
  }

  /** Some dirty frames go home: those dirty for longest first, and each but once. */
  clean(): void {
    const { pool } = this;
    this.giveScratch();
    const taken = pool.takeDirty(this.#prng.below(6, 1));
    assertEquals(new Set(taken).size, taken.length);
    for (const frame of taken) {
      const held = this.held.get(frame)!;
      assertEquals(held.state, "dirty");
      const how = this.#prng.below(4);
      if (how === 0) pool.requeue(frame);
      else if (how === 1) {
        pool.partlyCleaned(frame, this.position);
        held.neededFrom = this.position;
      } else {
        pool.cleaned(frame);
        held.state = "clean";
      }
    }
  }

  /** A frame that is handed out anew held nothing, or a clean block without a pin. */
  evicted(frame: number): void {
    assert(!this.scratch.has(frame));
    const held = this.held.get(frame);
    assert(held === undefined || (held.state === "clean" && held.pins === 0));
    this.held.delete(frame);
  }

  frameOf(volume: number, block: number): number | undefined {
    for (const [frame, held] of this.held) if (held.volume === volume && held.block === block) return frame;
    return undefined;
  }

  compare(): void {
    const { pool } = this;
    const all = [...this.held.values()];
    assertEquals(pool.dirtyCount, all.filter((it) => it.state === "dirty").length);
    assertEquals(pool.pinnedCount, all.filter((it) => it.pins > 0).length);
    assertEquals(pool.residentCount, all.length + this.scratch.size);
    const needed = all.filter((it) => it.state === "dirty").map((it) => it.neededFrom);
    assertEquals(pool.oldestNeeded(1e9), Math.min(1e9, ...needed));
  }
}

for (const [frames, seed] of [[16, 1], [16, 2], [40, 3], [100, 4]] as const) {
  test(`Pool: agrees with a map: ${frames} frames, seed ${seed}`, () => {
    const model = new Model(new Prng(seed), frames);
    for (let i = 0; i < 8_000; i++) model.step();
    for (const [frame, held] of model.held) {
      assertEquals(model.pool.findAny(held.volume, held.block), frame);
      assertEquals(model.pool.isDirty(frame), held.state === "dirty");
      assertEquals(model.pool.pinsOf(frame), held.pins);
    }
  });
}

test("Pool: frames of one volume are told apart from another's, and listed", () => {
  const pool = new Pool(16 * BLOCK, BLOCK);
  const frames = [0, 1, 2].map((volume) => load(pool, volume, 5));
  assertEquals(new Set(frames).size, 3);
  pool.takeScratch();
  for (const volume of [0, 1, 2]) assertEquals([...pool.framesOf(volume)], [frames[volume]]);
  pool.drop(frames[1]!);
  assertEquals(pool.findAny(1, 5), NO_FRAME);
  assertEquals(pool.find(2, 5), frames[2]);
});

test("Pool: what is looked at again stays longer than what is not", () => {
  const pool = new Pool(16 * BLOCK, BLOCK);
  for (let block = 0; block < 16; block++) load(pool, 0, block);
  load(pool, 0, 100); // every reference bit is cleared on the way to the first victim
  for (const hot of [3, 7, 11]) pool.find(0, hot);
  for (let block = 101; block < 112; block++) load(pool, 0, block);
  for (const hot of [3, 7, 11]) assert(pool.findAny(0, hot) !== NO_FRAME, `block ${hot} was given away`);
});

test("Pool: ensureFree makes room of clean frames only, and says when it cannot", () => {
  const pool = new Pool(16 * BLOCK, BLOCK);
  const frames = Array.from({ length: 16 }, (_, block) => load(pool, 0, block));
  for (const frame of frames.slice(0, 6)) pool.changed(frame, 0, 10);
  for (const frame of frames.slice(6, 9)) pool.pin(frame);
  assertEquals(pool.ensureFree(7), true);
  assertEquals(pool.ensureFree(8), false);
  assertEquals(pool.residentCount, 9);
  for (let i = 0; i < 7; i++) assert(pool.takeScratch() !== NO_FRAME);
  assertEquals(pool.takeScratch(), NO_FRAME);
  assertEquals(pool.take(0, 99), NO_FRAME);
  assertEquals(pool.takeableCount(), 0);
});

test("Pool: dirty frames come in the order they became dirty, also round the end of the ring", () => {
  const pool = new Pool(16 * BLOCK, BLOCK);
  const frames = Array.from({ length: 16 }, (_, block) => load(pool, 0, block));
  for (let round = 0; round < 5; round++) {
    const order = [...frames];
    new Prng(round).shuffle(order);
    for (const frame of order) pool.changed(frame, 10 * round, 10 * round + 10);
    for (const frame of order.slice(3)) pool.changed(frame, 500, 510);
    assertEquals([...pool.takeDirty(5), ...pool.takeDirty(100)], order);
    assertEquals(pool.takeDirty(1), []);
    for (const frame of order) pool.cleaned(frame);
  }
});

test("Pool: wrong use is a broken invariant, a pool of fewer than 16 blocks a RangeError", () => {
  const pool = new Pool(16 * BLOCK, BLOCK);
  const frame = load(pool, 0, 1);
  assertThrows(() => pool.unpin(frame), Error, "unpinned more often");
  const other = load(pool, 0, 2);
  assertThrows(() => pool.releaseScratch(other), Error, "not scratch");
  assertThrows(() => pool.adopt(other, 0, 3), Error, "not scratch");
  assertThrows(() => pool.loaded(other), Error, "loaded twice");
  assertThrows(() => pool.abandon(other), Error, "not loading");
  assertThrows(() => pool.cleaned(other), Error, "not dirty");
  assertThrows(() => new Pool(16 * BLOCK - 1, BLOCK), RangeError, "16 blocks");
});
