/** Databases as a whole, in thousands of schedules: one writer a block, and nobody waits for ever. */
import { assert, assertEquals } from "@std/assert";
import { test } from "#test";
import { Play } from "./wide_play.ts";

test("wide play: in no schedule does anybody use what another may change, or wait for ever", () => {
  let taken = 0;
  const wrong: string[] = [];
  for (let seed = 1; seed <= 1_500 && wrong.length < 3; seed++) {
    const play = new Play(seed, 2 + seed % 3);
    const found = play.run(400);
    if (found !== undefined) wrong.push(`seed ${seed}: ${found}`);
    taken += play.taken;
  }
  assertEquals(wrong, []);
  assert(taken > 3_000, `${taken} blocks were taken`);
});
