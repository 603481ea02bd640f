/**
 * What members, and who would become one, say to each other outside of the courier. Pure.
 *
 *     0 u8 0x4d   1 u8 kind   2 u48 view of the sender, 0 outside of one   8 what follows by kind
 */
import { ByteReader } from "../ground/byte_reader.ts";
import { ByteWriter } from "../ground/byte_writer.ts";
import type { CohortError } from "../ground/errors.ts";
import {
  putOwner,
  putRecordId,
  putRecordText,
  readOwner,
  readRecordId,
  readRecordText,
} from "../storage/record_parts.ts";
import type { View } from "../ground/view.ts";
import type { Joiner } from "./next_view.ts";
import { decodeRefusal, encodeRefusal } from "./refusal.ts";
import { decodeView, encodeView } from "./view_record.ts";

/** First byte of these messages. */
export const MEMBER_CLASS = 0x4d;
/** Bytes before what follows by kind. */
export const MEMBER_HEAD_BYTES = 8;

/** Settings that all members must share, by name. */
export type SharedSettings = Readonly<Record<string, string>>;

/** A message. */
export type MemberMessage =
  /** The sender lives. */
  | { readonly kind: "beat"; readonly view: number }
  /** There is a new view. */
  | { readonly kind: "look"; readonly view: number }
  /** The sender has decided this view: as it stands on the storage, durable. */
  | { readonly kind: "decided"; readonly view: number; readonly next: View }
  | { readonly kind: "ask"; readonly view: number; readonly asked: JoinRequest }
  | { readonly kind: "wait"; readonly view: number; readonly why: string }
  | { readonly kind: "refuse"; readonly view: number; readonly error: CohortError }
  /** How the sender stands; serials rise, for one that went through a slot may come after a later one. */
  | { readonly kind: "state"; readonly view: number; readonly serial: number; readonly report: MemberReport }
  /** For whoever uses membership. */
  | { readonly kind: "letter"; readonly view: number; readonly bytes: Uint8Array }
  /** To the master: the sender has read a newcomer's probe by its own path. */
  | {
    readonly kind: "vouch";
    readonly view: number;
    readonly newcomer: string;
    readonly probe: string;
    readonly sees: boolean;
    /** Why it does not see it; or, when it may, what kept it from reading. */
    readonly why: string;
  };

/** How a member stands to its cluster. */
export type MembershipState = "joining" | "active" | "suspended" | "evicted" | "left";

/** How a member stands, and why when there is something to say. */
export interface MemberReport {
  readonly state: MembershipState;
  readonly why: string;
}

/** What a newcomer says. */
export interface JoinRequest {
  readonly joiner: Joiner;
  readonly settings: SharedSettings;
  /** What it wrote to its probe in the PIJ directory: who reads it there sees the same files. */
  readonly probe: string;
}

const KINDS: readonly MemberMessage["kind"][] = [
  "beat",
  "look",
  "ask",
  "wait",
  "refuse",
  "vouch",
  "state",
  "letter",
  "decided",
];
const STATES: readonly MembershipState[] = ["joining", "active", "suspended", "evicted", "left"];
const SETTINGS_MAX = 64;
/** Most evicted members of a view that is told to others; a longer one they read where it stands. */
const TOLD_PENDING_MAX = 64;

/** What the one who has decided a view tells the others of it. */
export function newsOf(view: View): MemberMessage {
  const { number, pending } = view;
  return pending.length > TOLD_PENDING_MAX
    ? { kind: "look", view: number }
    : { kind: "decided", view: number, next: view };
}

/** Bytes of a message. */
export function encodeMember(message: MemberMessage): Uint8Array {
  const writer = new ByteWriter(64);
  writer.u8(MEMBER_CLASS);
  writer.u8(KINDS.indexOf(message.kind));
  writer.u48(message.view);
  if (message.kind === "wait") putRecordText(writer, message.why);
  else if (message.kind === "refuse") writer.append(encodeRefusal(message.error));
  else if (message.kind === "ask") putAsked(writer, message.asked);
  else if (message.kind === "letter") writer.append(message.bytes);
  else if (message.kind === "decided") writer.append(encodeView(message.next));
  else if (message.kind === "state") {
    writer.u48(message.serial);
    writer.u8(STATES.indexOf(message.report.state));
    putRecordText(writer, message.report.why);
  } else if (message.kind === "vouch") {
    for (const id of [message.newcomer, message.probe]) putRecordId(writer, id);
    writer.u8(message.sees ? 1 : 0);
    putRecordText(writer, message.why);
  }
  return writer.copy();
}

/** A message taken apart. Throws `CORRUPT` for what is none. */
export function decodeMember(bytes: Uint8Array, from: string): MemberMessage {
  const reader = new ByteReader(bytes, `message of ${from}`);
  if (reader.u8() !== MEMBER_CLASS) reader.fail("it is of another class", 0);
  const kind = KINDS[reader.u8()] ?? reader.fail("it is of an unknown kind", 1);
  const view = reader.u48();
  if (kind === "refuse") return { kind, view, error: decodeRefusal(bytes.subarray(reader.position), from) };
  if (kind === "wait") return ended(reader, { kind, view, why: readRecordText(reader) });
  if (kind === "ask") return ended(reader, { kind, view, asked: readAsked(reader) });
  if (kind === "letter") return { kind, view, bytes: bytes.slice(reader.position) };
  if (kind === "decided") {
    return { kind, view, next: decodeView(bytes.slice(reader.position), `message of ${from}`, view) };
  }
  if (kind === "state") {
    const serial = reader.u48();
    const state = STATES[reader.u8()] ?? reader.fail("it has an unknown state");
    return ended(reader, { kind, view, serial, report: { state, why: readRecordText(reader) } });
  }
  if (kind === "vouch") {
    const newcomer = readRecordId(reader), probe = readRecordId(reader), sees = reader.u8() === 1;
    return ended(reader, { kind, view, newcomer, probe, sees, why: readRecordText(reader) });
  }
  return ended(reader, { kind, view });
}

function ended<T>(reader: ByteReader, message: T): T {
  reader.expectEnd();
  return message;
}

function putAsked(writer: ByteWriter, { joiner, settings, probe }: JoinRequest): void {
  putOwner(writer, joiner.owner);
  for (const text of [joiner.name, joiner.address, joiner.journal]) putRecordText(writer, text);
  writer.u32(joiner.votes);
  putRecordId(writer, probe);
  const all = Object.entries(settings);
  writer.u16(all.length);
  for (const [name, value] of all) {
    putRecordText(writer, name);
    putRecordText(writer, value);
  }
}

function readAsked(reader: ByteReader): JoinRequest {
  const owner = readOwner(reader);
  const name = readRecordText(reader), address = readRecordText(reader), journal = readRecordText(reader);
  const votes = reader.u32(), probe = readRecordId(reader), count = reader.u16();
  if (count > SETTINGS_MAX) reader.fail(`it has ${count} settings`);
  const settings = new Map<string, string>();
  for (let i = 0; i < count; i++) settings.set(readRecordText(reader), readRecordText(reader));
  const joiner = { name, incarnation: owner.nonce, owner, address, journal, votes };
  return { joiner, settings: Object.fromEntries(settings), probe };
}
