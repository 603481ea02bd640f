/** Programs that are restarted in place by `deno --watch`, `bun --watch` and `bun --hot`. */
import { spawn } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { type Fact, here, inScene, killIfThere, runtimeCommand, type Scene, until } from "./play.ts";

/** Restarts of one play; the recorded proof asks for 20. */
export const RESTARTS: number = Number(process.env["COHORT_RESTARTS"] ?? 5);

/**
 * Starts a program under `flags`, restarts it so often by touching it, each time once it has said something
 * new, and answers what its lives said until one of them said the last word.
 * `beside` starts what else there is in the scene, and answers how to end it.
 */
export async function restarted(
  flags: readonly string[],
  script: string = "reload_child.ts",
  restarts: number = RESTARTS,
  lastWord: string = "",
  beside: (scene: Scene) => Promise<() => Promise<void>> = () => Promise.resolve(() => Promise.resolve()),
): Promise<Fact[]> {
  let facts: Fact[] = [];
  await inScene(async (scene) => {
    const log = `${scene.root}/log`, lives = `${scene.root}/lives`, main = `${scene.root}/main.ts`;
    const options = `${scene.root}/play.json`;
    writeFileSync(options, JSON.stringify({ ...scene, log, lives }));
    writeFileSync(lives, "0");
    const program = (change: number) => `// change ${change}\nimport ${JSON.stringify(here(script))};\n`;
    writeFileSync(main, program(0));
    const end = await beside(scene);
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
      await end();
    }
  });
  return facts;
}
