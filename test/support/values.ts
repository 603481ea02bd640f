/** Random values of every type a node may hold. */
import type { Value } from "../../src/ground/value.ts";
import type { Prng } from "./prng.ts";
import { randomText } from "./subscripts.ts";

const NUMBERS = [
  ...[0, -0, 1, -1, 23, 24, 63, 64, -64, -65, 255, 256, 65535, 65536, 2 ** 31, 2 ** 32 - 1, 2 ** 32],
  ...[-(2 ** 32), -(2 ** 32) - 1, 2 ** 53 - 1, -(2 ** 53) + 1],
];
const EDGES = [2 ** 53, 1e21, 0.1, -1.5, 5e-324, 1.8e307, -1e300];
const KEYS = ["a", "name", "id", "__proto__", "constructor", "", "1", "with space", "größe", "a".repeat(30)];

/** A value that is no array or object. */
export function randomScalar(prng: Prng): Value {
  switch (prng.below(9)) {
    case 0:
      return prng.once(2);
    case 1:
      return null;
    case 2:
      return prng.bytes(prng.pick([0, 1, 23, 24, 40, 300]));
    case 3:
      return BigInt(prng.pick(["", "-"]) + prng.digits(prng.pick([1, 2, 15, 19, 20, 21, 60])));
    case 4:
      return prng.pick(NUMBERS) + (prng.once(3) ? prng.below(3, -2) : 0);
    case 5:
      return prng.pick(EDGES);
    case 6:
      return "x".repeat(prng.pick([0, 23, 24, 48, 49, 255, 256, 700]));
    default:
      return prng.once(8) ? "" : randomText(prng, prng.pick([3, 30, 60, 200]), prng.once(2));
  }
}

/** A value nested up to `depth` deep. */
export function randomValue(prng: Prng, depth: number = 4): Value {
  if (depth === 0 || prng.once(3)) return randomScalar(prng);
  const count = prng.once(20) ? 26 : prng.below(5);
  if (prng.once(2)) return Array.from({ length: count }, () => randomValue(prng, depth - 1));
  const value: Record<string, Value> = {};
  for (let i = 0; i < count; i++) {
    const key = prng.once(2) ? prng.pick(KEYS) : randomText(prng, 30, false);
    const member = {
      value: randomValue(prng, depth - 1),
      writable: true,
      enumerable: true,
      configurable: true,
    };
    Object.defineProperty(value, key, member);
  }
  return value;
}
