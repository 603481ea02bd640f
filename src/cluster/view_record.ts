/** View record: what a `view.N` register says (ARCHITECTURE, "View"). Damage is told, never passed over. */
import type { ByteReader } from "../ground/byte_reader.ts";
import type { ByteWriter } from "../ground/byte_writer.ts";
import type { View, ViewCause, ViewMember } from "../ground/view.ts";
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
} from "../storage/record_parts.ts";
import { MEMBERS_MAX, VOTES_MAX } from "./next_view.ts";

/** First four bytes of a view: "CVW1". */
export const VIEW_MAGIC = 0x3157_5643;
/** Version of the view format that this code writes. */
export const VIEW_FORMAT = 1;
/** Most evicted members that one view may owe a recovery. */
export const PENDING_MAX = 4096;

const CAUSES: readonly ViewCause[] = ["formed", "joined", "left", "evicted", "recovered"];
const AUTO = 0xffff_ffff;
const NAME = /^view\.([1-9][0-9]{0,14})$/;

/** Name of a view's register. */
export function viewName(number: number): string {
  return `view.${number}`;
}

/** Number of the view whose register has this name; undefined for another file. */
export function viewNumber(name: string): number | undefined {
  const digits = NAME.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** Encodes a view. Throws `RangeError` when there are too many members, or a text is too long. */
export function encodeView(view: View): Uint8Array {
  const { members, pending } = view;
  if (members.length > MEMBERS_MAX || pending.length > PENDING_MAX) {
    throw new RangeError(`A view has ${members.length} members and ${pending.length} pending: too many`);
  }
  const writer = beginRecord(VIEW_MAGIC, VIEW_FORMAT);
  writer.u8(CAUSES.indexOf(view.cause) + 1);
  writer.varint(view.number);
  for (const id of [view.cluster, view.session, view.creator]) putRecordId(writer, id);
  writer.u32(view.expectedVotes);
  writer.u32(view.storageVotes === "auto" ? AUTO : view.storageVotes);
  for (const list of [members, pending]) {
    writer.u16(list.length);
    for (const member of list) putMember(writer, member);
  }
  return endRecord(writer);
}

/**
 * Decodes the view of the register at `path`, which is view `number`. Throws `CORRUPT` for damage and
 * `FORMAT_NEWER` for a view of a newer Cohort, both naming `path`.
 */
export function decodeView(bytes: Uint8Array, path: string, number: number): View {
  const reader = readRecordHead(bytes, VIEW_MAGIC, VIEW_FORMAT, "view", path);
  const cause = CAUSES[reader.u8() - 1] ?? reader.fail("it has an unknown cause");
  if (reader.varint() !== number) reader.fail(`it is not of number ${number}`);
  const cluster = readRecordId(reader), session = readRecordId(reader), creator = readRecordId(reader);
  const expectedVotes = reader.u32(), stored = reader.u32();
  const members = readMembers(reader, MEMBERS_MAX, number);
  const pending = readMembers(reader, PENDING_MAX, number);
  reader.expectEnd();
  const storageVotes = stored === AUTO ? "auto" : stored;
  return { number, cluster, session, cause, creator, members, pending, expectedVotes, storageVotes };
}

function putMember(writer: ByteWriter, member: ViewMember): void {
  putOwner(writer, member.owner);
  for (const text of [member.name, member.address, member.journal]) putRecordText(writer, text);
  writer.u32(member.votes);
  writer.varint(member.since);
}

function readMembers(reader: ByteReader, most: number, number: number): ViewMember[] {
  const count = reader.u16();
  if (count > most) reader.fail(`it names ${count} where at most ${most} may be`);
  const members: ViewMember[] = [];
  for (let i = 0; i < count; i++) {
    const owner = readOwner(reader);
    const name = readRecordText(reader), address = readRecordText(reader), journal = readRecordText(reader);
    const votes = reader.u32(), since = reader.varint();
    if (votes > VOTES_MAX) reader.fail(`${name} has ${votes} votes`);
    if (since < 1 || since > number) reader.fail(`${name} joined in view ${since}`);
    members.push({ name, incarnation: owner.nonce, owner, address, journal, votes, since });
  }
  return members;
}
