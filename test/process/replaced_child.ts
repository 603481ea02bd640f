/**
 * A program that `bun --hot` evaluates twice in one isolate. The second life takes the volume over from the
 * first; then the first, which still runs, tries to get it back by a new node, as one does that was still
 * about to mount when the file was saved again.
 */
import { readFileSync } from "node:fs";
import process from "node:process";
import { hold, type Holder, refusalFact, say } from "./holder.ts";
import { pause, type Scene } from "./play.ts";

interface Play extends Scene {
  readonly log: string;
}

/** What a reload in place leaves alone. */
const kept = globalThis as unknown as { lives?: number; earlier?: () => Promise<void> };

const play = JSON.parse(readFileSync(process.env["COHORT_PLAY"]!, "utf8")) as Play;
const life = kept.lives = (kept.lives ?? 0) + 1;
const holding = (): Promise<Holder> => hold({ directory: play.directory, journals: play.journals, life });

/** Tries for the volume and says what came of it; answers the claim. */
async function attempt(): Promise<Holder | undefined> {
  try {
    const holder = await holding();
    say({ what: "held", life }, play.log);
    return holder;
  } catch (error) {
    say({ ...refusalFact(error), life }, play.log);
    return undefined;
  }
}

async function main(): Promise<void> {
  const { earlier } = kept;
  kept.earlier = async () => void await attempt();
  const holder = await attempt();
  if (earlier === undefined || holder === undefined) return;
  await earlier();
  // Long enough for the lease to be renewed and looked at, had the claim been lost.
  await pause(400);
  say({ what: "end", life, lost: holder.claim.lost, stands: await holder.claim.check() }, play.log);
}

// Not awaited: `bun --hot` waits for a module to have come to its end before it reloads it.
main();
setInterval(() => {}, 60_000);
