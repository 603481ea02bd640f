/** Which free blocks of a shared volume are had before they are needed, and how many at a time. */
import { test } from "#test";
import { assertEquals } from "@std/assert";
import { CohortError, InvariantError } from "../../src/ground/errors.ts";
import { MODE_EX, Pool } from "../../src/buffer/pool.ts";
import type { Need } from "../../src/buffer/step.ts";
import { type BlockSource, TakingAhead } from "../../src/buffer/taking_ahead.ts";
import type { Volume } from "../../src/storage/volume.ts";
import { BLOCK, fakeVolume } from "./buffer_rig.ts";

/** Frames: at most eight blocks are taken at a time. */
const FRAMES = 256;

/** A source that gives each block when it is told to, and a pool that has it then. */
class Giving implements BlockSource {
  readonly pool = new Pool(FRAMES * BLOCK, BLOCK);
  readonly volume: Volume = fakeVolume();
  readonly ahead = new TakingAhead(this, this, this.volume);
  readonly asked: number[] = [];
  readonly troubles: unknown[] = [];
  readonly onTrouble = (error: unknown): void => void this.troubles.push(error);
  isSlow = false;
  /** What is on its way. */
  readonly waiting: Array<{ readonly give: () => void; readonly fail: (error: unknown) => void }> = [];

  constructor() {
    this.volume.isShared = true;
  }

  obtain({ volume, block, mode, isFresh }: Need, signal: AbortSignal | undefined): number | Promise<number> {
    assertEquals([volume, mode, isFresh], [this.volume, "EX", true]);
    this.asked.push(block);
    if (!this.isSlow) return this.#frame(block);
    return new Promise((resolve, reject) => {
      this.waiting.push({ give: () => resolve(this.#frame(block)), fail: reject });
      signal!.addEventListener("abort", () => reject(signal!.reason));
    });
  }

  #frame(block: number): number {
    const frame = this.pool.take(this.volume.index, block);
    this.pool.modeOf[frame] = MODE_EX;
    this.pool.loaded(frame);
    return frame;
  }

  /** Uses a block; all behind it are free. Answers which were asked for then. */
  use(block: number): number[] {
    const before = this.asked.length;
    const count = this.ahead.took(block, block + 1);
    this.ahead.have(Array.from({ length: count }, (_, at) => block + 1 + at));
    return this.asked.slice(before);
  }

  /** Another member has taken it. */
  lose(block: number): void {
    this.pool.drop(this.pool.find(this.volume.index, block));
  }

  get pinned(): number {
    return [...this.pool.framesOf(this.volume.index)].filter((frame) => this.pool.pinsOf(frame) > 0).length;
  }
}

test("taking ahead: more at a time as long as all are used, each once, up to a part of the pool", () => {
  const giving = new Giving();
  assertEquals(giving.use(10), [], "nobody knows yet whether it goes on");
  assertEquals(giving.use(11), [12, 13]);
  assertEquals(giving.use(11), [], "another attempt of the same change");
  assertEquals(giving.use(12), [14, 15, 16]);
  assertEquals(giving.use(13), []);
  assertEquals(giving.use(14), [17, 18, 19, 20, 21, 22]);
  for (let block = 15; block < 40; block++) giving.use(block);
  assertEquals(giving.asked, Array.from({ length: giving.asked.length }, (_, at) => 12 + at));
  const ahead = giving.asked.at(-1)! - 39;
  assertEquals([ahead > 3, ahead <= 8], [true, true], `${ahead} ahead`);
  assertEquals(giving.use(20), [], "freed since, and used anew");
  assertEquals(giving.pinned, 0);
});

test("taking ahead: none once one has gone, or another member has used some in between", () => {
  const giving = new Giving();
  for (let block = 10; block < 20; block++) giving.use(block);
  giving.lose(20);
  assertEquals(giving.use(20), []);
  assertEquals(giving.use(40), [], "others used what was taken, and more");
  assertEquals(giving.use(41), [42, 43]);
  const before = giving.asked.length;
  for (let block = 50; block < 90; block += 2) giving.use(block);
  assertEquals(giving.asked.length, before, "two members use every other one");
});

test("taking ahead: nothing more is asked while something is on its way, or after the end", async () => {
  const giving = new Giving();
  giving.isSlow = true;
  giving.use(10);
  assertEquals(giving.use(11), [12, 13]);
  assertEquals(giving.use(12), []);
  giving.waiting[0]!.give();
  await Promise.resolve();
  assertEquals(giving.use(13), [], "one is on its way still");
  giving.waiting[1]!.fail(new CohortError("IO", "It could not be read"));
  await settled();
  assertEquals(giving.use(14), [15, 16, 17, 18], "what failed is asked for by whoever needs it");
  giving.ahead.end();
  await settled();
  for (let block = 15; block < 30; block++) assertEquals(giving.use(block), []);
  assertEquals([giving.pinned, giving.troubles], [0, []]);
});

test("taking ahead: a broken invariant is told", async () => {
  const giving = new Giving();
  giving.isSlow = true;
  giving.use(10);
  giving.use(11);
  const broken = new InvariantError("It broke");
  giving.waiting[0]!.fail(broken);
  await settled();
  assertEquals(giving.troubles, [broken]);
});

async function settled(): Promise<void> {
  for (let turn = 0; turn < 4; turn++) await Promise.resolve();
}
