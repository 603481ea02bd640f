/** What sharing costs in messages and syncs, operation by operation (Must-show 2.a). */
import { assert, assertEquals } from "@std/assert";
import { test } from "#test";
import { nativeDrain } from "../sim/drain.ts";
import { excessOf, measureCosts } from "./block_cost.ts";

test("block cost: each operation sends the messages it must, and no others", async () => {
  for (const seed of [1, 2, 3]) {
    const { rows, problems } = await measureCosts(seed, await nativeDrain());
    assertEquals(problems, []);
    assertEquals(rows.length, 14);
    assertEquals(rows.map(excessOf).filter((it) => it !== undefined), [], `seed ${seed}`);
  }
});

test("block cost: a block that is asked for twice is seen to be", async () => {
  const { rows } = await measureCosts(1, await nativeDrain(), true);
  const excess = rows.map(excessOf).filter((it) => it !== undefined);
  assert(excess.length === 1 && excess[0]!.startsWith("write, one holder elsewhere, dirty: 6 "), `${excess}`);
});
