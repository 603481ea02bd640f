import { test } from "#test";
import { assert, assertEquals } from "@std/assert";
import { readFileSync } from "node:fs";
import { huntPlanted, plantsHere } from "./children.ts";
import { PLANTS } from "./planted.ts";
import { DEEP } from "./share.ts";

/** Found within seconds; all others are looked for under `CI=true`, half of them on each runtime. */
const QUICK = ["replay-over-newer", "truncate-too-early", "silent-gap"];
const TIMEOUT_MS = 3_600_000;

test("planted bugs: each can still be planted", () => {
  const dead: string[] = [];
  for (const { id, edits } of PLANTS) {
    for (const { file, find } of edits) {
      const text = readFileSync(new URL(`../../${file}`, import.meta.url), "utf8");
      const times = text.split(find).length - 1;
      if (times !== 1) dead.push(`${id}: its text stands ${times} times in ${file}`);
    }
  }
  assertEquals(dead, []);
});

test("planted bugs: a checker finds each", { timeoutMs: TIMEOUT_MS }, async () => {
  const { allFound, lines } = await huntPlanted(DEEP ? plantsHere() : QUICK);
  assert(allFound, lines.join("\n"));
});
