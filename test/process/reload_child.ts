/**
 * A program that is restarted in place (`deno --watch`, `bun --watch`, `bun --hot`) while it writes to a
 * volume. Each life takes over from the one before, and says when it does and whether it is alone then.
 * Options: JSON in a file, whose path is in the environment because a reload keeps nothing else.
 */
import { readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { hold, refusalFact, say } from "./holder.ts";
import { livesIn, pause, type Scene } from "./play.ts";

interface Play extends Scene {
  readonly log: string;
  readonly lives: string;
}

const play = JSON.parse(readFileSync(process.env["COHORT_PLAY"]!, "utf8")) as Play;
const life = Number(readFileSync(play.lives, "utf8")) + 1;
writeFileSync(play.lives, String(life));
const begun = performance.now();
try {
  const { claim } = await hold({ directory: play.directory, journals: play.journals, life });
  const tookMs = performance.now() - begun;
  const deadline = performance.now() + 5000;
  while (!isAlone() && performance.now() < deadline) await pause(2);
  let alone = isAlone();
  for (let look = 0; look < 10 && alone; look++) {
    await pause(5);
    alone = isAlone();
  }
  say(
    { what: "held", life, pid: process.pid, tookMs, alone, predecessors: claim.predecessors.length },
    play.log,
  );
} catch (error) {
  say({ ...refusalFact(error), life }, play.log);
}
setInterval(() => {}, 60_000);

function isAlone(): boolean {
  const lives = livesIn(play);
  return lives.size === 1 && lives.has(life);
}
