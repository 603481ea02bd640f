/**
 * One call of a client: traced, timed, and its error told apart: certainly not done, perhaps done, or a bug.
 */
import { CohortError, type ErrorCode } from "../../../ground/errors.ts";
import { never } from "../port_calls.ts";
import type { SimHost, SimProcess } from "../host.ts";
import type { Ended, History } from "./history.ts";
import type { SubjectDatabase, SubjectGlobal, SubjectNode } from "./subject.ts";
import type { Place } from "./region.ts";

/** What clients of one process share. */
export interface ClientContext {
  readonly host: SimHost;
  readonly process: SimProcess;
  readonly node: SubjectNode;
  readonly history: History;
  readonly databases: readonly SubjectDatabase[];
  readonly global: (place: Place) => SubjectGlobal;
  /** Where the database of a number lies. */
  readonly directory: (database: number) => string;
  /** True while clients should go on. */
  readonly goOn: () => boolean;
  /** Told when the node stopped by itself. */
  readonly onStopped: (code: string) => void;
  /** Codes that an operation may end with in this world, now. */
  readonly mayFail: (code: ErrorCode) => boolean;
  /** Whether another node may still do what a caller of this one gave up waiting for. */
  readonly mayCome?: () => boolean;
}

/** Ends that leave open whether the operation happened. */
const UNKNOWN: readonly ErrorCode[] = [
  "OUTCOME_UNKNOWN",
  "STOPPED",
  "SYNC_FAILED",
  "CLOSED",
  "FENCED",
  "TIMEOUT",
  "FROZEN",
  "ABORTED",
];
/** Ends after which this node does nothing more. */
const STOPPED: readonly ErrorCode[] = ["OUTCOME_UNKNOWN", "STOPPED", "SYNC_FAILED", "CLOSED", "FENCED"];

/** An error that a transaction's own body throws on purpose. */
export class PlannedError extends Error {
  override readonly name = "PlannedError";
}

/** An error that a transaction's body throws because it saw a state that never was. */
export class DoomedError extends Error {
  override readonly name = "DoomedError";
}

let serial = 0;

/** Makes a call in the name of a client. */
export async function attempt<T>(
  context: ClientContext,
  client: string,
  name: string,
  call: () => Promise<T>,
  show: (value: T) => string = String,
): Promise<Ended<T>> {
  const { history, process, host } = context;
  const id = ++serial;
  history.count(name.split(" ", 1)[0] as string);
  history.inFlight.set(id, `${client}: ${name}`);
  host.trace.note("call", client, name);
  let ended: Ended<T>;
  try {
    ended = { kind: "done", value: await call() };
  } catch (error) {
    ended = endedBy(context, client, name, error);
  }
  // Nobody hears what a dead process says.
  if (!process.alive) return never();
  history.inFlight.delete(id);
  if (ended.kind === "done") {
    host.trace.note("done", client, show(ended.value));
  } else {
    history.failed(ended.code);
    host.trace.note(ended.kind, client, ended.code);
    if ((STOPPED as readonly string[]).includes(ended.code)) context.onStopped(ended.code);
  }
  return ended;
}

function endedBy<T>(context: ClientContext, client: string, name: string, error: unknown): Ended<T> {
  if (error instanceof PlannedError) return { kind: "failed", code: "PLANNED" };
  if (error instanceof DoomedError) {
    context.history.problems.add("serial", `${client}: ${name}: a doomed read surfaced: ${error.message}`);
    return { kind: "failed", code: "DOOMED" };
  }
  if (error instanceof CohortError) {
    if (!context.mayFail(error.code) && context.process.alive) {
      context.history.problems.add("errors", `${client}: ${name}: ${error.code}: ${messageOf(error)}`);
    }
    return { kind: UNKNOWN.includes(error.code) ? "unknown" : "failed", code: error.code };
  }
  if (context.process.alive) {
    context.history.problems.add("errors", `${client}: ${name}: ${messageOf(error)}`);
  }
  return { kind: "unknown", code: "ERROR" };
}

/** An error and its causes in one line. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? "" : ` < ${messageOf(error.cause)}`;
  const known = error instanceof CohortError;
  const where = known
    ? ""
    : ` ${(error.stack ?? "").split("\n").slice(1, 8).map((line) => line.trim()).join(" ")}`;
  return `${error.name}: ${error.message}${where}${cause}`;
}
