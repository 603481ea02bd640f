/** How targets judge a decoder: which errors it may throw, and that damage does not pass. */
import { CohortError, type ErrorCode } from "../../src/ground/errors.ts";
import type { Outcome } from "./fuzz.ts";

/** A problem found by a target. */
export class Finding extends Error {
  override readonly name = "Finding";
}

/** Throws a finding. */
export function find(problem: string): never {
  throw new Finding(problem);
}

/** What a decoder gave, or the code it refused with. */
export type Answered<T> = { readonly value: T } | { readonly code: ErrorCode };

/** Runs a decoder; an error that is not a `CohortError` of one of `codes` escapes, and so is a failure. */
export function answerOf<T>(codes: readonly ErrorCode[], run: () => T): Answered<T> {
  try {
    return { value: run() };
  } catch (error) {
    return { code: allowed(codes, error) };
  }
}

/** As `answerOf`, for what waits. */
export async function answerLater<T>(
  codes: readonly ErrorCode[],
  run: () => Promise<T>,
): Promise<Answered<T>> {
  try {
    return { value: await run() };
  } catch (error) {
    return { code: allowed(codes, error) };
  }
}

function allowed(codes: readonly ErrorCode[], error: unknown): ErrorCode {
  if (error instanceof CohortError && codes.includes(error.code)) return error.code;
  throw error;
}

/** Fails unless the damage was noticed. */
export function expectRefused(answer: Answered<unknown>, what: string): Outcome {
  if ("code" in answer) return "detected";
  return find(`${what} was not noticed`);
}

/** Whether two byte arrays are the same. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
