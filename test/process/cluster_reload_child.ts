/**
 * A member of a cluster whose program is restarted in place, or one that stays: each counts its lives once,
 * and then goes on counting. Options: JSON in a file, whose path is in the environment because a reload keeps
 * nothing else; an argument is the name of one that stays.
 */
import { readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { CohortError, openNode } from "../../mod.ts";
import { say } from "./holder.ts";
import { pause } from "./play.ts";

const stays = process.argv[2];
const play = JSON.parse(readFileSync(process.env["COHORT_PLAY"]!, "utf8"));
const life = stays === undefined ? Number(readFileSync(play.lives, "utf8")) + 1 : 0;
if (stays === undefined) writeFileSync(play.lives, String(life));
const log = stays === undefined ? play.log : undefined;
const begun = performance.now();

/** Not waited for by its module: `bun --hot` would wait for it, too. */
async function live(): Promise<void> {
  try {
    const node = await openNode({ pij: `${play.root}/pij`, name: stays ?? "app", poolBytes: 4 << 20 });
    const database = await node.mount(`${play.root}/db`, { mode: "clustered", create: true });
    const count = database.global<number>("Count");
    const lives = stays === undefined ? await count.increment(["lives"]) : 0;
    say({ what: "held", life, lives, pid: process.pid, tookMs: performance.now() - begun }, log);
    for (;;) {
      await count.increment([stays ?? "app"]);
      await pause(2);
    }
  } catch (error) {
    // An earlier life, whose gates a later one has shut, ends so under --hot.
    if (log === undefined || !(error instanceof CohortError)) {
      say({ what: "ended", text: String(error) }, log);
    }
  }
}

void live();
setInterval(() => {}, 60_000);
