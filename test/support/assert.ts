/**
 * `@std/assert` as far as the tests need it, over `node:assert/strict`: the registry of that package is not
 * npm.
 */
import strict from "node:assert/strict";

type ErrorClass<E extends Error> = abstract new (...args: never[]) => E;

/** Fails unless `condition` is truthy. */
export function assert(condition: unknown, message?: string): asserts condition {
  if (!condition) throw new strict.AssertionError({ message: message ?? "Expected a truthy value" });
}

/** Fails unless both are deeply and strictly equal (`NaN` equals itself, `-0` is not `0`). */
export function assertEquals<T>(actual: T, expected: T, message?: string): void {
  strict.deepStrictEqual(actual, expected, message as string);
}

/** Fails when both are deeply and strictly equal. */
export function assertNotEquals<T>(actual: T, expected: T, message?: string): void {
  strict.notDeepStrictEqual(actual, expected, message as string);
}

/** Fails unless both are the same (`Object.is`). */
export function assertStrictEquals<T>(actual: unknown, expected: T, message?: string): asserts actual is T {
  strict.strictEqual(actual, expected, message as string);
}

/** Fails when `actual` does not match `pattern`. */
export function assertMatch(actual: string, pattern: RegExp, message?: string): void {
  strict.match(actual, pattern, message as string);
}

/** Fails when `actual` does not contain `part`. */
export function assertStringIncludes(actual: string, part: string, message?: string): void {
  if (!actual.includes(part)) fail(message ?? `Expected ${quote(actual)} to include ${quote(part)}`);
}

/** Fails unless `fn` throws (an `ErrorClass` whose message includes `includes`); returns what it threw. */
export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  errorClass?: ErrorClass<E>,
  includes?: string,
): E {
  try {
    fn();
  } catch (error) {
    return judge(error, errorClass, includes);
  }
  fail(`Expected a throw${errorClass === undefined ? "" : ` of ${errorClass.name}`}`);
}

/**
 * Fails unless `fn` rejects (with an `ErrorClass` whose message includes `includes`); resolves to the reason.
 */
export async function assertRejects<E extends Error = Error>(
  fn: () => Promise<unknown>,
  errorClass?: ErrorClass<E>,
  includes?: string,
): Promise<E> {
  try {
    await fn();
  } catch (error) {
    return judge(error, errorClass, includes);
  }
  fail(`Expected a rejection${errorClass === undefined ? "" : ` with ${errorClass.name}`}`);
}

function judge<E extends Error>(error: unknown, errorClass?: ErrorClass<E>, includes?: string): E {
  const seen = error instanceof Error ? `${error.name}: ${error.message}` : quote(String(error));
  if (!(error instanceof (errorClass ?? Error))) {
    fail(`Expected ${(errorClass ?? Error).name}, got ${seen}`, error);
  }
  if (includes !== undefined && !error.message.includes(includes)) {
    fail(`Expected a message with ${quote(includes)}, got ${seen}`, error);
  }
  return error as E;
}

function quote(text: string): string {
  return JSON.stringify(text);
}

function fail(message: string, cause?: unknown): never {
  const error = new strict.AssertionError({ message });
  if (cause !== undefined) error.cause = cause;
  throw error;
}
