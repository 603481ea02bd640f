import { assert, assertEquals } from "@std/assert";
import { test } from "#test";
import process from "node:process";
import { playRound } from "./round.ts";

/** Under CI a whole minute of faults over a large database, else a short look. */
const isLong = process.env.CI === "true";

test("chaos: members killed, stopped and started lose nothing", { timeoutMs: 600_000 }, async () => {
  const report = await playRound({
    seed: 6,
    seconds: isLong ? 60 : 10,
    members: 3,
    blocks: isLong ? 10_000 : 500,
    poolBlocks: isLong ? 1_500 : 200,
    clients: 8,
    durability: "sync",
    network: isLong,
  });
  assertEquals(report.problems, []);
  assert(report.kills > 0 && report.operations > 100 && report.blocks > 400, JSON.stringify(report));
});
