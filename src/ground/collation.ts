/** M's order of single subscripts, for users; keys carry the same order in their bytes (key.ts). */
import { compareBytes } from "./bytes.ts";
import { isCanonicalNumber } from "./decimal.ts";
import { NUMBER_BYTES_MAX, putSubscript } from "./subscript.ts";
import type { Subscript } from "./subscript.ts";

const left: Uint8Array = new Uint8Array(NUMBER_BYTES_MAX);
const right: Uint8Array = new Uint8Array(NUMBER_BYTES_MAX);

/**
 * Compares two subscripts as M collates them: "" first, then numbers by value (strings that are canonical
 * numbers among them), then strings by code point. Below, equal to or above zero, so `array.sort(collate)`
 * works. TypeError for another type, RangeError for NaN, the infinities and numbers that M has none for.
 */
export function collate(a: Subscript, b: Subscript): number {
  const aText = isText(a);
  const bText = isText(b);
  if (aText && bText) return compareText(a as string, b as string);
  const aTo = aText ? 0 : putSubscript(a, left, 0, 0);
  const bTo = bText ? 0 : putSubscript(b, right, 0, 1);
  if (aText) return a === "" ? -1 : 1;
  if (bText) return b === "" ? 1 : -1;
  return compareBytes(left, 0, aTo, right, 0, bTo);
}

function isText(subscript: Subscript): boolean {
  return typeof subscript === "string" && !isCanonicalNumber(subscript);
}

/** By code point: where two UTF-16 units differ, a surrogate stands above every unit that is none. */
function compareText(a: string, b: string): number {
  const common = Math.min(a.length, b.length);
  for (let i = 0; i < common; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return rank(x) - rank(y);
  }
  return a.length - b.length;
}

function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}
