/** Running to an end: a scenario in its scheduler, and what it means when it does not come to one. */
import type { Problems } from "../check/problems.ts";
import type { Scheduler } from "../scheduler.ts";
import type { Trace } from "../trace.ts";
import { messageOf } from "../workload/calls.ts";
import type { History } from "../workload/history.ts";
import { Abort } from "./scenario.ts";

/** Events after which a run is stuck. */
const EVENTS_MAX = 20_000_000;
/** Calls under way that a stuck run names. */
const STUCK_SHOWN = 6;

/** In what a scenario runs. */
export interface RunningParts {
  readonly scheduler: Scheduler;
  readonly trace: Trace;
  readonly problems: Problems;
  readonly history: History;
}

/** Runs a scenario. Never rejects: what goes wrong is a problem, and all problems are traced. */
export async function runToEnd(
  { scheduler, trace, problems, history }: RunningParts,
  scenario: { run(): Promise<void> },
): Promise<void> {
  let ended = false;
  scheduler.after(0, () => {
    scenario.run().then(() => (ended = true), (error) => {
      ended = true;
      if (!(error instanceof Abort)) problems.add("contract", `the scenario broke: ${messageOf(error)}`);
      else if (!problems.any) problems.add("contract", `aborted without a problem: ${error.message}`);
    });
  });
  try {
    const bounds = { eventsMax: EVENTS_MAX, timeMax: Number.MAX_SAFE_INTEGER };
    const end = await scheduler.run(() => ended, bounds);
    if (end !== "done") {
      const stuck = [...history.inFlight.values()].slice(0, STUCK_SHOWN).join("; ");
      problems.add("liveness", `the run ended by ${end}; in flight: ${stuck}`);
    }
  } catch (error) {
    problems.add("errors", `thrown outside of any call: ${messageOf(error)}`);
  }
  for (const problem of problems.list) trace.note("problem", problem.checker, problem.text);
}
