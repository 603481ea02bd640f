/** How deep a test goes: all of its seeds under `CI=true`, and each time those that the runtimes share. */
import process from "node:process";

/** True where depth counts more than time. */
export const DEEP: boolean = process.env["CI"] === "true";
/** Of how many seeds Deno, which takes twice as long for one, has the first; Bun has the others. */
const SHARED_BY = 3;

const IS_DENO = "Deno" in globalThis;

/**
 * These seeds: in a deep run all of them on Bun and every other one on Deno too, in any other each of them on
 * one of the two.
 */
export function shared(seeds: readonly number[]): number[] {
  return seeds.filter((_, at) => DEEP ? !IS_DENO || at % 2 === 0 : (at % SHARED_BY === 0) === IS_DENO);
}

/** So many of something; half of them on Deno. */
export function fewer(count: number): number {
  return IS_DENO ? Math.ceil(count / 2) : count;
}

/** The same of the seeds from the first to the last. */
export function seedsOf(first: number, last: number): number[] {
  return shared(Array.from({ length: last - first + 1 }, (_, i) => first + i));
}
