/** Impatient callers: deadlines, signals, few attempts; and transactions that may only read. */
import { CohortError, isCode } from "../../../ground/errors.ts";
import type { Prng } from "../prng.ts";
import { attempt, type ClientContext } from "./calls.ts";
import type { Place, Region } from "./region.ts";
import { ListPair, type SharedPlaces } from "./shared.ts";
import type { StepDrawer } from "./steps.ts";
import type { ListRecord } from "./history.ts";
import type { SubjectTransact, SubjectWait } from "./subject.ts";

/** Virtual microseconds after which a signal ends a wait, at most. */
const ABORT_US = 3_000;

/** How long a call may wait: mostly as long as it takes. */
export function drawWait(context: ClientContext, chance: Prng): SubjectWait | undefined {
  // What becomes of a change that was given up is found out by reading everything: that takes its time.
  if (!chance.chance(1, 40)) return undefined;
  if (chance.chance(1, 2)) return { timeoutMs: chance.pick([0, 1, 5, 50, 1000]) };
  const controller = new AbortController();
  const abort = () => controller.abort(new CohortError("ABORTED", "The simulated caller gave up"));
  if (chance.chance(1, 10)) abort();
  else context.host.scheduler.after(chance.below(ABORT_US), abort, context.process);
  return { signal: controller.signal };
}

/** How a transaction that writes is run. */
export function drawTransact(context: ClientContext, chance: Prng): SubjectTransact | undefined {
  const wait = drawWait(context, chance);
  if (!chance.chance(1, 12)) return wait;
  return { ...wait, attempts: chance.between(1, 4) };
}

/** A transaction that may only read: what it sees is of one instant, and writes are refused. */
export async function readOnly(
  context: ClientContext,
  client: { readonly name: string; readonly region: Region; readonly chance: Prng },
  places: SharedPlaces,
  drawer: StepDrawer,
): Promise<void> {
  const { history } = context;
  const { name, region, chance } = client;
  const record: ListRecord = { steps: [], called: history.tick(), returned: undefined, outcome: "failed" };
  const steps = Array.from({ length: chance.below(4) }, () => drawer.plain(0, true));
  const keys = Array.from({ length: chance.between(1, 4) }, () => chance.below(places.keys));
  const writes = chance.chance(1, 6);
  let refused = 0;
  const ended = await attempt(
    context,
    name,
    "read-only transaction",
    () =>
      context.node.transact(async (transaction) => {
        const pair = new ListPair(context, transaction, places);
        record.steps = pair.steps;
        const face = (place: number) => transaction.global(context.global(region.places[place] as Place));
        const results: string[] = [];
        for (const key of keys) await pair.read(key, () => Promise.resolve());
        for (const step of steps) results.push(await step.run(face));
        if (!writes) return results;
        try {
          await face(0).set(["never"], 1);
        } catch (error) {
          if (!isCode(error, "READ_ONLY")) throw error;
          refused++;
        }
        return results;
      }, { ...drawWait(context, chance), readOnly: true }),
    (results) => String(results.length),
  );
  if (ended.kind !== "done") return;
  record.outcome = "done";
  record.returned = history.tick();
  history.lists.push(record);
  if (writes && refused === 0) history.problems.add("model", `${name}: a read-only transaction may write`);
  steps.forEach((step, i) => {
    const expected = step.expect(region.model);
    if (expected === undefined || expected === ended.value[i]) return;
    const text = `${step.name} answered ${ended.value[i]?.slice(0, 160)}, not ${expected.slice(0, 160)}`;
    history.problems.add("model", `${name}: read-only: ${text}`);
  });
}
