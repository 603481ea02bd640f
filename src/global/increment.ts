/**
 * Increment: `$INCREMENT`'s arithmetic, exact or refused (cache-cluster-rules P7-P10).
 *
 * Absent, null and "" count as 0; strings by their numeric beginning. The result is a bigint when the stored
 * value or the step is one, else a number; what neither can hold exactly is `PRECISION`, and nothing is
 * changed.
 */
import {
  add,
  type Decimal,
  decimalFromBigint,
  decimalFromNumber,
  decimalToBigint,
  decimalToNumber,
  formatDecimal,
  numericPrefix,
} from "../ground/decimal.ts";
import { CohortError } from "../ground/errors.ts";
import type { Value } from "../ground/value.ts";

/** Characters of a value that a message shows. */
const SHOWN_CHARS = 40;

/**
 * The value after adding `by` to `current`. `NOT_NUMERIC` for bytes, booleans, arrays and objects;
 * `PRECISION`.
 */
export function incremented(current: Value | undefined, by: number | bigint): number | bigint {
  if (typeof current === "number" && typeof by === "number") {
    const sum = current + by;
    if (Number.isSafeInteger(sum) && Number.isSafeInteger(current) && Number.isSafeInteger(by)) return sum;
    // Nothing is added: nothing can be lost (P10).
    if (by === 0) return sum;
  }
  const sum = add(toDecimal(current), typeof by === "bigint" ? decimalFromBigint(by) : decimalFromNumber(by));
  const result = typeof current === "bigint" || typeof by === "bigint" ? asBigint(sum) : asNumber(sum);
  if (result !== undefined) return result;
  throw new CohortError(
    "PRECISION",
    `Could not add ${by} to ${shown(current)}: ${shortened(formatDecimal(sum))} does not fit`,
    {
      current: shown(current),
      by,
    },
  );
}

function asNumber(sum: Decimal): number | undefined {
  const value = decimalToNumber(sum);
  return value !== undefined && Number.isInteger(value) && !Number.isSafeInteger(value) ? undefined : value;
}

function asBigint(sum: Decimal): number | bigint | undefined {
  return decimalToBigint(sum) ?? asNumber(sum);
}

function toDecimal(current: Value | undefined): Decimal {
  if (current === undefined || current === null) return decimalFromBigint(0n);
  if (typeof current === "number") return decimalFromNumber(current);
  if (typeof current === "bigint") return decimalFromBigint(current);
  if (typeof current === "string") return numericPrefix(current);
  throw new CohortError("NOT_NUMERIC", `Could not increment ${shown(current)}`, { type: typeof current });
}

function shown(value: Value | undefined): string {
  if (typeof value === "string") return JSON.stringify(shortened(value));
  if (typeof value === "object" && value !== null) return value instanceof Uint8Array ? "bytes" : "an object";
  return String(value);
}

function shortened(text: string): string {
  return text.length > SHOWN_CHARS ? text.slice(0, SHOWN_CHARS) + "…" : text;
}
