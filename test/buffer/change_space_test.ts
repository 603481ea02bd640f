import { test } from "#test";
import { assert, assertEquals } from "@std/assert";
import { type RigOptions, withRig } from "../global/rig.ts";

/** A journal of short segments: what is in flight has to wait for the next one, many times. */
const SHORT: RigOptions = { segmentBytes: 65_536, poolBlocks: 512, durability: "relaxed" };

const text = (i: number): string => `${i} ${"x".repeat(i % 90)}`;

test("changes that wait for journal space all get it, however many wait", () =>
  withRig(SHORT, async ({ global }) => {
    const records = global();
    const count = 2000;
    await Promise.all(Array.from({ length: count }, (_, i) => records.set([i], text(i))));
    for (let i = 0; i < count; i++) assertEquals(await records.get([i]), text(i));
  }));

test("large groups and small ones wait together, and increments count each once", () =>
  withRig(SHORT, async ({ global }) => {
    const records = global();
    const work: Array<Promise<unknown>> = [];
    for (let i = 0; i < 300; i++) {
      work.push(records.set(["large", i], "L".repeat(4000 + i)));
      work.push(records.set(["small", i], text(i)));
      work.push(records.increment(["count"]));
    }
    await Promise.all(work);
    assertEquals(await records.get(["count"]), 300);
    assertEquals((await records.get(["large", 299]) as string).length, 4299);
  }));

test("who gives up waiting for journal space leaves it to others", () =>
  withRig(SHORT, async ({ global }) => {
    const records = global();
    for (let round = 0; round < 5; round++) {
      const stop = new AbortController();
      const work: Array<Promise<string>> = [];
      for (let i = 0; i < 1000; i++) {
        const options = i % 2 === 0 ? { signal: stop.signal } : undefined;
        work.push(records.set([round, i], text(i), options).then(() => "set", () => "given up"));
      }
      await Promise.resolve();
      stop.abort();
      const ends = await Promise.all(work);
      assertEquals(ends.filter((end, i) => i % 2 === 1 && end !== "set"), []);
      if (round > 0) assert(ends.includes("given up"), "nobody had to wait");
    }
    for (let i = 1; i < 1000; i += 2) assertEquals(await records.get([4, i]), text(i));
  }));
