/** Random subscripts of every shape that matters to collation and to the codecs. */
import type { Subscript } from "../../src/ground/subscript.ts";
import type { Prng } from "./prng.ts";

/** Texts at the edges of M's numbers, and texts that only look like numbers. */
export const EDGE_TEXTS: readonly string[] = [
  ...["0", "1", "-1", "9", "10", "99", "100", "101", "12345", ".5", "-.5", ".05", "1.5", "-1.5", "10.01"],
  ...["123456789012345678", "1234567890123456789", "1234567890123456780", "12345678901234567800"],
  ...["1.23456789012345678", "1.234567890123456789", ".123456789012345678", ".1234567890123456789"],
  ...["99999999", "100000000", "9007199254740991", "9007199254740992", "9007199254740993"],
  ...["1" + "0".repeat(46), "1" + "0".repeat(47), "-1" + "0".repeat(46), "-1" + "0".repeat(47)],
  ...["9".repeat(18) + "0".repeat(29), "9".repeat(18) + "0".repeat(30), "9".repeat(19) + "0".repeat(28)],
  ...["." + "0".repeat(42) + "1", "." + "0".repeat(43) + "1", "-." + "0".repeat(42) + "9"],
  ...["." + "0".repeat(42) + "123456789012345678", "." + "0".repeat(42) + "1234567890123456789"],
  ...["-0", "+1", "01", "00", "1.0", "1.", ".", "-", "--1", "0.5", "-0.5", ".50", "1E3", "1e3", " 1", "1 "],
  ...["-.", "-01", "..5", "1..5", "1.2.3", "1-", "$5", "-a", "9a", ".a", "Infinity", "NaN", "0x10", "1_000"],
];

/** A text that is often a number and often nearly one. */
export function randomNumberText(prng: Prng): string {
  if (prng.once(5)) return prng.pick(EDGE_TEXTS);
  const digits = prng.digits(prng.pick([1, 1, 2, 2, 3, 4, 5, 7, 8, 9, 10, 15, 16, 17, 18, 19]));
  const sign = prng.pick(["", "", "", "-"]);
  switch (prng.below(7)) {
    case 0:
      return sign + digits + "0".repeat(prng.below(31));
    case 1:
      return sign + "." + digits;
    case 2:
      return sign + "." + "0".repeat(prng.below(45)) + digits;
    case 3: {
      const cut = prng.below(digits.length + 1);
      return sign + digits.slice(0, cut) + "." + digits.slice(cut);
    }
    case 4:
      return prng.pick(["+", "0", "-0", "--", " "]) + digits;
    default:
      return sign + digits;
  }
}

/** A well-formed string of up to `charsMax` characters, at least one. */
export function randomText(prng: Prng, charsMax: number, latin1: boolean): string {
  const count = prng.below(charsMax + 1, 1);
  let text = "";
  while (text.length < count) {
    const kind = prng.below(latin1 ? 4 : 8);
    if (kind < 2) text += String.fromCharCode(prng.below(0x7f, 0x20));
    else if (kind === 2) text += String.fromCharCode(prng.below(3));
    else if (kind === 3) text += String.fromCharCode(prng.below(0x100));
    else if (kind < 6) {
      text += String.fromCodePoint(prng.pick([0x7ff, 0x800, 0xd7ff, 0xe000, 0xfffd, 0xffff]));
    } else text += String.fromCodePoint(prng.pick([0x10000, 0x10300, 0x1f600, 0x10ffff]));
  }
  return text;
}

/** A subscript; with `latin1`, strings stay within U+00FF. */
export function randomSubscript(prng: Prng, latin1: boolean = false): Subscript {
  switch (prng.below(8)) {
    case 0:
      return prng.below(200, -50);
    case 1:
      return prng.below(2 ** 53 - 1, -(2 ** 53 - 1)) / prng.pick([1, 1, 10, 1000, 2 ** 20, 2 ** 40]);
    case 2:
      return BigInt(prng.digits(prng.below(19, 1))) * 10n ** BigInt(prng.below(29));
    case 3:
    case 4:
    case 5:
      return randomNumberText(prng);
    default:
      return randomText(prng, prng.pick([1, 2, 3, 8, 20]), latin1);
  }
}
