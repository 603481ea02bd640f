import { assert, assertEquals } from "@std/assert";
import { test } from "#test";
import { Trio, TUNED } from "./trio.ts";

test("a member is killed, one is stopped, all are killed: others go on", { timeoutMs: 180_000 }, async () => {
  const trio = new Trio(TUNED);
  try {
    for (const at of [0, 1, 2]) await trio.start([at]);
    const killed = await trio.lose([0], "SIGKILL");
    await trio.start([0]);
    const stopped = await trio.lose([1], "SIGSTOP");
    await trio.start([1]);
    const all = await trio.loseAll(2);
    assertEquals(trio.problems, []);
    // Generous, for other tests run beside: what is promised is measured by `npm run show -- 2.c`.
    assert(killed.lastMs < 5_000 && all < 20_000, JSON.stringify({ killed, all }));
    assert(stopped.lastMs > TUNED.networkMs! / 2 && stopped.lastMs < 10_000, JSON.stringify(stopped));
  } finally {
    await trio.clear();
  }
});
