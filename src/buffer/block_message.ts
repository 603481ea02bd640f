/**
 * What members say to each other about one block of a shared volume. Pure.
 *
 *     0 u8 kind   1 u32 tag of the volume   5 u32 block   9 u48 turn   15 u8 mode   16 u8 what   17 the rest:
 *     of a demand the 16 bytes of the asker's incarnation, of an image the block
 *
 *     0 u8 10, a report   1 u8 whether it is the last   2 u16 count   4 for each block the same from 1 to 16,
 *     and of one sent on the 16 bytes of whom it was sent to
 *     0 u8 13, its copy for the member that recovers   1 u48 from where the journal is needed   7 u48 how far
 *     it is safe   13 the same from 1
 */
import { ByteReader } from "../ground/byte_reader.ts";
import { ByteWriter } from "../ground/byte_writer.ts";
import { getId, ID_BYTES, putId } from "../ground/hex.ts";
import type { BlockOrder, HolderEvent, HolderMessage } from "./block_holder.ts";
import type { GrantMode, GrantSource, KeeperEvent, KeeperMessage } from "./block_keeper.ts";
import type { JournalPart, ReportedBlock } from "./block_report.ts";

/** Topic of these messages. */
export const BLOCK_TOPIC = 1;

/** A block of a shared volume. */
export interface BlockPlace {
  /** Tag of the volume: the first bytes of its incarnation. */
  readonly tag: number;
  readonly block: number;
}

/** What is said to the block's keeper, to one who holds or wants it, or by one of those to another. */
export type BlockMessage =
  | { readonly to: "rebuild"; readonly reports: readonly ReportedBlock[]; readonly isLast: boolean }
  /**
   * The same, of all blocks, to the member that recovers, with what of the sender's journal it is to read.
   */
  | {
    readonly to: "recoverer";
    readonly reports: readonly ReportedBlock[];
    readonly isLast: boolean;
    readonly part: JournalPart;
  }
  | { readonly to: "resume" }
  /** A block's redo is in its sender's journal: who answers for it is to bring it home, says the keeper. */
  | { readonly to: "homeKeeper"; readonly place: BlockPlace }
  | { readonly to: "homeHolder"; readonly place: BlockPlace }
  | { readonly to: "sender"; readonly place: BlockPlace; readonly turn: number; readonly isBack: boolean }
  | { readonly to: "returned"; readonly place: BlockPlace; readonly hasIt: boolean }
  | { readonly to: "keeper"; readonly place: BlockPlace; readonly event: KeeperEvent }
  | {
    readonly to: "holder";
    readonly place: BlockPlace;
    readonly event: HolderEvent;
    /** The block, of an image. */
    readonly bytes: Uint8Array | undefined;
  };

const ASK = 1, GOT = 2, DROPPED = 3, GIVE = 4;
const GRANT = 5, DEMAND = 6, DROP = 7;
const IMAGE = 8, ARRIVED = 9;
const REPORT = 10, VERDICT = 11, RETURNED = 12, COPY = 13, RESUME = 14;
const SPOILED = 15, UNSENT = 16;
const HOME_KEEPER = 17, HOME_HOLDER = 18;
const MODES: readonly GrantMode[] = ["PR", "EX"];
const SOURCES: readonly GrantSource[] = ["held", "volume", "image"];
const FREE_BIT = 1, DIRTY_BIT = 2, KEEPS_BIT = 4, SENT_BIT = 8, YES_BIT = 16;

/** A message of a holder to the keeper, or to another holder with `image`, the block that it sends. */
export function encodeHolderMessage(
  place: BlockPlace,
  message: HolderMessage,
  image: Uint8Array | undefined,
): Uint8Array {
  switch (message.kind) {
    case "ask":
      return head(ASK, place, 0, message.mode, 0).copy();
    case "got":
      return head(GOT, place, message.turn, "PR", 0).copy();
    case "dropped":
      return head(DROPPED, place, message.turn, "PR", 0).copy();
    case "give":
      return head(GIVE, place, message.turn, "PR", 0).copy();
    case "unsent":
      return head(UNSENT, place, message.turn, "PR", 0).copy();
    case "spoiled":
      return head(SPOILED, place, message.turn, message.mode, message.isFree ? FREE_BIT : 0).copy();
    case "arrived":
      return head(ARRIVED, place, message.turn, "PR", 0).copy();
    case "image": {
      const { turn, mode, isFree, isDirty } = message;
      const what = (isFree ? FREE_BIT : 0) | (isDirty ? DIRTY_BIT : 0);
      if (image === undefined) return head(IMAGE, place, turn, mode, what).copy();
      const start = head(IMAGE, place, turn, mode, what);
      const bytes = new Uint8Array(start.length + image.length);
      bytes.set(start.bytes.subarray(0, start.length));
      bytes.set(image, start.length);
      return bytes;
    }
  }
}

/** A message of the keeper. */
export function encodeKeeperMessage(place: BlockPlace, message: KeeperMessage): Uint8Array {
  switch (message.kind) {
    case "grant":
      return head(GRANT, place, message.turn, message.mode, SOURCES.indexOf(message.source)).copy();
    case "drop":
      return head(DROP, place, message.turn, "PR", 0).copy();
    case "demand": {
      const { turn, mode, isFree, keeps, asker } = message;
      const what = (isFree ? FREE_BIT : 0) | (keeps === "PR" ? KEEPS_BIT : 0);
      const writer = head(DEMAND, place, turn, mode, what);
      putMember(writer, asker);
      return writer.copy();
    }
  }
}

/**
 * Some of a member's blocks to their keeper, or, with what of the member's journal is to be read, to whoever
 * recovers; whether they are the last.
 */
export function encodeReports(
  reports: readonly ReportedBlock[],
  isLast: boolean,
  part?: JournalPart,
): Uint8Array {
  const writer = new ByteWriter(24 + reports.length * 20);
  writer.u8(part === undefined ? REPORT : COPY);
  if (part !== undefined) {
    writer.u48(part.from);
    writer.u48(part.safe);
  }
  putReportList(writer, reports, isLast);
  return writer.copy();
}

/** Some of a member's blocks, and whether they are the last. */
export function putReportList(writer: ByteWriter, reports: readonly ReportedBlock[], isLast: boolean): void {
  writer.u8(isLast ? 1 : 0);
  writer.u16(reports.length);
  for (const { tag, block, turn, mode, isDirty, sentTo } of reports) {
    const what = (isDirty ? DIRTY_BIT : 0) | (sentTo === undefined ? 0 : SENT_BIT);
    putHead(writer, { tag, block }, turn, mode ?? "PR", what);
    if (sentTo !== undefined) putMember(writer, sentTo);
  }
}

/** What the lost left is recovered: who asks is granted again. */
export function encodeResume(): Uint8Array {
  return Uint8Array.of(RESUME);
}

/** Asks the keeper of a block, or by way of it who answers for the block, that it be brought home. */
export function encodeHome(place: BlockPlace, to: "homeKeeper" | "homeHolder"): Uint8Array {
  return head(to === "homeKeeper" ? HOME_KEEPER : HOME_HOLDER, place, 0, "PR", 0).copy();
}

/** What became of a block that was sent on. */
export function encodeVerdict(place: BlockPlace, turn: number, isBack: boolean): Uint8Array {
  return head(VERDICT, place, turn, "PR", isBack ? YES_BIT : 0).copy();
}

/** Whether its sender has a block again. */
export function encodeReturned(place: BlockPlace, hasIt: boolean): Uint8Array {
  return head(RETURNED, place, 0, "PR", hasIt ? YES_BIT : 0).copy();
}

function putMember(writer: ByteWriter, incarnation: string): void {
  writer.ensure(ID_BYTES);
  putId(writer.bytes, writer.length, incarnation);
  writer.length += ID_BYTES;
}

/** Where messages of one block begin to be written; what is sent is a copy. */
const SCRATCH = new ByteWriter(64);

function head(
  kind: number,
  place: BlockPlace,
  turn: number,
  mode: GrantMode,
  what: number,
): ByteWriter {
  SCRATCH.length = 0;
  SCRATCH.u8(kind);
  putHead(SCRATCH, place, turn, mode, what);
  return SCRATCH;
}

function putHead(
  writer: ByteWriter,
  { tag, block }: BlockPlace,
  turn: number,
  mode: GrantMode,
  what: number,
): void {
  writer.u32(tag);
  writer.u32(block);
  writer.u48(turn);
  writer.u8(MODES.indexOf(mode));
  writer.u8(what);
}

interface Head {
  readonly place: BlockPlace;
  readonly turn: number;
  readonly mode: GrantMode;
  readonly what: number;
}

function readHead(reader: ByteReader): Head {
  const place = { tag: reader.u32(), block: reader.u32() };
  const turn = reader.u48();
  const mode = MODES[reader.u8()] ?? reader.fail("it has an unknown mode");
  return { place, turn, mode, what: reader.u8() };
}

function readReports(reader: ByteReader, kind: number): BlockMessage {
  const part = kind === COPY ? { from: reader.u48(), safe: reader.u48() } : undefined;
  const { reports, isLast } = readReportList(reader);
  reader.expectEnd();
  return part === undefined ? { to: "rebuild", reports, isLast } : { to: "recoverer", reports, isLast, part };
}

/** What `putReportList` wrote. */
export function readReportList(
  reader: ByteReader,
): { readonly reports: ReportedBlock[]; readonly isLast: boolean } {
  const isLast = reader.u8() === 1;
  const reports: ReportedBlock[] = [];
  for (let count = reader.u16(); count > 0; count--) {
    const { place, turn, mode, what } = readHead(reader);
    const isSent = (what & SENT_BIT) !== 0;
    const sentTo = isSent ? getId(reader.bytes, reader.skip(ID_BYTES)) : undefined;
    const isDirty = (what & DIRTY_BIT) !== 0;
    reports.push({ ...place, turn, isDirty, mode: isSent ? undefined : mode, sentTo });
  }
  return { reports, isLast };
}

/** A message taken apart; an image is a view of `bytes`. Throws `CORRUPT` for what is none. */
export function decodeBlockMessage(from: string, bytes: Uint8Array, blockSize: number): BlockMessage {
  const reader = new ByteReader(bytes, "Message about a block");
  const kind = reader.u8();
  if (kind === REPORT || kind === COPY) return readReports(reader, kind);
  if (kind === RESUME) {
    reader.expectEnd();
    return { to: "resume" };
  }
  const { place, turn, mode, what } = readHead(reader);
  const image = kind === IMAGE ? reader.view(blockSize) : undefined;
  const asker = kind === DEMAND ? getId(reader.bytes, reader.skip(ID_BYTES)) : "";
  reader.expectEnd();
  const isFree = (what & FREE_BIT) !== 0;
  const toHolder = (event: HolderEvent): BlockMessage => ({ to: "holder", place, event, bytes: image });
  switch (kind) {
    case ASK:
      return { to: "keeper", place, event: { kind: "ask", from, mode } };
    case GOT:
      return { to: "keeper", place, event: { kind: "got", from, turn } };
    case DROPPED:
      return { to: "keeper", place, event: { kind: "dropped", from, turn } };
    case GIVE:
      return { to: "keeper", place, event: { kind: "give", from, turn } };
    case GRANT: {
      const source = SOURCES[what] ?? reader.fail("it has an unknown source");
      return toHolder({ kind: "grant", turn, mode, source });
    }
    case DROP:
      return toHolder(ordered({ kind: "drop", turn, asker: "", mode: "EX", keeps: "NL", isFree: true }));
    case DEMAND: {
      const keeps = (what & KEEPS_BIT) !== 0 ? "PR" : "NL";
      return toHolder(ordered({ kind: "demand", turn, asker, mode, keeps, isFree }));
    }
    case IMAGE:
      return toHolder({ kind: "image", from, turn, mode, isFree, isDirty: (what & DIRTY_BIT) !== 0 });
    case UNSENT:
      return { to: "keeper", place, event: { kind: "unsent", from, turn } };
    case SPOILED:
      return toHolder({ kind: "spoiled", from, turn, mode, isFree });
    case ARRIVED:
      return toHolder({ kind: "arrived", from, turn });
    case VERDICT:
      return { to: "sender", place, turn, isBack: (what & YES_BIT) !== 0 };
    case HOME_KEEPER:
      return { to: "homeKeeper", place };
    case HOME_HOLDER:
      return { to: "homeHolder", place };
    case RETURNED:
      return { to: "returned", place, hasIt: (what & YES_BIT) !== 0 };
    default:
      return reader.fail(`it has the unknown kind ${kind}`);
  }
}

function ordered(order: BlockOrder): HolderEvent {
  return { kind: "order", order };
}
