/** A share of the fuzz campaign in every test run, and proof that it finds what it looks for. */
import { test } from "#test";
import { assert, assertEquals } from "@std/assert";
import { incarnationTag } from "../../src/storage/journal_frame.ts";
import { INCARNATION } from "../storage/journal_rig.ts";
import { DEEP, fewer } from "../support/depth.ts";
import { describeReport, fuzz } from "./fuzz.ts";
import { forgetPlanted, plantedFlaws } from "./planted.ts";
import { makeSampleJournals } from "./sample_journals.ts";
import { targetsOf } from "./targets.ts";
import { framesOf } from "./targets/journals.ts";

const INPUTS = fewer(DEEP ? 500_000 : 20_000);
const SEED = 20_001;

async function share(set: string): Promise<void> {
  const report = await fuzz(await targetsOf(set), { seed: SEED, to: INPUTS });
  assert(report.failures.length === 0, describeReport(report).join("\n"));
  assertEquals(report.inputs, INPUTS);
  for (const [name, { detected, refused, read }] of Object.entries(report.counts)) {
    assert(detected + refused > 0, `${name}: nothing was refused`);
    if (!name.includes("damaged")) assert(read > 0, `${name}: nothing was read`);
  }
}

test(
  `fuzz: ${INPUTS} bad inputs, each refused by a code or read for what it is`,
  { timeoutMs: 600_000 },
  () => share("stored"),
);

test(
  `fuzz: ${INPUTS} bad frames, each refused by a code or read for what it is; a stranger is heard by nobody`,
  { timeoutMs: 600_000 },
  () => share("frames"),
);

test("fuzz: input i of a seed is always the same", async () => {
  const targets = [...await targetsOf("stored"), ...await targetsOf("frames")].filter(({ weight }) =>
    weight >= 6
  );
  const whole = await fuzz(targets, { seed: 5, to: 600 });
  const first = await fuzz(targets, { seed: 5, to: 250 });
  const rest = await fuzz(targets, { seed: 5, from: 250, to: 600 });
  for (const { name } of targets) {
    for (const outcome of ["detected", "refused", "read"] as const) {
      const sum = first.counts[name]![outcome] + rest.counts[name]![outcome];
      assertEquals(sum, whole.counts[name]![outcome], `${name} ${outcome}`);
    }
  }
});

test("fuzz: every planted flaw is found", async () => {
  const frames = framesOf(await makeSampleJournals());
  for (const { target, bounds } of plantedFlaws(frames, incarnationTag(INCARNATION))) {
    const report = await fuzz([target], { seed: 1, to: 3000, failuresMax: 1, ...bounds });
    assert(report.failures.length > 0, `${target.name} was not found`);
    forgetPlanted();
  }
});
