/**
 * A process that tries for a volume, says what it got, and holds it until it is ended. Options: JSON,
 * argument 1.
 */
import process from "node:process";
import { hold, type HolderOptions, refusalFact, say } from "./holder.ts";

const options = JSON.parse(process.argv[2]!) as HolderOptions & { readonly once?: boolean };
const begun = performance.now();
try {
  const { claim, end } = await hold(options);
  say({
    what: "held",
    pid: process.pid,
    number: claim.number,
    predecessors: claim.predecessors,
    tookMs: performance.now() - begun,
  });
  if (options.once === true) {
    await end();
    say({ what: "released" });
  } else setInterval(() => {}, 60_000);
} catch (error) {
  say(refusalFact(error));
}
