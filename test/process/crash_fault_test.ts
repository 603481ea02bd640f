import { assert, assertEquals } from "@std/assert";
import { test } from "#test";
import { playFault } from "./crash/faults.ts";
import { playFullDisk } from "./crash/full_disk.ts";
import { canInject } from "./crash/injection.ts";
import { onSmallDisk } from "./crash/small_disk.ts";

// The other files and errors are in `npm run show -- 1.d`.
const PLAYS = [
  { target: "journal", calls: "write", error: "EIO" },
  { target: "image", calls: "write", error: "ENOSPC" },
  { target: "volume", calls: "write", error: "EIO" },
  { target: "journal", calls: "sync", error: "EIO" },
] as const;

for (const play of PLAYS) {
  const { target, calls, error } = play;
  const what = calls === "write" ? "freezes writes until it is over" : "stops the node; a restart has all";
  test(`${error} of every ${calls} to the ${target} ${what}`, { timeoutMs: 120_000 }, async () => {
    if (!canInject()) return console.log("skipped, there is no strace here");
    const report = await playFault(play);
    assertEquals(report.problems, [], JSON.stringify(report));
  });
}

test("a disk of 1 MiB, filled: FULL, frozen, and nothing lost", { timeoutMs: 180_000 }, async () => {
  const played = await onSmallDisk(async (directory) => {
    const report = await playFullDisk(directory);
    assertEquals(report.problems, [], JSON.stringify(report));
    assert(report.full > 0 && report.cause.includes("ENOSPC"), JSON.stringify(report));
  });
  if (!played) console.log("skipped, no tmpfs may be mounted here");
});
