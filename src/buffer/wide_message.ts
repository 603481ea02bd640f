/**
 * What members say to each other about databases as a whole. Pure.
 *
 *     0 u8 kind   1 u32 tag of the volume   5 the rest: of the keeper's yes u48 the turn, of a list what
 *     `putReportList` writes
 *     0 u8 1, all that a member uses   1 u16 count   3 for each u32 the tag of the volume
 */
import { ByteReader } from "../ground/byte_reader.ts";
import { ByteWriter } from "../ground/byte_writer.ts";
import { putReportList, readReportList } from "./block_message.ts";
import type { ReportedBlock } from "./block_report.ts";

/** Topic of these messages. */
export const WIDE_TOPIC = 7;

/** What is said of a database, by the tag of its volume. */
export type WideMessage =
  /** To the master, when a view begins: all that this member uses. */
  | { readonly kind: "uses"; readonly tags: readonly number[] }
  /** To the master: it begins or ends to use one. By the master: it may have all of one, or has to let go. */
  | { readonly kind: "use" | "unuse" | "give" | "end"; readonly tag: number }
  /** To a keeper; by a keeper, of a claim that was withdrawn before it was granted. */
  | { readonly kind: "claim" | "withdraw"; readonly tag: number }
  | { readonly kind: "withdrawn"; readonly tag: number }
  /** By a keeper: what it keeps of it this member takes without asking, by this turn. */
  | { readonly kind: "granted"; readonly tag: number; readonly turn: number }
  /** To a keeper: what this member has, which it takes no more of without asking. */
  | {
    readonly kind: "list";
    readonly tag: number;
    readonly reports: readonly ReportedBlock[];
    readonly isLast: boolean;
  };

const KINDS: ReadonlyArray<WideMessage["kind"] | undefined> = [
  undefined,
  "uses",
  "use",
  "unuse",
  "give",
  "end",
  "claim",
  "withdraw",
  "withdrawn",
  "granted",
  "list",
];

/** A message as it is sent. */
export function encodeWide(message: WideMessage): Uint8Array {
  const writer = new ByteWriter(64);
  writer.u8(KINDS.indexOf(message.kind));
  if (message.kind === "uses") {
    writer.u16(message.tags.length);
    for (const tag of message.tags) writer.u32(tag);
    return writer.copy();
  }
  writer.u32(message.tag);
  if (message.kind === "granted") writer.u48(message.turn);
  if (message.kind === "list") putReportList(writer, message.reports, message.isLast);
  return writer.copy();
}

/** A message taken apart. Throws `CORRUPT` for what is none. */
export function decodeWide(bytes: Uint8Array): WideMessage {
  const reader = new ByteReader(bytes, "Message about a database");
  const message = read(reader, KINDS[reader.u8()]);
  reader.expectEnd();
  return message;
}

function read(reader: ByteReader, kind: WideMessage["kind"] | undefined): WideMessage {
  switch (kind) {
    case undefined:
      return reader.fail("it has an unknown kind");
    case "uses": {
      const tags: number[] = [];
      for (let count = reader.u16(); count > 0; count--) tags.push(reader.u32());
      return { kind, tags };
    }
    case "granted":
      return { kind, tag: reader.u32(), turn: reader.u48() };
    case "list":
      return { kind, tag: reader.u32(), ...readReportList(reader) };
    default:
      return { kind, tag: reader.u32() };
  }
}
