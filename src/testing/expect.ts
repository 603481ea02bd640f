/** What the suites check with: nothing but the language, so that they run under any test runner. */
import { CohortError, type ErrorCode } from "../ground/errors.ts";
import type { Answer } from "../ports/answer.ts";

/** How a runner registers a test: `Deno.test`, `test` of `bun:test` or `node:test`, or one's own. */
export type TestFunction = (name: string, run: () => Promise<void>) => unknown;

/** Fails with `message` unless `condition` is true. */
export function expect(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(message);
}

/** Fails unless both are the same value, or arrays or bytes of the same values. */
export function expectEqual(actual: unknown, expected: unknown, what: string): void {
  if (same(actual, expected)) return;
  throw new Error(`${what}: expected ${show(expected)}, got ${show(actual)}`);
}

/** Fails unless `call` throws or rejects with a `CohortError` of this code; answers the error. */
export async function expectCode(call: () => Answer<unknown>, code: ErrorCode): Promise<CohortError> {
  const error = await failureOf(call, code);
  if (error instanceof CohortError && error.code === code) return error;
  throw new Error(`expected a CohortError ${code}, got ${String(error)}`, { cause: error });
}

/** Fails unless `call` throws or rejects with an error of this class; answers the error. */
export async function expectError(
  call: () => Answer<unknown>,
  kind: typeof TypeError | typeof RangeError,
): Promise<Error> {
  const error = await failureOf(call, kind.name);
  if (error instanceof kind) return error;
  throw new Error(`expected a ${kind.name}, got ${String(error)}`, { cause: error });
}

async function failureOf(call: () => Answer<unknown>, what: string): Promise<unknown> {
  let answer: unknown;
  try {
    answer = await call();
  } catch (error) {
    return error;
  }
  throw new Error(`expected ${what}, got the answer ${show(answer)}`);
}

function same(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  const lists = Array.isArray(a) && Array.isArray(b) || a instanceof Uint8Array && b instanceof Uint8Array;
  if (!lists || a.length !== b.length) return false;
  for (let index = 0; index < a.length; index++) {
    if (!same(a[index], b[index])) return false;
  }
  return true;
}

function show(value: unknown): string {
  if (value instanceof Uint8Array) {
    const more = value.length > 16 ? ` ... ${value.length} bytes` : "";
    return `[${value.subarray(0, 16).join(" ")}${more}]`;
  }
  return typeof value === "string" || Array.isArray(value) ? JSON.stringify(value) : String(value);
}

/** Bytes that tell their place: byte `i` depends on `seed` and `i`. */
export function pattern(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = Math.imul(seed + 1, 0x9e3779b1) >>> 0;
  for (let index = 0; index < length; index++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[index] = state >>> 24;
  }
  return bytes;
}
