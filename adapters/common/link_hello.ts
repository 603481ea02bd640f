/**
 * How two members greet each other: a hello of each, a proof of each, or a refusal. Byte layouts alone.
 *
 *     hello    0 u32 "CIH1"   4 u16 bytes in all   6 u16 least version   8 u16 most version   10 u16 0
 *              12 cluster (16)   28 incarnation (16)   44 nonce (32)   76 u48 epoch   82 u32 call
 *              86 u8 bytes of the name   87 name
 *     proof    0 u32 "CIP1"   4 proof (32)
 *     refusal  0 u32 "CIR1"   4 u8 reason   5 0 … 8
 */
import { getU16, getU32, getU48, putU16, putU32, putU48 } from "../../src/ground/bytes.ts";
import { getId, isId, putId } from "../../src/ground/hex.ts";
import type { InterconnectSelf } from "../../src/ports/interconnect.ts";

const HELLO_MAGIC = 0x3148_4943;
const PROOF_MAGIC = 0x3150_4943;
const REFUSAL_MAGIC = 0x3152_4943;
const HELLO_HEAD = 87;

/** Bytes of a nonce. */
export const NONCE_BYTES = 32;
/** Bytes of a proof. */
export const PROOF_BYTES = 32;
/** Most bytes that are looked at before the other end has proven itself. */
export const GREETING_BYTES_MAX = 1024;

/** Why one end refuses the other. */
export const REFUSALS = [
  "malformed",
  "version",
  "cluster",
  "secret",
  "self",
  "busy",
] as const;
/** A reason of {@linkcode REFUSALS}. */
export type Refusal = typeof REFUSALS[number];

/** What a hello says. */
export interface Hello {
  readonly cluster: string;
  readonly incarnation: string;
  readonly name: string;
  readonly epoch: number;
  readonly least: number;
  readonly most: number;
  /** The how manieth call of its sender this is, from 1; 0 of who was called. */
  readonly call: number;
}

/** One part of a greeting, and the bytes behind it. */
export type Greeting =
  | { readonly kind: "hello"; readonly hello: Hello; readonly bytes: Uint8Array; readonly rest: Uint8Array }
  | { readonly kind: "proof"; readonly proof: Uint8Array; readonly rest: Uint8Array }
  | { readonly kind: "refusal"; readonly refusal: Refusal; readonly rest: Uint8Array };

/** Throws unless a member may name itself so. */
export function checkSelf(self: InterconnectSelf): void {
  const { cluster, incarnation, name, epoch, secret, versions } = self;
  for (const [what, id] of [["cluster", cluster], ["incarnation", incarnation]]) {
    if (!isId(id!)) throw new TypeError(`${what} is 32 hexadecimal digits, got ${id}`);
  }
  const bytes = new TextEncoder().encode(name).length;
  if (bytes < 1 || bytes > 255) throw new RangeError(`A name has 1 to 255 bytes of UTF-8, got ${bytes}`);
  if (!Number.isSafeInteger(epoch) || epoch < 0 || epoch >= 2 ** 48) {
    throw new RangeError(`epoch is a whole number below 2^48, got ${epoch}`);
  }
  if (!(secret instanceof Uint8Array) || secret.length < 16) {
    throw new RangeError("A secret has at least 16 bytes");
  }
  const { least, most } = versions;
  if (!(Number.isInteger(least) && Number.isInteger(most) && least >= 1 && least <= most && most <= 0xffff)) {
    throw new RangeError(`versions are from 1 to 65535, the least first, got ${least} to ${most}`);
  }
}

/** A member's hello with its nonce and the number of its call. */
export function helloOf(self: InterconnectSelf, nonce: Uint8Array, call: number): Uint8Array {
  const name = new TextEncoder().encode(self.name);
  const bytes = new Uint8Array(HELLO_HEAD + name.length);
  putU32(bytes, 0, HELLO_MAGIC);
  putU16(bytes, 4, bytes.length);
  putU16(bytes, 6, self.versions.least);
  putU16(bytes, 8, self.versions.most);
  putId(bytes, 12, self.cluster);
  putId(bytes, 28, self.incarnation);
  bytes.set(nonce, 44);
  putU48(bytes, 76, self.epoch);
  putU32(bytes, 82, call);
  bytes[86] = name.length;
  bytes.set(name, HELLO_HEAD);
  return bytes;
}

/** A proof as it is sent. */
export function proofMessage(proof: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(4 + PROOF_BYTES);
  putU32(bytes, 0, PROOF_MAGIC);
  bytes.set(proof, 4);
  return bytes;
}

/** A refusal as it is sent. */
export function refusalMessage(refusal: Refusal): Uint8Array {
  const bytes = new Uint8Array(8);
  putU32(bytes, 0, REFUSAL_MAGIC);
  bytes[4] = REFUSALS.indexOf(refusal);
  return bytes;
}

/** The first part in `bytes`; undefined while it is incomplete, "malformed" when it never can be one. */
export function readGreeting(bytes: Uint8Array): Greeting | undefined | "malformed" {
  if (bytes.length < 6) return undefined;
  switch (getU32(bytes, 0)) {
    case HELLO_MAGIC:
      return readHello(bytes);
    case PROOF_MAGIC: {
      const end = 4 + PROOF_BYTES;
      if (bytes.length < end) return undefined;
      return { kind: "proof", proof: bytes.slice(4, end), rest: bytes.subarray(end) };
    }
    case REFUSAL_MAGIC: {
      if (bytes.length < 8) return undefined;
      return { kind: "refusal", refusal: REFUSALS[bytes[4]!] ?? "malformed", rest: bytes.subarray(8) };
    }
    default:
      return "malformed";
  }
}

function readHello(bytes: Uint8Array): Greeting | undefined | "malformed" {
  const length = getU16(bytes, 4);
  if (length < HELLO_HEAD + 1 || length > HELLO_HEAD + 255) return "malformed";
  if (bytes.length < length) return undefined;
  const least = getU16(bytes, 6);
  const most = getU16(bytes, 8);
  if (least < 1 || most < least || getU16(bytes, 10) !== 0 || bytes[86] !== length - HELLO_HEAD) {
    return "malformed";
  }
  let name: string;
  try {
    name = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
      .decode(bytes.subarray(HELLO_HEAD, length));
  } catch {
    return "malformed";
  }
  const hello = {
    cluster: getId(bytes, 12),
    incarnation: getId(bytes, 28),
    name,
    epoch: getU48(bytes, 76),
    call: getU32(bytes, 82),
    least,
    most,
  };
  return { kind: "hello", hello, bytes: bytes.slice(0, length), rest: bytes.subarray(length) };
}
