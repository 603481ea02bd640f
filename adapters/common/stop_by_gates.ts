/** Stops an owner that is a node of this very process, by its gates: the same way for every fence. */
import { CohortError } from "../../src/ground/errors.ts";
import type { Fence, StopOptions, StopReport } from "../../src/ports/fence.ts";
import { lookUntil } from "./look_until.ts";

/** Milliseconds between two looks at gates that are busy. */
const LOOK_MS = 10;

/** Shuts all gates of a nonce, then waits for the writes inside. */
export async function stopByGates(fence: Fence, nonce: string, options: StopOptions): Promise<StopReport> {
  const { directories } = options;
  if (directories.length === 0) {
    return { over: false, why: "unknown", reason: "no directory was named whose gate could be shut" };
  }
  let open = [...directories];
  let unknown = "";
  try {
    await lookUntil(options, LOOK_MS, async () => {
      const busy: string[] = [];
      for (const directory of open) {
        const state = await fence.shutGate(directory, nonce);
        if (state === "busy") busy.push(directory);
        // The others are shut all the same.
        if (state === "unknown") unknown = directory;
      }
      open = busy;
      return open.length === 0 || unknown !== "";
    });
  } catch (error) {
    if (!(error instanceof CohortError)) throw error;
    return { over: false, why: "unknown", reason: error.message };
  }
  if (unknown !== "") {
    const reason = `it is a node of this process, and no gate of it to ${unknown} can be found`;
    return { over: false, why: "unknown", reason };
  }
  if (open.length > 0) {
    const reason = `it is a node of this process whose gates are shut, with writes inside to ${
      open.join(", ")
    }`;
    return { over: false, why: "busy", reason };
  }
  return { over: true, means: "gate", reason: "it is a node of this process, and its gates are shut" };
}
