/** Permits in arrival order, and stamps that only rise. */
import { test } from "#test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { Permits } from "../../src/buffer/permits.ts";
import { Stamps } from "../../src/buffer/stamps.ts";
import { CohortError, isCode } from "../../src/ground/errors.ts";
import { STAMP_MAX } from "../../src/ground/limits.ts";
import { Prng } from "../support/prng.ts";

test("Permits: given at once while there are enough, then in order of arrival, large or small", async () => {
  const permits = new Permits(10);
  const order: string[] = [];
  const take = async (name: string, count: number): Promise<void> => {
    await permits.take(count);
    order.push(name);
  };
  assertEquals(permits.take(4), undefined);
  assertEquals(permits.take(6), undefined);
  const all = [take("large", 9), take("small", 1), take("one", 1)];
  assertEquals([permits.left, permits.waiting], [0, 3]);
  permits.give(1);
  await undefined;
  assertEquals(order, [], "a small one does not pass a large one");
  permits.give(8);
  await all[0];
  assertEquals(order, ["large"]);
  permits.give(1);
  permits.give(9);
  await Promise.all(all);
  assertEquals(order, ["large", "small", "one"]);
  assertEquals([permits.left, permits.waiting], [8, 0]);
});

test("Permits: more than there ever are is TRANSACTION_TOO_LARGE, and takes none", () => {
  const permits = new Permits(10);
  const error = assertThrows(() => permits.take(11), CohortError);
  assert(isCode(error, "TRANSACTION_TOO_LARGE"));
  assertEquals([error.facts["needed"], error.facts["allowed"], permits.left], [11, 10, 10]);
  assertThrows(() => permits.give(1), Error, "More permits were given back");
});

test("Permits: any traffic ends with all of them back", async () => {
  const prng = new Prng(5);
  const permits = new Permits(20);
  let held = 0;
  await Promise.all(Array.from({ length: 60 }, async () => {
    for (let i = 0; i < 20; i++) {
      const count = prng.below(21, 1);
      await permits.take(count);
      held += count;
      assert(held <= 20);
      for (let turn = prng.below(4); turn > 0; turn--) await undefined;
      held -= count;
      permits.give(count);
    }
  }));
  assertEquals([permits.left, permits.waiting], [20, 0]);
});

test("Stamps: each higher than all given or heard, up to 48 bits", () => {
  const stamps = new Stamps(10);
  assertEquals([stamps.peek, stamps.next(), stamps.next(), stamps.last], [11, 11, 12, 12]);
  stamps.hear(5);
  assertEquals(stamps.next(), 13);
  stamps.hear(1000);
  assertEquals(stamps.next(), 1001);
  stamps.hear(STAMP_MAX - 1);
  assertEquals(stamps.next(), STAMP_MAX);
  assertEquals(assertThrows(() => stamps.next(), CohortError).code, "FULL");
  assertEquals(stamps.last, STAMP_MAX);
});
