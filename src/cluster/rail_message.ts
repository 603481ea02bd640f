/**
 * What travels over rails: addresses, and the bytes before each message. Pure.
 *
 *     message   0 u8 0   1 u32 generation   5 the message
 *     state     0 u8 1   1 u32 generation   5 u32 repaired   9 u32 number   13 u8 1: two rails, 2: ready
 *     end       0 u8 2
 */
import { getU32, putU32 } from "../ground/bytes.ts";

/** Bytes before a message. */
export const RAIL_HEAD_BYTES = 5;

const KIND_MESSAGE = 0;
const KIND_STATE = 1;
const KIND_END = 2;
const STATE_BYTES = 14;
const HAS_TWO = 1;
const IS_READY = 2;

/** What a member says of its rails, over each of them, in every round. */
export interface RailState {
  /** Switches of the cluster that it knows of. */
  readonly generation: number;
  /** The latest generation whose unused rail was declared repaired. */
  readonly repaired: number;
  /** Rises from one state of a member to its next, whichever rail they take. */
  readonly number: number;
  /** Whether it has a second rail at all. */
  readonly hasTwo: boolean;
  /** Whether it reaches all members that it knows by the unused rail. */
  readonly isReady: boolean;
}

/** What came over a rail. */
export type RailMessage =
  | { readonly kind: "message"; readonly generation: number; readonly bytes: Uint8Array }
  | { readonly kind: "state"; readonly state: RailState }
  | { readonly kind: "end" };

/** A message as it travels. */
export function putMessage(generation: number, bytes: Uint8Array): Uint8Array {
  const put = new Uint8Array(RAIL_HEAD_BYTES + bytes.length);
  put[0] = KIND_MESSAGE;
  putU32(put, 1, generation);
  put.set(bytes, RAIL_HEAD_BYTES);
  return put;
}

/** A state as it travels. */
export function putState({ generation, repaired, number, hasTwo, isReady }: RailState): Uint8Array {
  const put = new Uint8Array(STATE_BYTES);
  put[0] = KIND_STATE;
  putU32(put, 1, generation);
  putU32(put, 5, repaired);
  putU32(put, 9, number);
  put[13] = (hasTwo ? HAS_TWO : 0) | (isReady ? IS_READY : 0);
  return put;
}

/** What tells the other end that a link is ended on purpose. */
export function putEnd(): Uint8Array {
  return new Uint8Array([KIND_END]);
}

/** What came; undefined when it is none of these. */
export function readRailMessage(bytes: Uint8Array): RailMessage | undefined {
  if (bytes[0] === KIND_MESSAGE && bytes.length >= RAIL_HEAD_BYTES) {
    return { kind: "message", generation: getU32(bytes, 1), bytes: bytes.subarray(RAIL_HEAD_BYTES) };
  }
  if (bytes[0] === KIND_STATE && bytes.length === STATE_BYTES && bytes[13]! <= (HAS_TWO | IS_READY)) {
    const state = {
      generation: getU32(bytes, 1),
      repaired: getU32(bytes, 5),
      number: getU32(bytes, 9),
      hasTwo: (bytes[13]! & HAS_TWO) !== 0,
      isReady: (bytes[13]! & IS_READY) !== 0,
    };
    return state.repaired <= state.generation ? { kind: "state", state } : undefined;
  }
  return bytes[0] === KIND_END && bytes.length === 1 ? { kind: "end" } : undefined;
}

const PREFIX = "rails:";

/** The addresses of one rail or two as one text. */
export function formatRails(addresses: readonly string[]): string {
  return PREFIX + addresses.map((it) => it.replaceAll("%", "%25").replaceAll(",", "%2C")).join(",");
}

/** The addresses in a text. */
export function parseRails(text: string): readonly string[] {
  const addresses = text.slice(PREFIX.length).split(",")
    .map((it) => it.replaceAll("%2C", ",").replaceAll("%25", "%"));
  if (!text.startsWith(PREFIX) || addresses.length > 2 || addresses.includes("")) {
    throw new TypeError(`An address is rails:first,second or rails:first, got ${JSON.stringify(text)}`);
  }
  return addresses;
}
