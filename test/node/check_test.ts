/** Check: how it gets on with the rest of the program. */
import { clearImmediate, setImmediate } from "node:timers";
import { test } from "#test";
import { assertEquals, assertRejects } from "@std/assert";
import { openNode } from "@cohort/db";

test("check: the loop goes on between its blocks, and a signal ends it", async () => {
  await using node = await openNode();
  const database = await node.createDatabase("/db");
  const global = database.global<string>("X");
  await Promise.all(Array.from({ length: 1_200 }, (_, i) => global.set([i], "x".repeat(1_800))));
  let turns = 0;
  let others = setImmediate(function next() {
    turns++;
    others = setImmediate(next);
  });
  try {
    const { leaves, problems } = await database.check();
    assertEquals([leaves > 256, problems, turns > 0], [true, [], true]);
    const controller = new AbortController();
    const reason = new Error("enough");
    const checking = database.check({ signal: controller.signal });
    controller.abort(reason);
    assertEquals(await assertRejects(() => checking), reason);
  } finally {
    clearImmediate(others);
  }
});
