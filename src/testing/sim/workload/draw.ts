/** Hostile subscripts and values: what a careless or a malicious program would store. */
import type { Subscript } from "../model/collation.ts";
import type { SimValue } from "../model/values.ts";
import type { Prng } from "../prng.ts";

const ODD_TEXTS: readonly string[] = [
  "\u0000",
  "\u0001",
  "\u0000\u0001",
  "\u0001\u0000x",
  " ",
  "-",
  "-0",
  "007",
  "0.5",
  "1E3",
  "1.50",
  "é",
  "\u00ff",
  "\u0100",
  "\ufffd",
  "\uffff",
  "\u{10300}",
  "\u{10ffff}",
  "a\u0000",
  "a",
  "a\u0001",
  "1234567890123456789",
  "__proto__",
  "constructor",
];

const ODD_NUMBERS: readonly Subscript[] = [
  0,
  -1,
  -10,
  0.5,
  -0.25,
  1.5,
  1e21,
  -1e21,
  1e-20,
  "123456789012345678",
  "-.000001",
  99999999,
  100000000,
  2 ** 53 - 1,
  -(2 ** 53 - 1),
  1e46,
];

/** Draws one subscript. `spread` is how many common ones there are. */
export function drawSubscript(chance: Prng, spread: number): Subscript {
  switch (chance.weighted([12, 6, 2, 2, 1])) {
    case 0:
      return chance.below(spread);
    case 1:
      return `k${chance.below(spread)}`;
    case 2:
      return chance.pick(ODD_TEXTS);
    case 3:
      return chance.pick(ODD_NUMBERS);
    default:
      return `${"long".repeat(chance.between(2, 30))}${chance.below(4)}`;
  }
}

/** Draws the subscripts of a node: few levels mostly, now and then many. */
export function drawSubscripts(chance: Prng, spread: number): Subscript[] {
  const levels = chance.chance(1, 40) ? chance.between(5, 9) : chance.weighted([0, 6, 6, 3, 1]);
  return Array.from({ length: levels }, () => drawSubscript(chance, spread));
}

/** An upper bound of the bytes that subscripts take as a key, escapes included. */
export function keyBytesAtMost(subscripts: readonly Subscript[]): number {
  let bytes = 0;
  for (const subscript of subscripts) bytes += typeof subscript === "string" ? 3 * subscript.length + 2 : 12;
  return bytes;
}

/** How long values are; drawn per seed. */
export interface ValueSizes {
  /**
   * Weights of: the id alone, up to 100, up to 1500, about the inline limit, up to 20,000, up to 200,000
   * bytes.
   */
  readonly weights: readonly number[];
}

/** Draws a value that carries `id`, so that wherever it shows up it says who wrote it. */
export function drawValue(chance: Prng, id: string, sizes: ValueSizes): SimValue {
  const pad = padding(chance, chance.weighted(sizes.weights));
  switch (chance.weighted([10, 3, 2, 2, 2, 2, 1])) {
    case 0:
      return id + ".".repeat(pad);
    case 1:
      return `${id}€${"ü€".repeat(Math.floor(pad / 5))}`;
    case 2:
      return chance.fill(new Uint8Array(pad + 8));
    case 3:
      return [id, pad, [null, true], ".".repeat(pad)];
    case 4:
      return {
        id,
        n: -pad,
        big: BigInt(pad) ** 5n,
        bytes: new Uint8Array(Math.min(pad, 300)),
        text: ".".repeat(pad),
      };
    case 5:
      return chance.pick([chance.next32(), -chance.next32(), chance.next32() / 8, -0, 2 ** 60, 1e-9]);
    default:
      return BigInt(chance.next32()) ** BigInt(1 + (pad % 9)) * (chance.chance(1, 2) ? 1n : -1n);
  }
}

function padding(chance: Prng, size: number): number {
  if (size === 0) return 0;
  if (size === 1) return chance.below(100);
  if (size === 2) return chance.between(100, 1500);
  if (size === 3) return chance.between(1815, 1845);
  if (size === 4) return chance.between(2000, 20_000);
  return chance.between(20_000, 200_000);
}

/** Draws how long values are. */
export function drawSizes(chance: Prng): ValueSizes {
  return {
    weights: chance.pick([
      [4, 8, 6, 1, 1, 0],
      [2, 4, 10, 2, 1, 0],
      [1, 2, 12, 3, 2, 0],
      [10, 10, 1, 0, 0, 0],
      [4, 4, 8, 1, 2, 1],
    ]),
  };
}
