/**
 * Increment messages: what members tell each other of increments that one does for another (DESIGN D11), as
 * bytes. Pure.
 *
 * ```
 * asked      0 u8 1   1 u48 all up to this are settled   7 u16 count   9 each: u48 sequence, u32 tag,
 *            u8 length and name, u16 length and key, u16 length and step as an encoded value
 * its reply  each: u8 0 done, u16 length and encoded value; 1 refused; 2 refused, who has it now (16)
 * settled    0 u8 2   1 u48 all up to this are settled
 * waiting    0 u8 3   1 the lost member's incarnation (16)
 * its reply  0 u48 first sequence that waits, 0 for none
 * published  0 u8 4   1 the lost member's incarnation (16)   17 u8 1: it is known   18 u32 count
 *            22 each: u48 sequence, u16 length and encoded value
 * ```
 */
import { ByteReader } from "../ground/byte_reader.ts";
import { putU16 } from "../ground/bytes.ts";
import { ByteWriter } from "../ground/byte_writer.ts";
import { getId, ID_BYTES, putId } from "../ground/hex.ts";
import { NAME_CHARS_MAX } from "../ground/limits.ts";
import { isNameForm } from "../ground/name.ts";
import { decodeValue, encodeValue } from "../ground/value.ts";
import type { Increment, Outcome } from "../global/elsewhere.ts";

const ASKED = 1;
const SETTLED = 2;
const WAITING = 3;
const PUBLISHED = 4;

const DONE = 0;
const REFUSED = 1;
const ELSEWHERE = 2;

const WHAT = "message about increments";

/** One increment that is asked for, with its number. */
export interface AskedIncrement extends Omit<Increment, "taken"> {
  readonly sequence: number;
}

/** A value that was answered, or found in a journal. */
export interface Published {
  readonly sequence: number;
  readonly value: number | bigint;
}

/** A message. */
export type IncrementMessage =
  | { readonly kind: "asked"; readonly settled: number; readonly increments: readonly AskedIncrement[] }
  | { readonly kind: "settled"; readonly settled: number }
  | { readonly kind: "waiting"; readonly lost: string }
  | {
    readonly kind: "published";
    readonly lost: string;
    /** What was done; undefined when it is not to be known. */
    readonly results: readonly Published[] | undefined;
  };

/** The bytes of a message. */
export function encodeIncrementMessage(message: IncrementMessage): Uint8Array {
  const writer = new ByteWriter(256);
  switch (message.kind) {
    case "asked":
      writer.u8(ASKED);
      writer.u48(message.settled);
      writer.u16(message.increments.length);
      for (const increment of message.increments) putIncrement(writer, increment);
      break;
    case "settled":
      writer.u8(SETTLED);
      writer.u48(message.settled);
      break;
    case "waiting":
      writer.u8(WAITING);
      appendId(writer, message.lost);
      break;
    case "published":
      writer.u8(PUBLISHED);
      appendId(writer, message.lost);
      writer.u8(message.results === undefined ? 0 : 1);
      writer.u32(message.results?.length ?? 0);
      for (const { sequence, value } of message.results ?? []) {
        writer.u48(sequence);
        putNumber(writer, value);
      }
  }
  return writer.copy();
}

/** Throws `CORRUPT` for what is no such message. */
export function decodeIncrementMessage(body: Uint8Array): IncrementMessage {
  const reader = new ByteReader(body, WHAT);
  const kind = reader.u8();
  const message = decodeOf(kind, reader);
  reader.expectEnd();
  return message;
}

function decodeOf(kind: number, reader: ByteReader): IncrementMessage {
  switch (kind) {
    case ASKED: {
      const settled = reader.u48();
      const increments: AskedIncrement[] = [];
      for (let i = reader.u16(); i > 0; i--) increments.push(getIncrement(reader));
      return { kind: "asked", settled, increments };
    }
    case SETTLED:
      return { kind: "settled", settled: reader.u48() };
    case WAITING:
      return { kind: "waiting", lost: getId(reader.view(ID_BYTES), 0) };
    case PUBLISHED: {
      const lost = getId(reader.view(ID_BYTES), 0);
      const isKnown = reader.u8() === 1;
      const results: Published[] = [];
      for (let i = reader.u32(); i > 0; i--) {
        results.push({ sequence: reader.u48(), value: getNumber(reader) });
      }
      return { kind: "published", lost, results: isKnown ? results : undefined };
    }
  }
  return reader.fail(`it is of kind ${kind}`, 0);
}

/** The reply to what was asked: an outcome for each, in order. */
export function encodeOutcomes(outcomes: readonly Outcome[]): Uint8Array {
  const writer = new ByteWriter(256);
  for (const outcome of outcomes) {
    if (outcome.kind === "done") {
      writer.u8(DONE);
      putNumber(writer, outcome.value);
    } else {
      writer.u8(outcome.holder === undefined ? REFUSED : ELSEWHERE);
      if (outcome.holder !== undefined) appendId(writer, outcome.holder);
    }
  }
  return writer.copy();
}

/** The outcomes of `count` increments. Throws `CORRUPT`. */
export function decodeOutcomes(body: Uint8Array, count: number): Outcome[] {
  const reader = new ByteReader(body, WHAT);
  const outcomes: Outcome[] = [];
  for (let i = 0; i < count; i++) {
    const kind = reader.u8();
    if (kind === DONE) outcomes.push({ kind: "done", value: getNumber(reader) });
    else if (kind === REFUSED) outcomes.push({ kind: "refused", holder: undefined });
    else if (kind === ELSEWHERE) {
      outcomes.push({ kind: "refused", holder: getId(reader.view(ID_BYTES), 0) });
    } else reader.fail(`outcome is of kind ${kind}`);
  }
  reader.expectEnd();
  return outcomes;
}

/** The reply of a member that is asked whether it waits. */
export function encodeWaiting(sequence: number): Uint8Array {
  const writer = new ByteWriter(8);
  writer.u48(sequence);
  return writer.copy();
}

/** First sequence that a member waits for, 0 for none. Throws `CORRUPT`. */
export function decodeWaiting(body: Uint8Array): number {
  const reader = new ByteReader(body, WHAT);
  const sequence = reader.u48();
  reader.expectEnd();
  return sequence;
}

/** A number as a stored value has it. Throws `CORRUPT`. */
export function numberOf(
  bytes: Uint8Array,
  reader: ByteReader = new ByteReader(bytes, WHAT),
): number | bigint {
  const value = decodeValue(bytes, 0, bytes.length);
  return typeof value === "number" || typeof value === "bigint" ? value : reader.fail("it holds no number");
}

function putIncrement(writer: ByteWriter, { sequence, tag, name, key, by }: AskedIncrement): void {
  writer.u48(sequence);
  writer.u32(tag);
  writer.u8(name.length);
  for (let i = 0; i < name.length; i++) writer.u8(name.charCodeAt(i));
  writer.u16(key.length);
  writer.append(key);
  putNumber(writer, by);
}

function getIncrement(reader: ByteReader): AskedIncrement {
  const sequence = reader.u48();
  const tag = reader.u32();
  const name = String.fromCharCode(...reader.view(reader.u8()));
  if (name.length > NAME_CHARS_MAX || !isNameForm(name)) reader.fail("it names no global");
  // It is used after waits, and the message is its receiver's for the call only.
  const key = reader.view(reader.u16()).slice();
  return { sequence, tag, name, key, by: getNumber(reader) };
}

function putNumber(writer: ByteWriter, value: number | bigint): void {
  const at = writer.length;
  writer.u16(0);
  encodeValue(value, writer);
  putU16(writer.bytes, at, writer.length - at - 2);
}

function getNumber(reader: ByteReader): number | bigint {
  return numberOf(reader.view(reader.u16()), reader);
}

function appendId(writer: ByteWriter, id: string): void {
  const bytes = new Uint8Array(ID_BYTES);
  putId(bytes, 0, id);
  writer.append(bytes);
}
