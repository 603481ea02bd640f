import { assert, assertEquals, assertMatch } from "@std/assert";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { test } from "#test";
import { spawn } from "node:child_process";
import { type Fact, here, inScene, killIfThere, runtimeCommand, until } from "./play.ts";

/** Restarts of one play; the recorded proof asks for 20. */
const RESTARTS = Number(process.env["COHORT_RESTARTS"] ?? 5);

/**
 * Starts a program under `flags`, restarts it so often by touching it, each time once it has said something
 * new, and answers what its lives said until one of them said the last word.
 */
async function restarted(
  flags: readonly string[],
  script: string = "reload_child.ts",
  restarts: number = RESTARTS,
  lastWord: string = "",
): Promise<Fact[]> {
  let facts: Fact[] = [];
  await inScene(async (scene) => {
    const log = `${scene.root}/log`, lives = `${scene.root}/lives`, main = `${scene.root}/main.ts`;
    const options = `${scene.root}/play.json`;
    writeFileSync(options, JSON.stringify({ ...scene, log, lives }));
    writeFileSync(lives, "0");
    const program = (change: number) => `// change ${change}\nimport ${JSON.stringify(here(script))};\n`;
    writeFileSync(main, program(0));
    const [file, ...args] = runtimeCommand(flags, main, []);
    const child = spawn(file!, args, { stdio: "ignore", env: { ...process.env, COHORT_PLAY: options } });
    const exited = new Promise<void>((resolve) => child.on("close", () => resolve()));
    const read = (): Fact[] => {
      const text = existsSync(log) ? readFileSync(log, "utf8") : "";
      // What follows the last line end is still being written.
      return text.split("\n").slice(0, -1).map((line) => JSON.parse(line));
    };
    try {
      await until("the first life", () => read().length >= 1);
      for (let restart = 1; restart <= restarts; restart++) {
        const before = read().length;
        // A busy host may swallow a change of the file: then it is changed again.
        for (let change = 0; read().length === before; change++) {
          if (change === 5) throw new Error(`No life after ${before} under ${flags}`);
          writeFileSync(main, program(restart * 10 + change));
          await until("a life", () => read().length > before, 5_000).catch(() => {});
        }
      }
      await until(lastWord, () => lastWord === "" || read().some((fact) => fact["what"] === lastWord));
      facts = read();
    } finally {
      killIfThere(child.pid!);
      await exited;
    }
  });
  return facts;
}

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
