/**
 * The M form of a value: the text that M programs see. Everything else has none (README, "Import and
 * export").
 *
 * Strings have one, numbers and bigints that are canonical numbers of M, and nothing else: not -0, which M
 * does not tell from 0, nor what lies beyond 18 digits or 1E47.
 */
import { canonicalFromBigint, canonicalFromNumber } from "../ground/decimal.ts";
import { CohortError } from "../ground/errors.ts";
import { type Charset, formatReference } from "../ground/reference.ts";
import type { Subscript } from "../ground/subscript.ts";
import { isLatin1 } from "../ground/text.ts";
import type { Value } from "../ground/value.ts";

/** The text of a value in M; undefined when it has none. */
export function mText(value: Value): string | undefined {
  switch (typeof value) {
    case "string":
      return value;
    case "number":
      return Object.is(value, -0) ? undefined : canonical(value, canonicalFromNumber);
    case "bigint":
      return canonical(value, canonicalFromBigint);
    default:
      return undefined;
  }
}

/** What `format` makes of a number; undefined when it is no number of M. */
function canonical<N>(n: N, format: (n: N) => string): string | undefined {
  try {
    return format(n);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** Whether a node can be written in a charset. */
export function fitsCharset(subscripts: readonly Subscript[], text: string, charset: Charset): boolean {
  if (charset === "UTF-8") return true;
  return isLatin1(text) && subscripts.every((it) => typeof it !== "string" || isLatin1(it));
}

/** `NO_M_FORM`: which node, and what it holds. `line` is the line that it would have had. */
export function noMForm(
  name: string,
  subscripts: readonly Subscript[],
  found: string,
  line: number,
): CohortError {
  const reference = formatReference({ name, subscripts });
  const message = `Could not write line ${line}: ${reference} holds ${found}`;
  return new CohortError("NO_M_FORM", message, { line, reference, found });
}

/** What a value is, for a message. */
export function kindOf(value: Value): string {
  if (value === null) return "null";
  if (value instanceof Uint8Array) return "bytes";
  if (Array.isArray(value)) return "an array";
  if (Object.is(value, -0)) return "-0";
  return typeof value === "object" ? "an object" : `the ${typeof value} ${shown(value)}`;
}

const SHOWN_CHARS = 40;

function shown(value: Value): string {
  const text = typeof value === "string" ? JSON.stringify(value) : String(value);
  return text.length > SHOWN_CHARS ? `${text.slice(0, SHOWN_CHARS)}...` : text;
}
