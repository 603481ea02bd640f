import { assert, assertEquals, assertMatch } from "@std/assert";
import { test } from "#test";
import type { Fact } from "./play.ts";
import { restarted, RESTARTS } from "./restarted.ts";

function check(facts: readonly Fact[]): void {
  assert(facts.length > RESTARTS, `${facts.length} lives`);
  for (const fact of facts) {
    assertEquals([fact["what"], fact["alone"]], ["held", true], JSON.stringify(fact));
    assertEquals(fact["pid"], facts[0]!["pid"], "a restart in place keeps the process");
    const least = fact["life"] === 1 ? 0 : 1;
    assert((fact["predecessors"] as number) >= least, JSON.stringify(fact));
  }
  const slowest = Math.max(...facts.map((fact) => fact["tookMs"] as number));
  assert(slowest < 1000, `took over in ${slowest} ms`);
}

if ("Deno" in globalThis) {
  test("claim: deno --watch restarted in the middle of writes takes over each time", async () => {
    check(await restarted(["--watch"]));
  });
} else {
  test("claim: bun --watch restarted in the middle of writes takes over each time", async () => {
    check(await restarted(["--watch"]));
  });

  test("claim: bun --hot restarted in the middle of writes takes over each time", async () => {
    check(await restarted(["--hot"]));
  });

  test("claim: bun --hot lets no earlier life take the volume back from a later one", async () => {
    const facts = await restarted(["--hot"], "replaced_child.ts", 1, "end");
    const said = facts.map(({ what, code, life }) => [what, code, life]);
    assertEquals(said, [
      ["held", undefined, 1],
      ["held", undefined, 2],
      ["refused", "IN_USE", 1],
      ["end", undefined, 2],
    ]);
    assertEquals([facts[3]!["lost"], facts[3]!["stands"]], [false, true]);
    assertMatch(String(facts[2]!["message"]), /program that a reload has put in place of this one/);
  });
}
