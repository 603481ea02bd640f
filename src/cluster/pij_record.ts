/**
 * PIJ record: what a `cluster.N` register says of the cluster that a directory belongs to (ARCHITECTURE,
 * "Cluster"). Pure. Damage is told, never passed over.
 */
import {
  beginRecord,
  endRecord,
  putRecordId,
  putRecordText,
  readRecordHead,
  readRecordId,
  readRecordText,
} from "../storage/record_parts.ts";

/** First four bytes of the record: "CPJ1". */
export const PIJ_MAGIC = 0x314a_5043;
/** Version of the layout of a PIJ directory that this code reads and writes. */
export const PIJ_FORMAT = 1;
/** Most characters of a file's identity. */
export const IDENTITY_MAX = 255;

const NAME = /^cluster\.([1-9][0-9]{0,14})$/;

/** What the newest record of a directory says. */
export interface PijRecord {
  /** 1 for the cluster that made the directory; one more each time that a copy is adopted. */
  readonly number: number;
  /** Id of the cluster: 32 hexadecimal digits. */
  readonly cluster: string;
  /** Milliseconds since 1970, by the clock of who made the record. */
  readonly madeMs: number;
  /** Identity of the anchor file beside the record: a copied directory has another one. */
  readonly anchor: string;
}

/** Name of a record. */
export function pijName(number: number): string {
  return `cluster.${number}`;
}

/** Number of the record of this name; undefined for another file. */
export function pijNumber(name: string): number | undefined {
  const digits = NAME.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** Encodes a record. */
export function encodePij({ number, cluster, madeMs, anchor }: PijRecord): Uint8Array {
  if (anchor.length > IDENTITY_MAX) throw new RangeError(`A file's identity has ${anchor.length} characters`);
  const writer = beginRecord(PIJ_MAGIC, PIJ_FORMAT);
  writer.varint(number);
  putRecordId(writer, cluster);
  writer.u48(madeMs);
  putRecordText(writer, anchor);
  return endRecord(writer);
}

/** Decodes the record at `path`, which is record `number`. Throws `CORRUPT`, `FORMAT_NEWER`. */
export function decodePij(bytes: Uint8Array, path: string, number: number): PijRecord {
  const reader = readRecordHead(bytes, PIJ_MAGIC, PIJ_FORMAT, "cluster", path);
  if (reader.varint() !== number) reader.fail(`it is not of number ${number}`);
  const cluster = readRecordId(reader), madeMs = reader.u48(), anchor = readRecordText(reader);
  if (anchor.length > IDENTITY_MAX) reader.fail(`it has an identity of ${anchor.length} characters`);
  reader.expectEnd();
  return { number, cluster, madeMs, anchor };
}
