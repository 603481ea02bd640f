/**
 * Where Cohort's answer may differ from GT.M's: the rules of ARCHITECTURE ("Where we differ from M"), each
 * with what must be so for a difference to be explained by it. The arithmetic here is its own: what judges an
 * answer does not come from the code that gave it.
 */
import type { Operation, OperationOf, Stored } from "./draw.ts";
import { textOf } from "./sides.ts";

/** A rule by which answers may differ. */
export type Rule =
  | "a longer name is refused, not cut"
  | "a number beyond M's is refused, not cut"
  | "an increment that does not fit is refused, not rounded"
  | "an increment of bigints is exact beyond 18 digits"
  | "an overlapping merge is refused"
  | "GT.M's $INCREMENT of a stored zero gives nothing";

/** What is known of an operation when its answers are compared. */
export interface Answered {
  readonly operation: Operation;
  readonly ours: string;
  readonly theirs: string;
  /** The value that an increment met. */
  readonly before: Stored | undefined;
}

/** Errors of GT.M for what a caller of Cohort is refused with a TypeError or RangeError. */
const SAME_REFUSALS = ["!NULSUBSC", "!MAXNRSUBSCRIPTS", "!GVSUBOFLOW", "!MERGEINCOMPL"];
const NAME_CHARS_MAX = 31;
const DIGITS_MAX = 18;
const EXPONENT_MAX = 46;
const EXPONENT_MIN = -43;

/** Whether both refuse what both refuse. */
export function refusedAlike({ ours, theirs }: Answered): boolean {
  return (ours === "!RangeError" || ours === "!TypeError") && SAME_REFUSALS.includes(theirs);
}

/** The rule that explains why two answers differ; undefined when none does. */
export function explain(answered: Answered): Rule | undefined {
  const { operation, ours } = answered;
  if (operation.kind === "name" && ours === "!RangeError") return explainName(answered, operation);
  if (operation.kind === "increment") return explainIncrement(answered, operation);
  if (operation.kind === "merge" && ours === "!TypeError") return explainMerge(answered, operation);
  return undefined;
}

function explainName(
  { theirs }: Answered,
  { at: { name, subscripts } }: OperationOf<"name">,
): Rule | undefined {
  if (name.length > NAME_CHARS_MAX) {
    return theirs === `^${name.slice(0, NAME_CHARS_MAX)}` ? "a longer name is refused, not cut" : undefined;
  }
  const given = decimalOf(String(subscripts[0]).replace("e", "E"));
  const [, taken] = /^\^a\(([^()]*)\)$/.exec(theirs) ?? [];
  const isCut = taken !== undefined && !equal(decimalOf(taken), given);
  return theirs === "!NUMOFLOW" || isCut ? "a number beyond M's is refused, not cut" : undefined;
}

function explainMerge(
  { theirs }: Answered,
  { at, from }: OperationOf<"merge">,
): Rule | undefined {
  const shorter = Math.min(at.subscripts.length, from.subscripts.length);
  const overlap = at.name === from.name &&
    at.subscripts.slice(0, shorter).every((it, i) => textOf(it) === textOf(from.subscripts[i]!));
  if (!overlap || (theirs !== "!MERGEDESC" && theirs !== "done")) return undefined;
  return "an overlapping merge is refused";
}

function explainIncrement(
  { ours, theirs, before }: Answered,
  { by }: OperationOf<"increment">,
): Rule | undefined {
  const current = decimalOf(before === undefined ? "" : textOf(before));
  const sum = plus(current, decimalOf(textOf(by)));
  const asBigint = typeof by === "bigint" || typeof before === "bigint";
  if (ours === "!PRECISION") {
    const fits = isOfM(current) && (isNumber(sum) || (asBigint && sum.exponent >= 0));
    return fits ? undefined : "an increment that does not fit is refused, not rounded";
  }
  if (
    isStoredZero(before) && theirs === "" && equal(decimalOf(ours), sum) && !isSmall(decimalOf(textOf(by)))
  ) {
    return "GT.M's $INCREMENT of a stored zero gives nothing";
  }
  if (!asBigint || isOfM(sum) || !equal(decimalOf(ours), sum)) return undefined;
  const near = theirs === "!NUMOFLOW" ? magnitude(sum) > EXPONENT_MAX : isCutOf(decimalOf(theirs), sum);
  return near ? "an increment of bigints is exact beyond 18 digits" : undefined;
}

/**
 * Whether something of the numeric value 0 is stored, as "", "abc" or 0: V7.0-005 then often stores "" and
 * answers that for a step that is no small number. (`set x="" write $increment(x,1000000)` is right.)
 */
export function isStoredZero(before: Stored | undefined): boolean {
  return before !== undefined && decimalOf(textOf(before)).coefficient === 0n;
}

/** Whether GT.M has this number in one machine word: up to six digits and three decimals. */
function isSmall(it: Exact): boolean {
  const size = it.coefficient < 0n ? -it.coefficient : it.coefficient;
  return it.exponent >= -3 && size * 10n ** BigInt(it.exponent + 3) < 1_000_000_000n;
}

/** `coefficient * 10 ** exponent`; the coefficient ends in no zero. */
interface Exact {
  readonly coefficient: bigint;
  readonly exponent: number;
}

/** The number that a text begins with. */
export function decimalOf(text: string): Exact {
  const [, signs = "", whole = "", fraction = "", power = "0"] =
    /^([-+]*)(\d*)(?:\.(\d*))?(?:E([-+]?\d+))?/.exec(text) ?? [];
  if (whole + fraction === "") return { coefficient: 0n, exponent: 0 };
  const size = BigInt(whole + fraction);
  const isNegative = signs.replaceAll("+", "").length % 2 === 1;
  return shortest({ coefficient: isNegative ? -size : size, exponent: Number(power) - fraction.length });
}

function shortest({ coefficient, exponent }: Exact): Exact {
  if (coefficient === 0n) return { coefficient, exponent: 0 };
  let rest = coefficient, power = exponent;
  for (; rest % 10n === 0n; power++) rest /= 10n;
  return { coefficient: rest, exponent: power };
}

function equal(a: Exact, b: Exact): boolean {
  return a.coefficient === b.coefficient && a.exponent === b.exponent;
}

function plus(a: Exact, b: Exact): Exact {
  const exponent = Math.min(a.exponent, b.exponent);
  return shortest({ coefficient: scaled(a, exponent) + scaled(b, exponent), exponent });
}

function scaled({ coefficient, exponent }: Exact, to: number): bigint {
  return coefficient * 10n ** BigInt(exponent - to);
}

function digits({ coefficient }: Exact): number {
  return String(coefficient).replace("-", "").length;
}

/** Power of ten of the leading digit. */
function magnitude(it: Exact): number {
  return digits(it) - 1 + it.exponent;
}

/** Whether M has this number. */
function isOfM(it: Exact): boolean {
  if (it.coefficient === 0n) return true;
  return digits(it) <= DIGITS_MAX && magnitude(it) <= EXPONENT_MAX && magnitude(it) >= EXPONENT_MIN;
}

/** Whether a number of JavaScript is just this: a safe integer, or a fraction by its shortest text. */
function isNumber(it: Exact): boolean {
  const n = Number(`${it.coefficient}e${it.exponent}`);
  if (it.exponent >= 0) return Number.isSafeInteger(n);
  return equal(decimalOf(String(n).replace("e", "E")), it);
}

/** Whether `cut` is what 18 digits hold of `whole`: off by less than one in the last of them. */
function isCutOf(cut: Exact, whole: Exact): boolean {
  const unit = magnitude(whole) - DIGITS_MAX + 1;
  const exponent = Math.min(cut.exponent, whole.exponent, unit);
  const off = scaled(cut, exponent) - scaled(whole, exponent);
  return (off < 0n ? -off : off) < 10n ** BigInt(unit - exponent) && !equal(cut, whole);
}
