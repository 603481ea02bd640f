/**
 * What the operating system or the runtime refused, as a `CohortError` by code.
 *
 * ENOENT is `NOT_FOUND`; ENOSPC and EDQUOT are `FULL`; EACCES, EPERM, EROFS and a refusal by the runtime's
 * own permissions are `PERMISSION`, with the flag that would allow it; all else is `IO`. A failed sync is
 * always
 * `SYNC_FAILED`, whatever the reason: what it was to make durable is lost (DESIGN D4c).
 */
import { dirname } from "node:path";
import { CohortError, type ErrorCode } from "../../src/ground/errors.ts";

/** The fields an error of `node:fs` or of `Deno` may carry. */
interface SystemError {
  readonly name?: string;
  readonly code?: unknown;
  readonly message?: string;
  /** Node's permission model: what was refused. */
  readonly permission?: string;
}

const CODES: Readonly<Record<string, ErrorCode>> = {
  ENOENT: "NOT_FOUND",
  ENOSPC: "FULL",
  EDQUOT: "FULL",
  EACCES: "PERMISSION",
  EPERM: "PERMISSION",
  EROFS: "PERMISSION",
};

/** Error numbers of Linux, for errors that name only the number ("os error 28"). */
const NUMBERS: Readonly<Record<string, string>> = {
  1: "EPERM",
  2: "ENOENT",
  5: "EIO",
  9: "EBADF",
  13: "EACCES",
  17: "EEXIST",
  20: "ENOTDIR",
  21: "EISDIR",
  28: "ENOSPC",
  30: "EROFS",
  32: "EPIPE",
  39: "ENOTEMPTY",
  122: "EDQUOT",
};

/** The symbolic error number (`ENOSPC`), or what else names the error. */
export function errnoOf(error: unknown): string {
  const { code, name, message } = error as SystemError;
  if (typeof code === "string") return code;
  const number = /\(os error (\d+)\)/.exec(message ?? "")?.[1];
  if (number !== undefined) return NUMBERS[number] ?? `errno ${number}`;
  return name ?? "unknown";
}

/**
 * The error to answer for `operation` on `path`; `position` is in bytes, `directory` what a permission should
 * be given for.
 */
export function systemError(
  operation: string,
  path: string,
  error: unknown,
  position?: number,
  directory: string = dirname(path),
): CohortError {
  if (error instanceof CohortError) return error;
  const errno = errnoOf(error);
  const facts = position === undefined ? { operation, path, errno } : { operation, path, position, errno };
  const flag = missingFlag(error as SystemError, directory);
  if (flag !== undefined) {
    const message = `${operation} was refused by the runtime's permissions, run with ${flag}: ${path}`;
    return new CohortError("PERMISSION", message, { ...facts, flag }, error);
  }
  const at = position === undefined ? "" : ` at byte ${position}`;
  const message = `${operation} failed with ${errno}${at}: ${path}`;
  return new CohortError(CODES[errno] ?? "IO", message, facts, error);
}

/** The error of a sync that failed, for good. */
export function syncError(operation: string, path: string, error: unknown): CohortError {
  const errno = errnoOf(error);
  const facts = { operation, path, errno };
  return new CohortError("SYNC_FAILED", `${operation} failed with ${errno}: ${path}`, facts, error);
}

/** The flag that would allow what the runtime's permission model refused; undefined when it was not that. */
function missingFlag(error: SystemError, directory: string): string | undefined {
  if (error.name === "NotCapable") {
    const [, kind, what] = /Requires (\w+) access to "?([^"]*)/.exec(error.message ?? "") ?? [];
    return kind === "sys" ? `--allow-sys=${what}` : `--allow-${kind ?? "read"}=${directory}`;
  }
  if (error.code === "ERR_ACCESS_DENIED") {
    return `--allow-fs-${error.permission === "FileSystemWrite" ? "write" : "read"}=${directory}`;
  }
  return undefined;
}
