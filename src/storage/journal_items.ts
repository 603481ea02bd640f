/**
 * What lies in a frame, read back: untrusted although its checksum held, so every failure is `CORRUPT` (a
 * `ByteReader`'s).
 */
import { ByteReader } from "../ground/byte_reader.ts";
import { getId, ID_BYTES } from "../ground/hex.ts";
import {
  FRAME_ALIGN,
  FRAME_HEADER_BYTES,
  ITEM_CLOSE,
  ITEM_GROUP,
  ITEM_HEADER_BYTES,
  RECORD_BLOCK,
  RECORD_RESULT,
} from "./journal_frame.ts";

/** One block's change in a group. */
export interface ScannedRecord {
  /** Which volume, by the journal's table. */
  readonly volumeIndex: number;
  readonly block: number;
  /** Stamp of the block before the group. */
  readonly before: number;
  /** The operations, for `ground/block_op.ts`; a view that lives until the next group is asked for. */
  readonly ops: Uint8Array;
}

/** What a group answers a member that asked for it. */
export interface ScannedResult {
  /** Incarnation of who asked. */
  readonly requester: string;
  /** Its number of the request. */
  readonly sequence: number;
  /** The answer, an encoded value; a view as those of the records. */
  readonly value: Uint8Array;
}

/** One redo group. */
export interface ScannedGroup {
  readonly stamp: number;
  readonly records: readonly ScannedRecord[];
  readonly results: readonly ScannedResult[];
  /** Position behind the group. */
  readonly position: number;
}

/** Goes over the items of one frame. */
export class ItemCursor {
  /** Kind of the present item. */
  kind = 0;
  /** Reads the present item's content. */
  reader: ByteReader;
  readonly #bytes: Uint8Array;
  readonly #end: number;
  readonly #what: string;
  #next: number;

  /** The frame lies in `bytes[at, at + length)`; `what` names it in messages. */
  constructor(bytes: Uint8Array, at: number, length: number, what: string) {
    this.#bytes = bytes;
    this.#next = at + FRAME_HEADER_BYTES;
    this.#end = at + length;
    this.#what = what;
    this.reader = new ByteReader(bytes, what, at, at + length);
  }

  /** Index behind the present item. */
  get end(): number {
    return this.#next;
  }

  /** Goes to the next item; false behind the last. */
  next(): boolean {
    const rest = new ByteReader(this.#bytes, this.#what, this.#next, this.#end);
    if (rest.remaining < FRAME_ALIGN && isZero(this.#bytes, this.#next, this.#end)) return false;
    const length = rest.u32();
    this.kind = rest.u8();
    if (length < ITEM_HEADER_BYTES || this.kind < ITEM_GROUP || this.kind > ITEM_CLOSE) {
      rest.fail(`item of kind ${this.kind} has ${length} bytes`, this.#next);
    }
    rest.skip(length - ITEM_HEADER_BYTES);
    const from = this.#next + ITEM_HEADER_BYTES;
    this.#next += length;
    this.reader = new ByteReader(this.#bytes, this.#what, from, this.#next);
    return true;
  }
}

/** Reads the group that `reader` stands at; `position` is the position behind it. */
export function readGroup(reader: ByteReader, position: number): ScannedGroup {
  const stamp = reader.u48();
  const count = reader.u16();
  const records: ScannedRecord[] = [];
  let results: ScannedResult[] | undefined;
  for (let i = 0; i < count; i++) {
    const kind = reader.u8();
    if (kind !== RECORD_BLOCK && kind !== RECORD_RESULT) reader.fail(`record is of kind ${kind}`);
    const volumeIndex = reader.u16();
    const block = reader.u32();
    const before = reader.u48();
    const ops = reader.view(reader.u32());
    if (kind === RECORD_BLOCK) records.push({ volumeIndex, block, before, ops });
    else if (ops.length <= ID_BYTES) reader.fail(`result has ${ops.length} bytes`);
    else {
      results ??= [];
      results.push({ requester: getId(ops, 0), sequence: before, value: ops.subarray(ID_BYTES) });
    }
  }
  reader.expectEnd();
  return { stamp, records, results: results ?? NO_RESULTS, position };
}

const NO_RESULTS: readonly ScannedResult[] = [];

function isZero(bytes: Uint8Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (bytes[i] !== 0) return false;
  return true;
}
