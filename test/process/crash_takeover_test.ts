import { assert, assertEquals } from "@std/assert";
import { test } from "#test";
import { playReloads, playWorkers } from "./crash/reload.ts";
import { playNamespaces, takeOverTimes } from "./crash/takeover.ts";

// `npm run show -- 1.d` restarts each twenty times.
const RESTARTS = 4;
const LONG = { timeoutMs: 180_000 };

for (const flags of "Deno" in globalThis ? [["--watch"]] : [["--watch"], ["--hot"]]) {
  test(
    `a program under ${flags} is reloaded in mid-commit and loses nothing acknowledged`,
    LONG,
    async () => {
      const report = await playReloads(flags, RESTARTS);
      assertEquals(report.problems, []);
      assert(report.lives > RESTARTS && report.operations > 0, JSON.stringify(report));
    },
  );
}

test("a Worker terminated in mid-commit is taken over by the next, and nothing is lost", LONG, async () => {
  const report = await playWorkers(RESTARTS);
  assertEquals(report.problems, []);
  assert(report.lives > RESTARTS && report.operations > 0, JSON.stringify(report));
});

test(
  "a holder in another pid namespace is taken over on a person's word alone, with all it did",
  LONG,
  async () => {
    const report = await playNamespaces();
    if (report === undefined) return console.log("skipped, no pid namespace may be made here");
    assertEquals(report.problems, []);
    assertEquals(report.refusals, ["lives in another pid namespace", "lives in another pid namespace"]);
  },
);

test("a database at rest is mounted soon after its holder's death", LONG, async () => {
  const { mountMs } = await takeOverTimes(5);
  // 50 ms on a quiet host, which `npm run show -- 1.d` measures; a lease of a second is never waited for.
  assert(mountMs[0]! < 500, mountMs.map((ms) => ms.toFixed(0)).join(", "));
});
