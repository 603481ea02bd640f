/**
 * What every Storage adapter checks at its door, so that a caller's mistake reads the same on each.
 *
 * Caller mistakes are `TypeError` and `RangeError`; a closed handle and a read-only one are `CohortError`s.
 */
import { CohortError } from "../../src/ground/errors.ts";
import type { BlockWrite, OpenVolumeOptions } from "../../src/ports/storage.ts";

/** Throws a `TypeError` unless `path` is a usable path: not empty, no NUL. */
export function checkPath(operation: string, path: string): void {
  if (typeof path !== "string" || path.length === 0) {
    throw new TypeError(`${operation} needs a path that is not empty, got ${JSON.stringify(path)}`);
  }
  if (path.includes("\0")) {
    throw new TypeError(`${operation} needs a path without NUL, got ${JSON.stringify(path)}`);
  }
}

/** Throws a `RangeError` unless the access and the block size (bytes, a multiple of 512) make sense. */
export function checkVolumeOptions(options: OpenVolumeOptions): void {
  const { blockSize, access } = options;
  if (!Number.isSafeInteger(blockSize) || blockSize < 512 || blockSize % 512 !== 0) {
    throw new RangeError(`open a volume needs a block size that is a multiple of 512, got ${blockSize}`);
  }
  checkAccess("open a volume", access);
}

/** Throws a `RangeError` unless `access` is one of the two. */
export function checkAccess(operation: string, access: string): void {
  if (access !== "read" && access !== "write") {
    throw new RangeError(`${operation} needs access "read" or "write", got ${JSON.stringify(access)}`);
  }
}

/**
 * Throws a `RangeError` unless `value` (a position, a block, a length) is a whole number that is not
 * negative.
 */
export function checkCount(operation: string, what: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new RangeError(`${operation} needs a ${what} that is a whole number from 0, got ${value}`);
  }
}

/** Throws a `RangeError` unless `block` is a block number and `into` holds whole blocks. */
export function checkBlockRead(block: number, into: Uint8Array, blockSize: number): void {
  checkCount("read blocks", "block number", block);
  if (into.length % blockSize !== 0) {
    throw new RangeError(`read blocks needs whole blocks of ${blockSize} bytes, got ${into.length} bytes`);
  }
}

/** Throws a `RangeError` unless each write is exactly one block below `blocks`. */
export function checkBlockWrites(set: readonly BlockWrite[], blockSize: number, blocks: number): void {
  for (let index = 0; index < set.length; index++) {
    const { block, bytes } = set[index]!;
    checkCount("write blocks", "block number", block);
    if (block >= blocks) {
      throw new RangeError(`write blocks needs blocks below the volume's ${blocks}, got ${block}`);
    }
    if (bytes.length !== blockSize) {
      throw new RangeError(`write blocks needs blocks of ${blockSize} bytes, got ${bytes.length} bytes`);
    }
  }
}

/** The error for any use of what was closed: `CLOSED`. */
export function closedError(operation: string, path: string): CohortError {
  return new CohortError("CLOSED", `${operation} needs an open handle, ${path} is closed`, {
    operation,
    path,
  });
}

/** The error for a write through a handle opened with access "read": `READ_ONLY`. */
export function readOnlyError(operation: string, path: string): CohortError {
  return new CohortError("READ_ONLY", `${operation} needs access "write", ${path} was opened with "read"`, {
    operation,
    path,
  });
}

/** The error for a file that is not there: `NOT_FOUND`. */
export function notFoundError(operation: string, path: string): CohortError {
  return new CohortError("NOT_FOUND", `${operation} found no file ${path}`, {
    operation,
    path,
    errno: "ENOENT",
  });
}
