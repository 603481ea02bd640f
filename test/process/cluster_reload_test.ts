/** Members whose program is restarted in place: the earlier life is over, and nobody kills the process. */
import { assert, assertEquals } from "@std/assert";
import process from "node:process";
import { writeFileSync } from "node:fs";
import { test } from "#test";
import { Child, type Fact, here, runtimeCommand, type Scene } from "./play.ts";
import { restarted, RESTARTS } from "./restarted.ts";

const CHILD = "cluster_reload_child.ts";
/** Each takes as long as a lease under `--hot`, where the earlier program runs on. */
const TIMES = Math.ceil(RESTARTS / 2);

/** Two members that stay, and are members still in the end. */
async function twoOthers(scene: Scene): Promise<() => Promise<void>> {
  const options = `${scene.root}/others.json`;
  writeFileSync(options, JSON.stringify({ ...scene, lives: "" }));
  process.env["COHORT_PLAY"] = options;
  const others = ["beta", "gamma"].map((it) => new Child(runtimeCommand([], here(CHILD), [it])));
  for (const other of others) assertEquals((await other.hear())["what"], "held");
  return async () => {
    const wereThere = others.map((it) => it.process.exitCode === null && it.process.signalCode === null);
    for (const other of others) await other.kill();
    assertEquals(wereThere, [true, true], "nobody was fenced");
  };
}

function check(facts: readonly Fact[]): void {
  assert(facts.length > TIMES, `${facts.length} lives`);
  for (const [i, { what, lives, pid }] of facts.entries()) {
    assertEquals([what, lives, pid], ["held", i + 1, facts[0]!["pid"]], JSON.stringify(facts));
  }
  const slowest = Math.max(...facts.map((fact) => fact["tookMs"] as number));
  assert(slowest < 8_000, `${slowest} ms until a later life was a member`);
}

const FLAGS = "Deno" in globalThis ? ["--watch"] : ["--watch", "--hot"];
for (const flag of FLAGS) {
  test(`cluster: a member restarted by ${flag} is a member again, alone`, async () => {
    check(await restarted([flag], CHILD, TIMES));
  });

  test(`cluster: a member restarted by ${flag} is a member again, beside two that stay`, async () => {
    check(await restarted([flag], CHILD, TIMES, "", twoOthers));
  });
}
