import { assert, assertEquals } from "@std/assert";
import { test } from "#test";
import { hashText, Prng } from "../../src/testing/sim/prng.ts";

test("Prng: one seed and label is one sequence, fixed for ever", () => {
  const chance = new Prng(42, "golden");
  const drawn = Array.from({ length: 6 }, () => chance.next32());
  assertEquals(drawn, [3488313118, 731040935, 4140618571, 2653136737, 504956460, 3901415997]);
});

test("Prng: other seeds and labels give other sequences, seeds above 2^32 too", () => {
  const first = (seed: number, label: string) => new Prng(seed, label).next32();
  const drawn = [first(1, ""), first(2, ""), first(1, "a"), first(1 + 2 ** 32, ""), first(2 ** 52, "")];
  assertEquals(new Set(drawn).size, 5);
});

test("Prng.below(): every value comes, none outside, about equally often", () => {
  const chance = new Prng(7);
  const counts = new Array<number>(10).fill(0);
  for (let i = 0; i < 10_000; i++) counts[chance.below(10)]!++;
  assertEquals(counts.length, 10);
  for (const count of counts) assert(count > 850 && count < 1150, `count ${count}`);
});

test("Prng.shuffle(): a permutation, and not always the same one", () => {
  const chance = new Prng(9);
  const orders = new Set<string>();
  for (let i = 0; i < 200; i++) orders.add(chance.shuffle([1, 2, 3]).join(""));
  assertEquals(orders.size, 6);
});

test("Prng.tailed(): within its bound, with a tail", () => {
  const chance = new Prng(11);
  let above = 0;
  for (let i = 0; i < 1000; i++) {
    const drawn = chance.tailed(100, 5000);
    assert(drawn >= 0 && drawn <= 5000);
    if (drawn > 200) above++;
  }
  assert(above > 50 && above < 500, `above ${above}`);
});

test("Prng.weighted(): weights of zero are never drawn", () => {
  const chance = new Prng(13);
  for (let i = 0; i < 500; i++) assert(chance.weighted([0, 3, 0, 1]) % 2 === 1);
});

test("hashText(): spreads similar texts", () => {
  const hashes = new Set<number>();
  for (let i = 0; i < 5000; i++) hashes.add(hashText(`key ${i}`));
  assertEquals(hashes.size, 5000);
});
