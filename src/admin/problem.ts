/**
 * Problems: every refusal of the admin app as `application/problem+json` (RFC 9457), and the one table of
 * what is which status.
 */
import { CohortError, ERROR_CODES, type ErrorCode } from "../ground/errors.ts";

/** Status of every operating condition. */
export const STATUS_OF: Readonly<Record<ErrorCode, number>> = {
  NOT_FOUND: 404,
  EXISTS: 409,
  MOUNTED: 409,
  IN_USE: 409,
  FOREIGN_OWNER: 409,
  NOT_A_VOLUME: 409,
  FORMAT_NEWER: 409,
  BLOCK_SIZE: 409,
  CORRUPT: 500,
  JOURNAL_GAP: 500,
  QUARANTINED: 409,
  NOT_MOUNTED: 404,
  ABORTED: 503,
  TIMEOUT: 504,
  CONFLICT: 409,
  READ_ONLY: 409,
  TRANSACTION_TOO_LARGE: 422,
  OUTCOME_UNKNOWN: 500,
  NOT_NUMERIC: 422,
  PRECISION: 422,
  NO_M_FORM: 422,
  SYNTAX: 422,
  FULL: 507,
  IO: 500,
  SYNC_FAILED: 500,
  FROZEN: 503,
  PERMISSION: 403,
  UNREACHABLE: 503,
  PEER_REFUSED: 409,
  PEER_WRONG: 503,
  COPIED: 409,
  NAME_TAKEN: 409,
  UNFENCEABLE: 409,
  RAIL_NO_SECONDARY: 409,
  QUORUM_LOST: 503,
  VIEW_CHANGED: 503,
  CLOSED: 503,
  STOPPED: 503,
  FENCED: 503,
};

/** Code of a refusal by the door. */
export type RefusalCode =
  | "BAD_JSON"
  | "UNAUTHORIZED"
  | "ORIGIN_REFUSED"
  | "NO_ROUTE"
  | "METHOD_NOT_ALLOWED"
  | "SLOW_REQUEST"
  | "BODY_TOO_LARGE"
  | "URL_TOO_LONG"
  | "NOT_JSON"
  | "HOST_REFUSED"
  | "BAD_FIELD"
  | "HEADERS_TOO_LARGE"
  | "INTERNAL"
  | "BUSY"
  | "NOT_READY";

/** What the door itself refuses, by code: status and title. */
export const REFUSALS: Readonly<Record<RefusalCode, readonly [status: number, title: string]>> = {
  BAD_JSON: [400, "The body is not JSON"],
  UNAUTHORIZED: [401, "A bearer token is needed"],
  ORIGIN_REFUSED: [403, "Pages of this origin may not ask"],
  NO_ROUTE: [404, "There is nothing here"],
  METHOD_NOT_ALLOWED: [405, "This is not done by that method"],
  SLOW_REQUEST: [408, "The body did not come in time"],
  BODY_TOO_LARGE: [413, "The body is too large"],
  URL_TOO_LONG: [414, "The address is too long"],
  NOT_JSON: [415, "The body is to be application/json"],
  HOST_REFUSED: [421, "This host is not served here"],
  BAD_FIELD: [422, "A field of the body is wrong"],
  HEADERS_TOO_LARGE: [431, "The headers are too large"],
  INTERNAL: [500, "The request failed"],
  BUSY: [503, "Too many requests at once"],
  NOT_READY: [503, "Not ready"],
};

/** A problem as its document has it. */
export interface Problem {
  /** `urn:cohort:problem:` and the code. */
  readonly type: string;
  /** What it is about, the same for every occurrence. */
  readonly title: string;
  /** The HTTP status. */
  readonly status: number;
  /** This occurrence. */
  readonly detail?: string;
  /** Code of an operating condition, or of a refusal. */
  readonly code: string;
  /** Whether the same request may succeed later. */
  readonly retryable: boolean;
  /** Field that is wrong, as a JSON pointer. */
  readonly pointer?: string;
}

/** A refusal by the door, thrown to where it becomes an answer. */
export class Refusal extends Error {
  /** `Refusal`. */
  override readonly name = "Refusal";
  readonly code: RefusalCode;
  readonly pointer: string | undefined;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    code: RefusalCode,
    detail: string = "",
    { pointer, headers = {} }: { pointer?: string; headers?: Record<string, string> } = {},
  ) {
    super(detail);
    this.code = code;
    this.pointer = pointer;
    this.headers = headers;
  }
}

/**
 * The answer that an error becomes. Of a caller's mistake and of an operating condition the message is told,
 * without the directories in `roots`; of anything else nothing, for it may say where things are.
 */
export function problemOf(error: unknown, roots: readonly string[] = []): Response {
  if (error instanceof Refusal) {
    const [status, title] = REFUSALS[error.code];
    return respond({
      ...base(error.code, status, title),
      ...(error.message === "" ? {} : { detail: error.message }),
      retryable: status === 503 || status === 408,
      ...(error.pointer === undefined ? {} : { pointer: error.pointer }),
    }, error.headers);
  }
  if (error instanceof CohortError) {
    const status = STATUS_OF[error.code];
    const [, title] = ERROR_CODES[error.code];
    const detail = withoutRoots(error.message, roots);
    return respond({ ...base(error.code, status, title), detail, retryable: error.retryable });
  }
  if (error instanceof TypeError || error instanceof RangeError) {
    const [status, title] = REFUSALS.BAD_FIELD;
    const detail = withoutRoots(error.message, roots);
    return respond({ ...base("BAD_FIELD", status, title), detail, retryable: false });
  }
  const [status, title] = REFUSALS.INTERNAL;
  return respond({ ...base("INTERNAL", status, title), retryable: false });
}

/** An error as the member that met it is shown in an answer about several. */
export function shownError(
  error: CohortError,
  roots: readonly string[],
): { readonly code: string; readonly detail: string } {
  return { code: error.code, detail: withoutRoots(error.message, roots) };
}

function base(
  code: string,
  status: number,
  title: string,
): Pick<Problem, "type" | "title" | "status" | "code"> {
  return { type: `urn:cohort:problem:${code.toLowerCase().replaceAll("_", "-")}`, title, status, code };
}

function respond(problem: Problem, headers: Readonly<Record<string, string>> = {}): Response {
  const retry: Record<string, string> = problem.status === 503 ? { "Retry-After": "1" } : {};
  return new Response(JSON.stringify(problem), {
    status: problem.status,
    headers: { "Content-Type": "application/problem+json", ...retry, ...headers },
  });
}

function withoutRoots(message: string, roots: readonly string[]): string {
  return roots.reduce((text, root) => text.replaceAll(`${root}/`, "").replaceAll(root, "."), message);
}
