/**
 * Packet: one message of the courier as bytes. Pure.
 *
 *     0  u8   class: 0x43          16  u48  number; 0 for an acknowledgement alone
 *     1  u8   kind                 22  u48  every number up to this has arrived
 *     2  u16  topic                28  u48  numbers up to this may be sent
 *     4  u48  view                 34  u48  number of the request that a reply answers, else 0
 *     10 u48  commit stamp         40       body
 */
import { getU48, putU48 } from "../ground/bytes.ts";
import { CohortError } from "../ground/errors.ts";

/** First byte of every packet: other messages of an interconnect begin with another. */
export const PACKET_CLASS = 0x43;
/** Bytes before the body. */
export const PACKET_HEADER_BYTES = 40;

/** Says only what has arrived and what may be sent. */
export const KIND_ACK = 0;
/** Wants a reply. */
export const KIND_REQUEST = 1;
/** Answers a request. */
export const KIND_REPLY = 2;
/** Answers a request with an error. */
export const KIND_REFUSAL = 3;
/** Wants no reply. */
export const KIND_NOTICE = 4;

/** A packet, taken apart. */
export interface Packet {
  readonly kind: number;
  readonly topic: number;
  readonly view: number;
  readonly stamp: number;
  readonly number: number;
  readonly ack: number;
  readonly credit: number;
  readonly about: number;
  readonly body: Uint8Array;
}

/** What changes each time a packet leaves. */
export interface PacketState {
  readonly view: number;
  readonly stamp: number;
  readonly ack: number;
  readonly credit: number;
}

/** Bytes of a packet whose number and state are yet to be put. */
export function makePacket(kind: number, topic: number, about: number, body: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(PACKET_HEADER_BYTES + body.length);
  bytes[0] = PACKET_CLASS;
  bytes[1] = kind;
  bytes[2] = topic & 0xff;
  bytes[3] = topic >> 8;
  putU48(bytes, 34, about);
  bytes.set(body, PACKET_HEADER_BYTES);
  return bytes;
}

/** Puts the number that a packet has in its channel. */
export function putNumber(bytes: Uint8Array, number: number): void {
  putU48(bytes, 16, number);
}

/** Puts what holds at the instant at which a packet leaves. */
export function putState(bytes: Uint8Array, state: PacketState): void {
  putU48(bytes, 4, state.view);
  putU48(bytes, 10, state.stamp);
  putU48(bytes, 22, state.ack);
  putU48(bytes, 28, state.credit);
}

/** Takes a packet apart; `body` shares its memory. Throws `CORRUPT` for what is none. */
export function readPacket(bytes: Uint8Array): Packet {
  if (bytes.length < PACKET_HEADER_BYTES || bytes[0] !== PACKET_CLASS) {
    throw corrupt(`it has ${bytes.length} bytes and is of class ${bytes[0]}`);
  }
  const packet: Packet = {
    kind: bytes[1]!,
    topic: bytes[2]! | (bytes[3]! << 8),
    view: getU48(bytes, 4),
    stamp: getU48(bytes, 10),
    number: getU48(bytes, 16),
    ack: getU48(bytes, 22),
    credit: getU48(bytes, 28),
    about: getU48(bytes, 34),
    body: bytes.subarray(PACKET_HEADER_BYTES),
  };
  const { kind, number, about } = packet;
  if (kind > KIND_NOTICE) throw corrupt(`it is of kind ${kind}`);
  if ((kind === KIND_ACK) !== (number === 0)) throw corrupt(`one of kind ${kind} has number ${number}`);
  if ((kind === KIND_REPLY || kind === KIND_REFUSAL) !== (about > 0)) {
    throw corrupt(`one of kind ${kind} answers ${about}`);
  }
  if (kind === KIND_ACK && bytes.length > PACKET_HEADER_BYTES) {
    throw corrupt("an acknowledgement has a body");
  }
  return packet;
}

function corrupt(found: string): CohortError {
  return new CohortError("CORRUPT", `Could not read a packet: ${found}`, { found });
}
