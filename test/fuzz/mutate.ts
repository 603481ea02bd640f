/** Ways to spoil a valid sample, and to make up one that never was. */
import type { Prng } from "../support/prng.ts";

const EDGE_BYTES = [0x00, 0x01, 0x7f, 0x80, 0xfe, 0xff];
const EDGE_WORDS = [0, 1, 0x7f, 0xff, 0x100, 0x7fff, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];

/** Changes one byte of `bytes[from, to)` to another value; returns its index. */
export function damageByte(prng: Prng, bytes: Uint8Array, from: number, to: number): number {
  const at = prng.below(to, from);
  bytes[at]! ^= prng.once(2) ? 1 << prng.below(8) : prng.below(256, 1);
  return at;
}

/** Spoils some bytes of `bytes[from, to)` where they stand. */
export function spoil(prng: Prng, bytes: Uint8Array, from: number, to: number): void {
  if (from >= to) return;
  const times = prng.below(prng.once(3) ? 12 : 4, 1);
  for (let i = 0; i < times; i++) {
    const at = prng.below(to, from);
    switch (prng.below(4)) {
      case 0:
        bytes[at] = prng.pick(EDGE_BYTES);
        break;
      case 1:
        bytes[at]! ^= 1 << prng.below(8);
        break;
      case 2:
        putWord(bytes, at, Math.min(to - at, prng.pick([1, 2, 4])), prng.pick(EDGE_WORDS));
        break;
      default:
        bytes[at] = bytes[at]! + prng.below(9, -4);
    }
  }
}

function putWord(bytes: Uint8Array, at: number, size: number, word: number): void {
  for (let i = 0; i < size; i++) bytes[at + i] = word >>> (8 * i);
}

/** A spoiled copy, often of another length. */
export function mutate(prng: Prng, sample: Uint8Array, others: readonly Uint8Array[]): Uint8Array {
  let bytes: Uint8Array = sample.slice();
  for (let steps = prng.below(4, 1); steps > 0; steps--) {
    const at = prng.below(bytes.length + 1);
    const to = Math.min(bytes.length, at + prng.below(prng.pick([2, 9, 65]), 1));
    switch (prng.below(7)) {
      case 0:
        bytes = bytes.slice(0, at);
        break;
      case 1:
        bytes = concat(bytes.subarray(0, at), bytes.subarray(to));
        break;
      case 2:
        bytes = concat(bytes.subarray(0, at), prng.bytes(prng.below(9, 1)), bytes.subarray(at));
        break;
      case 3:
        bytes = concat(bytes.subarray(0, to), bytes.subarray(at, to), bytes.subarray(to));
        break;
      case 4: {
        const other = prng.pick(others);
        bytes = concat(bytes.subarray(0, at), other.subarray(prng.below(other.length + 1)));
        break;
      }
      default:
        spoil(prng, bytes, 0, bytes.length);
    }
  }
  return bytes;
}

/** Bytes that never were a sample: random, or runs of few values; `front` keeps them from a first check. */
export function garbage(prng: Prng, bytesMax: number, front?: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(prng.below(prng.once(4) ? bytesMax + 1 : Math.min(64, bytesMax) + 1));
  const plain = prng.once(2);
  for (let at = 0; at < bytes.length;) {
    if (plain) bytes[at++] = prng.below(256);
    else {
      const end = Math.min(bytes.length, at + prng.below(20, 1));
      bytes.fill(prng.pick(EDGE_BYTES), at, end);
      at = end;
    }
  }
  if (front !== undefined && prng.once(2)) bytes.set(front.subarray(0, bytes.length));
  return bytes;
}

/** A spoiled text; `tokens` are what its grammar is made of. */
export function mutateText(
  prng: Prng,
  sample: string,
  others: readonly string[],
  tokens: readonly string[],
): string {
  let text = sample;
  for (let steps = prng.below(5, 1); steps > 0; steps--) {
    const at = prng.below(text.length + 1);
    const to = Math.min(text.length, at + prng.below(prng.pick([2, 5, 40]), 1));
    switch (prng.below(8)) {
      case 0:
        text = text.slice(0, at);
        break;
      case 1:
        text = text.slice(0, at) + text.slice(to);
        break;
      case 2:
        text = text.slice(0, at) + String.fromCharCode(prng.below(prng.pick([128, 256, 65_536]))) +
          text.slice(to);
        break;
      case 3:
        text = text.slice(0, to) + text.slice(at, to).repeat(prng.pick([1, 1, 2, 300])) + text.slice(to);
        break;
      case 4: {
        const other = prng.pick(others);
        text = text.slice(0, at) + other.slice(prng.below(other.length + 1));
        break;
      }
      default:
        text = text.slice(0, at) + prng.pick(tokens) + text.slice(prng.once(2) ? at : to);
    }
    if (text.length > 20_000) text = text.slice(0, 20_000);
  }
  return text;
}

/** A text that never was a sample: tokens, or any code units, lone surrogates too. */
export function garbageText(prng: Prng, tokens: readonly string[]): string {
  let text = "";
  const units = prng.pick([128, 256, 65_536]);
  for (let count = prng.below(prng.once(10) ? 2000 : 30); count > 0; count--) {
    text += prng.once(2) ? prng.pick(tokens) : String.fromCharCode(prng.below(units));
  }
  return text;
}

/** Byte arrays, one behind the other. */
export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
