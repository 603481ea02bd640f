/**
 * The three kinds of failure (ARCHITECTURE, "Errors").
 *
 * Caller mistake: `TypeError` or `RangeError`, thrown at the door, nothing changed.
 * Operating condition: `CohortError` with a code, `retryable`, facts and a cause.
 * Broken invariant: `InvariantError`; the member stops, and later calls answer `STOPPED` with the first
 * cause.
 */

/** Every operating condition, with whether the same call may succeed later, and what it means. */
export const ERROR_CODES = {
  // open and mount
  NOT_FOUND: [false, "There is no such file, database or member"],
  EXISTS: [false, "It exists already"],
  MOUNTED: [false, "The database is mounted in another mode; dismount it first"],
  IN_USE: [true, "Another process or node holds the database"],
  FOREIGN_OWNER: [false, "The holder can be neither proven dead nor stopped from here"],
  NOT_A_VOLUME: [false, "The file is not a Cohort volume"],
  FORMAT_NEWER: [false, "The file was written by a newer Cohort"],
  BLOCK_SIZE: [false, "The volume's block size has no buffer pool in this node"],
  CORRUPT: [false, "Stored bytes fail their checksum, address or order"],
  JOURNAL_GAP: [false, "A journal is missing or two members wrote; the database is quarantined"],
  QUARANTINED: [false, "The database is quarantined; the cause says why"],
  NOT_MOUNTED: [false, "The database is not mounted"],
  // do
  ABORTED: [false, "The caller's signal was aborted without a reason"],
  TIMEOUT: [true, "The deadline passed while waiting"],
  CONFLICT: [true, "The transaction met too many conflicts"],
  READ_ONLY: [false, "The database or transaction is read-only"],
  TRANSACTION_TOO_LARGE: [false, "The operation needs more blocks or memory at once than the pool may give"],
  OUTCOME_UNKNOWN: [false, "The commit was applied but its durability could not be confirmed"],
  NOT_NUMERIC: [false, "The value has no numeric meaning"],
  PRECISION: [false, "The exact result does not fit the number type; nothing was changed"],
  NO_M_FORM: [false, "The value has no form in ZWR or GO"],
  SYNTAX: [false, "The text is not a well-formed reference or record"],
  // world
  FULL: [true, "There is no space"],
  IO: [true, "A read or write failed"],
  SYNC_FAILED: [false, "A sync failed; the member ends and comes back through recovery"],
  FROZEN: [true, "Writes are frozen until an I/O error is fixed; the cause says which"],
  PERMISSION: [false, "The runtime or the file system refused access"],
  // cluster
  UNREACHABLE: [true, "Nobody answers at the address, or not in time"],
  PEER_REFUSED: [false, "One end of a link refused the other; the facts say why"],
  PEER_WRONG: [true, "Another member answers where one of the view should"],
  COPIED: [false, "The directory is a copy of a cluster's; the message says how to use it"],
  NAME_TAKEN: [true, "Another member has this name"],
  UNFENCEABLE: [false, "A member there could not be stopped from here if it had to be"],
  RAIL_NO_SECONDARY: [true, "Some member has no second rail that works, so there is no switch to it"],
  QUORUM_LOST: [true, "Too few votes are present; everything waits until there are enough"],
  VIEW_CHANGED: [
    true,
    "The view ended first; it may or may not have happened",
  ],
  // member
  CLOSED: [false, "The node, database or handle is closed"],
  STOPPED: [false, "The member stopped; the cause says why"],
  FENCED: [false, "The member was fenced"],
} as const;

/** Code of an operating condition. */
export type ErrorCode = keyof typeof ERROR_CODES;

/** Typed facts of an error: what, where, expected and found. */
export type ErrorFacts = Readonly<Record<string, string | number | bigint | boolean | undefined>>;

/** An operating condition: something a caller may want to catch, by `code`. */
export class CohortError extends Error {
  /** `CohortError`. */
  override readonly name = "CohortError";
  /** Which operating condition it is. */
  readonly code: ErrorCode;
  /** Whether the same call may succeed later without a change by the caller. */
  readonly retryable: boolean;
  /** What it is about: path, block, position, holder, expected, found. */
  readonly facts: ErrorFacts;

  /** `message` states the attempted action, then the actual value; `cause` is what a port threw. */
  constructor(code: ErrorCode, message: string, facts: ErrorFacts = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    const [retryable]: readonly [retryable: boolean, meaning: string] = ERROR_CODES[code];
    this.code = code;
    this.retryable = retryable;
    this.facts = facts;
  }
}

/** A broken invariant: the member must stop serving. */
export class InvariantError extends Error {
  /** `InvariantError`. */
  override readonly name = "InvariantError";
}

/** Asserts an invariant; on in production. */
export function invariant(condition: boolean, message: string): asserts condition {
  if (!condition) throw new InvariantError(message);
}

/** Whether `error` is a `CohortError` of this code. */
export function isCode(error: unknown, code: ErrorCode): error is CohortError {
  return error instanceof CohortError && error.code === code;
}
