/** A Worker that holds a volume and writes to it, until it is terminated, or stalls on demand. */
import { parentPort, workerData } from "node:worker_threads";
import { hold, type HolderOptions, refusalFact } from "./holder.ts";

const port = parentPort!;
const options = workerData as HolderOptions & { readonly stall?: SharedArrayBuffer };
try {
  const { claim, fenced } = await hold(options);
  port.postMessage({ what: "held", predecessors: claim.predecessors });
  fenced.then(() => port.postMessage({ what: "fenced", lost: claim.lost }));
  if (options.stall !== undefined) {
    const word = new Int32Array(options.stall);
    // The loop is blocked between two of its turns; the thread lives.
    setTimeout(() => Atomics.wait(word, 0, 0), 50);
  }
} catch (error) {
  port.postMessage(refusalFact(error));
}
