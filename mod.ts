/**
 * Cohort: ordered, transactional, durable globals, embedded in a Deno or Bun program.
 *
 * @module
 */
export {
  CohortError,
  ERROR_CODES,
  type ErrorCode,
  type ErrorFacts,
  InvariantError,
  isCode,
} from "./src/ground/errors.ts";
export * from "./src/ground/limits.ts";
export * from "./src/ports/mod.ts";
