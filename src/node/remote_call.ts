/**
 * What one member asks of a database that another one has mounted. Pure.
 *
 *     0 u8 1   1 u48 sequence   7 u48 floor: all calls below it are settled
 *     13 u8 1: its requester may give it up   14 u32 milliseconds left, 2^32 - 1 for no limit
 *     18 u8 count, u48 each: calls above the floor that are settled, too   then u8 what is asked, 0: the end
 *     of this call   directory, the rest by what is asked; a text is u16 bytes and UTF-8, a reference a name
 *     and a key
 *
 *     key  u8 1: "" follows it as the last subscript   u16 bytes   the subscripts as a database has them
 *
 * The requester's incarnation and the sequence name a call for ever: asked again, it is answered from memory.
 */
import { ByteReader } from "../ground/byte_reader.ts";
import { ByteWriter } from "../ground/byte_writer.ts";
import { CohortError } from "../ground/errors.ts";
import { decodeKey, keyOf } from "../ground/key.ts";
import { KEY_BYTES_MAX, SUBSCRIPTS_MAX, VALUE_BYTES_MAX } from "../ground/limits.ts";
import { checkName } from "../ground/name.ts";
import type { Subscript } from "../ground/subscript.ts";
import { appendUtf8, utf8Text } from "../ground/text.ts";
import { decodeValue, encodeValue, type Value } from "../ground/value.ts";
import type { Direction } from "../global/navigate.ts";

/** Names a node of a global of the database that is asked. */
export interface RemoteNode {
  readonly name: string;
  readonly subscripts: readonly Subscript[];
}

/** What is asked of a database; `directory` is its canonical name there, but for `open` any. */
export type RemoteCall =
  & { readonly directory: string }
  & (
    | { readonly what: "open" | "status" | "check" }
    | { readonly what: "names"; readonly after: string }
    | { readonly what: "has"; readonly name: string }
    | RemoteNode & { readonly what: "get" | "data" | "kill" | "zkill" }
    | RemoteNode & { readonly what: "order" | "query"; readonly direction: Direction }
    | RemoteNode & { readonly what: "set"; readonly value: Value }
    | RemoteNode & { readonly what: "increment"; readonly by: number | bigint }
    | RemoteNode & { readonly what: "merge"; readonly from: RemoteNode & { readonly directory: string } }
    | RemoteNode & {
      readonly what: "entries";
      /** Key to go on from; none at the beginning. */
      readonly next: Uint8Array | undefined;
      readonly isReverse: boolean;
      readonly most: number;
    }
  );

/** What names a call, and how long its requester waits; put each time it leaves. */
export interface RemoteHead {
  /** 1 and up; rises with every call to this member. */
  readonly sequence: number;
  /** Sequences below are settled: nothing of them need be remembered. */
  readonly floor: number;
  /** Others above that are, `SETTLED_MAX` at most. */
  readonly settled: readonly number[];
  /** Whether a `cancel` may follow. */
  readonly mayEnd: boolean;
  /** Milliseconds that its requester waits; `Infinity` for no limit. */
  readonly timeoutMs: number;
}

/** A message to whoever has the database: a call, or the end of one. */
export interface RemoteMessage extends RemoteHead {
  /** Undefined when the call of this sequence is given up. */
  readonly call: RemoteCall | undefined;
}

/** Most settled calls that one message names. */
export const SETTLED_MAX = 64;
const MESSAGE = 1;
const HEAD_BYTES = 19;
const NO_LIMIT = 0xffff_ffff;
/** Longest directory in bytes. */
const DIRECTORY_BYTES_MAX = 4096;
const CANCEL = 0;
const WHATS = [
  "cancel",
  "open",
  "status",
  "check",
  "names",
  "has",
  "get",
  "data",
  "kill",
  "zkill",
  "order",
  "query",
  "set",
  "increment",
  "merge",
  "entries",
] as const;

/** Whether a call changes something: it happens once at most, and is never repeated by itself. */
export function hasEffect({ what }: RemoteCall): boolean {
  return what === "set" || what === "kill" || what === "zkill" || what === "increment" || what === "merge";
}

/** The bytes of a call without its head. Throws what the codecs of keys and values throw. */
export function encodeCall(call: RemoteCall): Uint8Array {
  const writer = new ByteWriter(256);
  writer.u8(WHATS.indexOf(call.what));
  putDirectory(writer, call.directory);
  switch (call.what) {
    case "open":
    case "status":
    case "check":
      break;
    case "names":
      putText(writer, call.after);
      break;
    case "has":
      putText(writer, call.name);
      break;
    default:
      putNode(writer, call);
      putRest(writer, call);
  }
  return writer.copy();
}

function putRest(writer: ByteWriter, call: RemoteCall): void {
  switch (call.what) {
    case "order":
    case "query":
      return writer.u8(call.direction === 1 ? 1 : 0);
    case "set":
      return encodeValue(call.value, writer);
    case "increment":
      return encodeValue(call.by, writer);
    case "merge":
      putDirectory(writer, call.from.directory);
      return putNode(writer, call.from);
    case "entries":
      writer.u8((call.isReverse ? 1 : 0) | (call.next === undefined ? 0 : 2));
      writer.u32(call.most);
      if (call.next !== undefined) putBytes(writer, call.next);
  }
}

/** The bytes that give a call up, without its head. */
export const CANCEL_CALL: Uint8Array = Uint8Array.of(CANCEL);

/** A message that leaves now: a head, and the bytes of a call. */
export function encodeMessage(head: RemoteHead, call: Uint8Array): Uint8Array {
  const { sequence, floor, mayEnd, timeoutMs, settled } = head;
  const writer = new ByteWriter(HEAD_BYTES + settled.length * 6 + call.length);
  writer.u8(MESSAGE);
  writer.u48(sequence);
  writer.u48(floor);
  writer.u8(mayEnd ? 1 : 0);
  writer.u32(timeoutMs < NO_LIMIT ? Math.max(0, Math.ceil(timeoutMs)) : NO_LIMIT);
  writer.u8(settled.length);
  for (const it of settled) writer.u48(it);
  writer.append(call);
  return writer.bytes.subarray(0, writer.length);
}

/** Takes a message apart; shares nothing with `bytes`. Throws `CORRUPT` for what is none. */
export function decodeMessage(bytes: Uint8Array): RemoteMessage {
  const reader = new ByteReader(bytes, "Call of a remote database");
  if (reader.u8() !== MESSAGE) reader.fail("it is none", 0);
  const [sequence, floor, flags, ms, count] = [
    reader.u48(),
    reader.u48(),
    reader.u8(),
    reader.u32(),
    reader.u8(),
  ];
  if (sequence === 0 || flags > 1) reader.fail(`it has sequence ${sequence} and flags ${flags}`, 1);
  if (count > SETTLED_MAX) reader.fail(`it names ${count} settled calls`);
  const settled = Array.from({ length: count }, () => reader.u48());
  const what = WHATS[reader.u8()] ?? reader.fail("it asks for what is not known");
  const call = what === WHATS[CANCEL] ? undefined : readCall(reader, what);
  reader.expectEnd();
  const timeoutMs = ms === NO_LIMIT ? Infinity : ms;
  return { sequence, floor, settled, mayEnd: flags === 1, timeoutMs, call };
}

function readCall(reader: ByteReader, what: RemoteCall["what"]): RemoteCall {
  const directory = readText(reader, DIRECTORY_BYTES_MAX);
  switch (what) {
    case "open":
    case "status":
    case "check":
      return { what, directory };
    case "names": {
      const after = readText(reader, 31);
      return { what, directory, after };
    }
    case "has":
      return { what, directory, name: readName(reader) };
  }
  const node = readNode(reader);
  const at = { directory, ...node };
  switch (what) {
    case "order":
    case "query":
      return { what, ...at, direction: readFlag(reader) ? 1 : -1 };
    case "set":
      return { what, ...at, value: readValue(reader) };
    case "increment": {
      const by = readValue(reader);
      if (typeof by !== "number" && typeof by !== "bigint") reader.fail("its step is no number");
      return { what, ...at, by };
    }
    case "merge":
      return { what, ...at, from: { directory: readText(reader, DIRECTORY_BYTES_MAX), ...readNode(reader) } };
    case "entries": {
      const flags = reader.u8();
      if (flags > 3) reader.fail(`it has flags ${flags}`);
      const most = reader.u32();
      const next = (flags & 2) === 0 ? undefined : readBytes(reader, KEY_BYTES_MAX).slice();
      return { what, ...at, isReverse: (flags & 1) !== 0, most, next };
    }
    default:
      return { what, ...at };
  }
}

function putBytes(writer: ByteWriter, bytes: Uint8Array): void {
  writer.u16(bytes.length);
  writer.append(bytes);
}

function putText(writer: ByteWriter, text: string): void {
  const start = writer.length;
  writer.u16(0);
  if (!appendUtf8(text, writer)) throw new RangeError("Encode a text with a lone surrogate");
  const { length } = writer;
  writer.length = start;
  writer.u16(length - start - 2);
  writer.length = length;
}

function putDirectory(writer: ByteWriter, directory: string): void {
  if (directory.length > DIRECTORY_BYTES_MAX / 4) {
    throw new RangeError(`A directory of another member has at most ${DIRECTORY_BYTES_MAX / 4} characters`);
  }
  putText(writer, directory);
}

function putNode(writer: ByteWriter, { name, subscripts }: RemoteNode): void {
  putText(writer, name);
  const isEdge = Array.isArray(subscripts) && subscripts.length > 0 &&
    subscripts[subscripts.length - 1] === "";
  writer.u8(isEdge ? 1 : 0);
  putBytes(writer, keyOf(isEdge ? subscripts.slice(0, -1) : subscripts));
}

function readBytes(reader: ByteReader, most: number): Uint8Array {
  const count = reader.u16();
  if (count > most) reader.fail(`${count} bytes stand where at most ${most} may`);
  return reader.view(count);
}

function readText(reader: ByteReader, most: number): string {
  const bytes = readBytes(reader, most);
  return utf8Text(bytes, 0, bytes.length) ?? reader.fail("a text is not UTF-8");
}

function readName(reader: ByteReader): string {
  const name = readText(reader, 31);
  try {
    checkName(name);
  } catch {
    reader.fail("a global has no such name");
  }
  return name;
}

function readNode(reader: ByteReader): RemoteNode {
  const name = readName(reader);
  const isEdge = readFlag(reader);
  const key = readBytes(reader, KEY_BYTES_MAX);
  const subscripts = decodeKey(key, 0, key.length);
  if (isEdge) subscripts.push("");
  if (subscripts.length > SUBSCRIPTS_MAX) reader.fail(`it has ${subscripts.length} subscripts`);
  return { name, subscripts };
}

function readFlag(reader: ByteReader): boolean {
  const flag = reader.u8();
  if (flag > 1) reader.fail(`a flag is ${flag}`);
  return flag === 1;
}

/** The value that the rest is. */
function readValue(reader: ByteReader): Value {
  const { bytes, position, end, remaining } = reader;
  if (remaining > VALUE_BYTES_MAX) throw new CohortError("CORRUPT", `A value of ${remaining} bytes came`);
  reader.skip(remaining);
  return decodeValue(bytes, position, end);
}
