/**
 * What a member answers of a database that it has mounted. Pure.
 *
 *     0 u8 how: 0 nothing   1 a value follows   2 entries   3 a refusal   4, 5 Type-, RangeError: its text
 *     entries: u8 1: a key to go on from follows, u16 bytes and key   then each: u16 bytes of its key, u32 of
 *     its value, key, value
 *
 * An error of the database comes as an answer: what else a request may end by is between the members, and
 * leaves open whether it was done.
 */
import { decodeRefusal, encodeRefusal } from "../cluster/refusal.ts";
import { ByteReader } from "../ground/byte_reader.ts";
import { ByteWriter } from "../ground/byte_writer.ts";
import { CohortError } from "../ground/errors.ts";
import { decodeKey, keyOf } from "../ground/key.ts";
import { KEY_BYTES_MAX, VALUE_BYTES_MAX } from "../ground/limits.ts";
import { decodeValue, encodeValue, type Value } from "../ground/value.ts";
import type { Entry } from "../global/entries.ts";

/** Some entries, and the key to go on from; undefined at the end. */
export interface RemoteBatch {
  readonly entries: ReadonlyArray<Entry<Value>>;
  readonly next: Uint8Array | undefined;
}

const NOTHING = 0, VALUE = 1, ENTRIES = 2, REFUSAL = 3, TYPE_ERROR = 4, RANGE_ERROR = 5;
/** Bytes after which a batch ends: of a value more than that one is in it. */
const BATCH_BYTES = 65_536;
/** Longest text of a caller's mistake, in UTF-16 units. */
const MESSAGE_MAX = 4_000;

/** An answer that is a value, or none. */
export function encodeResult(value: Value | undefined): Uint8Array {
  const writer = new ByteWriter(64);
  writer.u8(value === undefined ? NOTHING : VALUE);
  if (value !== undefined) encodeValue(value, writer);
  return writer.copy();
}

/** An answer that is an error; undefined for one that is neither a caller's mistake nor a condition. */
export function encodeFailure(error: unknown): Uint8Array | undefined {
  if (error instanceof CohortError) return headed(REFUSAL, encodeRefusal(error));
  const kind = error instanceof TypeError ? TYPE_ERROR : error instanceof RangeError ? RANGE_ERROR : 0;
  if (kind === 0) return undefined;
  const text = (error as Error).message.slice(0, MESSAGE_MAX).toWellFormed();
  return headed(kind, encodeResult(text).subarray(1));
}

/** An answer that is entries, put together from pieces of them until a batch is full. */
export class BatchWriter {
  readonly #body = new ByteWriter(4_096);
  readonly #isReverse: boolean;
  /** Key of the last entry taken. */
  #last: Uint8Array | undefined;
  #next: Uint8Array | undefined;

  constructor(isReverse: boolean) {
    this.#isReverse = isReverse;
  }

  /** Entries taken. */
  count = 0;

  /** Takes what fits of some entries, one at least in all; whether there is room for those from `next` on. */
  add({ entries, next }: RemoteBatch): boolean {
    for (const [subscripts, value] of entries) {
      const key = keyOf(subscripts);
      if (this.#body.length >= BATCH_BYTES) {
        // Forwards one goes on with a key, backwards from before it.
        this.#next = this.#isReverse ? this.#last : key;
        return false;
      }
      this.#put(key, value);
    }
    this.#next = next;
    return this.#body.length < BATCH_BYTES;
  }

  #put(key: Uint8Array, value: Value): void {
    const body = this.#body;
    const start = body.length;
    body.u16(key.length);
    body.u32(0);
    body.append(key);
    const from = body.length;
    encodeValue(value, body);
    const { length } = body;
    body.length = start + 2;
    body.u32(length - from);
    body.length = length;
    this.#last = key;
    this.count++;
  }

  /** The answer. */
  answer(): Uint8Array {
    const body = this.#body;
    const next = this.#next;
    const head = new ByteWriter(KEY_BYTES_MAX + 3);
    head.u8(next === undefined ? 0 : 1);
    if (next !== undefined) {
      head.u16(next.length);
      head.append(next);
    }
    head.append(body.bytes, 0, body.length);
    return headed(ENTRIES, head.bytes.subarray(0, head.length));
  }
}

function headed(kind: number, body: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(1 + body.length);
  bytes[0] = kind;
  bytes.set(body, 1);
  return bytes;
}

/** The value that an answer is. Throws the error that it is, and `CORRUPT` for what is none. */
export function decodeResult(bytes: Uint8Array, from: string): Value | undefined {
  const kind = bytes[0];
  if (kind === NOTHING && bytes.length === 1) return undefined;
  if (kind === VALUE) return boundedValue(bytes, 1, bytes.length);
  throw failureOf(bytes, from);
}

/** The entries that an answer is. Throws the error that it is, and `CORRUPT` for what is none. */
export function decodeBatch(bytes: Uint8Array, from: string): RemoteBatch {
  if (bytes[0] !== ENTRIES) throw failureOf(bytes, from);
  const reader = new ByteReader(bytes, "Entries of a remote database", 1);
  const flag = reader.u8();
  if (flag > 1) reader.fail(`a flag is ${flag}`);
  const next = flag === 0 ? undefined : readKey(reader).slice();
  const entries: Array<Entry<Value>> = [];
  while (reader.remaining > 0) {
    const [keyBytes, valueBytes] = [reader.u16(), reader.u32()];
    const key = bounded(reader, keyBytes);
    const at = reader.skip(valueBytes);
    entries.push([decodeKey(key, 0, key.length), boundedValue(bytes, at, at + valueBytes)]);
  }
  if (entries.length === 0 && next !== undefined) reader.fail("it goes on and brings nothing");
  return { entries, next };
}

function readKey(reader: ByteReader): Uint8Array {
  return bounded(reader, reader.u16());
}

function bounded(reader: ByteReader, count: number): Uint8Array {
  if (count > KEY_BYTES_MAX) reader.fail(`a key has ${count} bytes`);
  return reader.view(count);
}

function boundedValue(bytes: Uint8Array, from: number, to: number): Value {
  if (to - from <= VALUE_BYTES_MAX) return decodeValue(bytes, from, to);
  throw new CohortError("CORRUPT", `Read an answer: a value has ${to - from} bytes`, { bytes: to - from });
}

function failureOf(bytes: Uint8Array, from: string): Error {
  const kind = bytes[0];
  if (kind === REFUSAL) return decodeRefusal(bytes.subarray(1), from);
  if (kind === TYPE_ERROR || kind === RANGE_ERROR) {
    const text = boundedValue(bytes, 1, bytes.length);
    if (typeof text === "string") return new (kind === TYPE_ERROR ? TypeError : RangeError)(text);
  }
  return new CohortError("CORRUPT", `Could not read an answer of kind ${kind}`, { member: from });
}
