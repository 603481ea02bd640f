/**
 * Claim record: what a `claim.N` or `reader.<nonce>` register says (ARCHITECTURE, "Claim").
 *
 * Write-once registers are never torn, so whatever fails its checks is damage and is told as such, never
 * passed over: a claim that cannot be read may be that of a living owner.
 */
import type { ByteReader } from "../ground/byte_reader.ts";
import { isId } from "../ground/hex.ts";
import type { OwnerIdentity } from "../ports/mod.ts";
import {
  beginRecord,
  endRecord,
  putOwner,
  putRecordId,
  putRecordText,
  readOwner,
  readRecordHead,
  readRecordId,
  readRecordText,
} from "./record_parts.ts";

/** First four bytes of a claim: "CCL1". */
export const CLAIM_MAGIC = 0x314c_4343;
/** Version of the claim format that this code writes. */
export const CLAIM_FORMAT = 1;
/** Most incarnations that one claim may leave to its successor. */
export const PREDECESSORS_MAX = 4096;
/** An identity that is not known (yet). */
export const NO_ID = "00000000000000000000000000000000";

/** How far an owner has come: it recovers what it found, it holds the volume, or it has closed it. */
export type ClaimState = "held" | "recovering" | "free";

/** What an owner may do: write alone, write as a member of a cluster, or read beside other readers. */
export type ClaimMode = "private" | "clustered" | "read";

/** One link of a volume's chain of owners. */
export interface ClaimRecord {
  /** Number of the claim, from 1; 0 in the register of a reader. */
  readonly number: number;
  readonly state: ClaimState;
  readonly mode: ClaimMode;
  /** Cluster that the owner is a member of; empty outside one. */
  readonly cluster: string;
  /** Id of the volume: 32 hexadecimal digits, `NO_ID` when the owner did not know it. */
  readonly volume: string;
  /** Incarnation of the volume, likewise. */
  readonly incarnation: string;
  readonly owner: OwnerIdentity;
  /** Directory of the owner's incarnation: its journal and image journal. Empty for a reader. */
  readonly journalDirectory: string;
  /** Such directories of earlier owners that are still to be recovered, oldest first. */
  readonly predecessors: readonly string[];
  /** Milliseconds since 1970 when the owner took the volume. */
  readonly wallMs: number;
  /** No stamp in the volume is above this as far as its owners told here; 0 when only its header says. */
  readonly ceiling: number;
}

const STATES: readonly ClaimState[] = ["held", "recovering", "free"];
const MODES: readonly ClaimMode[] = ["private", "clustered", "read"];
const NUMBER_TEXT = /^[1-9][0-9]{0,14}$/;
const CLAIM_PREFIX = "claim.";
const READER_PREFIX = "reader.";

/** Name of a claim's register. */
export function claimName(number: number): string {
  return `${CLAIM_PREFIX}${number}`;
}

/** Number of the claim whose register has this name; undefined for another file. */
export function claimNumber(name: string): number | undefined {
  if (!name.startsWith(CLAIM_PREFIX)) return undefined;
  const digits = name.slice(CLAIM_PREFIX.length);
  return NUMBER_TEXT.test(digits) ? Number(digits) : undefined;
}

/** Name of a reader's register. */
export function readerName(nonce: string): string {
  return `${READER_PREFIX}${nonce}`;
}

/** Whether a file has the name of a reader's register. */
export function isReaderName(name: string): boolean {
  return name.startsWith(READER_PREFIX) && isId(name.slice(READER_PREFIX.length));
}

/** Encodes a record. Throws `RangeError` when a text or the list of predecessors is too long. */
export function encodeClaim(record: ClaimRecord): Uint8Array {
  const { owner } = record;
  if (record.predecessors.length > PREDECESSORS_MAX) {
    throw new RangeError(
      `A claim has at most ${PREDECESSORS_MAX} predecessors, got ${record.predecessors.length}`,
    );
  }
  const writer = beginRecord(CLAIM_MAGIC, CLAIM_FORMAT);
  writer.u8(STATES.indexOf(record.state) + 1);
  writer.u8(MODES.indexOf(record.mode) + 1);
  writer.varint(record.number);
  writer.u48(record.wallMs);
  for (const id of [record.volume, record.incarnation]) putRecordId(writer, id);
  putOwner(writer, owner);
  putRecordText(writer, record.cluster);
  putRecordText(writer, record.journalDirectory);
  writer.u16(record.predecessors.length);
  for (const directory of record.predecessors) putRecordText(writer, directory);
  if (record.ceiling > 0) writer.u48(record.ceiling);
  return endRecord(writer);
}

/**
 * Decodes the record of the register at `path`, which is claim `number` (0: a reader's). Throws `CORRUPT` for
 * damage and `FORMAT_NEWER` for a record of a newer Cohort, both naming `path`.
 */
export function decodeClaim(bytes: Uint8Array, path: string, number: number): ClaimRecord {
  const reader = readRecordHead(bytes, CLAIM_MAGIC, CLAIM_FORMAT, "claim", path);
  const state = STATES[reader.u8() - 1] ?? reader.fail("it has an unknown state");
  const mode = MODES[reader.u8() - 1] ?? reader.fail("it has an unknown mode");
  if (reader.varint() !== number) reader.fail(`it is not of number ${number}`);
  const wallMs = reader.u48();
  const volume = readRecordId(reader), incarnation = readRecordId(reader);
  const owner = readOwner(reader);
  const cluster = readRecordText(reader), journalDirectory = readRecordText(reader);
  const predecessors = readPredecessors(reader);
  const ceiling = readCeiling(reader);
  reader.expectEnd();
  const who = { cluster, volume, incarnation, owner, journalDirectory };
  return { number, state, mode, ...who, predecessors, wallMs, ceiling };
}

/** Only clusters note one; a claim has one spelling. */
function readCeiling(reader: ByteReader): number {
  if (reader.remaining === 0) return 0;
  const ceiling = reader.u48();
  return ceiling > 0 ? ceiling : reader.fail("its ceiling is 0");
}

function readPredecessors(reader: ByteReader): string[] {
  const count = reader.u16();
  if (count > PREDECESSORS_MAX) reader.fail(`it has ${count} predecessors`);
  const directories: string[] = [];
  for (let i = 0; i < count; i++) directories.push(readRecordText(reader));
  return directories;
}
