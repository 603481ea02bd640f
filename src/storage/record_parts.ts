/** Parts of write-once records: head, ids, texts, owners. */
import { crc32 } from "node:zlib";
import { ByteReader } from "../ground/byte_reader.ts";
import { ByteWriter } from "../ground/byte_writer.ts";
import { putU16, putU32 } from "../ground/bytes.ts";
import { CohortError } from "../ground/errors.ts";
import { getId, ID_BYTES, putId } from "../ground/hex.ts";
import { appendUtf8, utf8Text } from "../ground/text.ts";
import type { OwnerIdentity } from "../ports/mod.ts";

/** Most bytes of a path or name in a record. */
export const RECORD_TEXT_BYTES_MAX = 4096;

/** What every record begins with: four bytes that name its kind, a CRC-32 of what follows, its format. */
const CHECKED_FROM = 8;

/** Begins a record. */
export function beginRecord(magic: number, format: number): ByteWriter {
  const writer = new ByteWriter(512);
  writer.u32(magic);
  writer.u32(0);
  writer.u16(format);
  return writer;
}

/** The bytes of a record, checksum put. */
export function endRecord(writer: ByteWriter): Uint8Array {
  const bytes = writer.copy();
  putU32(bytes, 4, crc32(bytes.subarray(CHECKED_FROM)));
  return bytes;
}

/**
 * A reader behind the head of the record at `path`, a `what`. Throws `CORRUPT` for damage and `FORMAT_NEWER`
 * for a format of a newer Cohort.
 */
export function readRecordHead(
  bytes: Uint8Array,
  magic: number,
  format: number,
  what: string,
  path: string,
): ByteReader {
  const reader = new ByteReader(bytes, `${what} ${path}`);
  if (bytes.length < CHECKED_FROM || reader.u32() !== magic) reader.fail("it does not begin as one", 0);
  if (reader.u32() !== crc32(bytes.subarray(CHECKED_FROM))) reader.fail("it fails its checksum", 4);
  const found = reader.u16();
  if (found > format) {
    const message = `Read ${what} ${path}: its format ${found} is newer than ${format}`;
    throw new CohortError("FORMAT_NEWER", message, { path, expected: format, found });
  }
  if (found !== format) reader.fail(`its format is ${found}`, CHECKED_FROM);
  return reader;
}

/** Appends an id of 32 hexadecimal digits. */
export function putRecordId(writer: ByteWriter, id: string): void {
  writer.ensure(ID_BYTES);
  putId(writer.bytes, writer.length, id);
  writer.length += ID_BYTES;
}

/** Reads an id. */
export function readRecordId(reader: ByteReader): string {
  return getId(reader.bytes, reader.skip(ID_BYTES));
}

/** Appends a text. Throws `RangeError` when it is too long or has a lone surrogate. */
export function putRecordText(writer: ByteWriter, text: string): void {
  const at = writer.length;
  writer.u16(0);
  if (!appendUtf8(text, writer)) throw new RangeError("A text of a record has no lone surrogates");
  const count = writer.length - at - 2;
  if (count > RECORD_TEXT_BYTES_MAX) {
    throw new RangeError(`A text of a record has at most ${RECORD_TEXT_BYTES_MAX} bytes, got ${count}`);
  }
  putU16(writer.bytes, at, count);
}

/** Reads a text. */
export function readRecordText(reader: ByteReader): string {
  const count = reader.u16();
  if (count > RECORD_TEXT_BYTES_MAX) reader.fail(`it has a text of ${count} bytes`);
  const at = reader.skip(count);
  return utf8Text(reader.bytes, at, at + count) ?? reader.fail("it has a text that is not UTF-8", at);
}

/** Appends who owns something. */
export function putOwner(writer: ByteWriter, owner: OwnerIdentity): void {
  putRecordId(writer, owner.nonce);
  writer.varint(owner.pid);
  writer.varint(owner.pidNamespace);
  for (const text of [owner.host, owner.hostName ?? "", owner.boot, owner.startTime, owner.exec ?? ""]) {
    putRecordText(writer, text);
  }
}

/** Reads who owns something. */
export function readOwner(reader: ByteReader): OwnerIdentity {
  const nonce = readRecordId(reader);
  const pid = reader.varint(), pidNamespace = reader.varint();
  const host = readRecordText(reader), hostName = readRecordText(reader), boot = readRecordText(reader);
  const startTime = readRecordText(reader), exec = readRecordText(reader);
  return { host, hostName, boot, pidNamespace, pid, startTime, exec, nonce };
}
