/**
 * FrameBuilder: collects redo groups into the bytes of the next frame, with no allocation per group.
 *
 * Two of them take turns in a journal: one fills while the other is written. Positions are exact from the
 * first byte, because a frame's place is known when it begins to fill.
 */
import { NO_BYTES, putU16, putU32 } from "../ground/bytes.ts";
import { ByteWriter } from "../ground/byte_writer.ts";
import { invariant } from "../ground/errors.ts";
import {
  alignFrame,
  CHECKED_FROM,
  FRAME_HEADER_BYTES,
  GROUP_HEADER_BYTES,
  GROUP_RECORDS_MAX,
  ITEM_GROUP,
  ITEM_HEADER_BYTES,
  RECORD_BLOCK,
  RECORD_HEADER_BYTES,
  sealFrame,
} from "./journal_frame.ts";

/** A buffer this large is given back after use; smaller ones are kept. */
const KEEP_BYTES_MAX = 4 * 1024 * 1024;
const FIRST_BYTES = 64 * 1024;

/** The next frame, while it fills. */
export class FrameBuilder {
  /** Where the ops of the open record go; replaced now and then, so read it anew for every record. */
  writer: ByteWriter = new ByteWriter(FIRST_BYTES);
  /** Position of the frame. */
  start = 0;
  /** Groups in it so far. */
  groups = 0;
  /** Items of any kind in it so far. */
  items = 0;
  /** Stamp of its first group, 0 without any. */
  firstStamp = 0;
  /** Stamp of its last group, 0 without any. */
  lastStamp = 0;
  #itemAt = 0;
  #recordAt = 0;
  #records = 0;
  #open = false;
  /** The last sealed frame, and the part of it that is checked: the frames of a lone writer are alike. */
  #frame: Uint8Array = NO_BYTES;
  #checked: Uint8Array = NO_BYTES;

  /** Empties it for a frame at `position`. */
  begin(position: number): void {
    if (this.writer.bytes.length > KEEP_BYTES_MAX) this.writer = new ByteWriter(FIRST_BYTES);
    this.writer.length = FRAME_HEADER_BYTES;
    this.start = position;
    this.groups = 0;
    this.items = 0;
    this.firstStamp = 0;
    this.lastStamp = 0;
  }

  /** Position behind what is in it. */
  get end(): number {
    return this.start + this.writer.length;
  }

  /** Begins a group; its records follow. */
  beginGroup(stamp: number): void {
    const writer = this.writer;
    this.#itemAt = writer.length;
    this.#records = 0;
    this.#open = true;
    writer.u32(0);
    writer.u8(ITEM_GROUP);
    writer.u48(stamp);
    writer.u16(0);
    if (this.groups === 0) this.firstStamp = stamp;
    this.lastStamp = stamp;
  }

  /**
   * Begins the record of one block; its ops are appended to `writer`. `before` is the block's stamp until
   * now. Of another kind of record it is the number that this kind has there.
   */
  beginRecord(volumeIndex: number, block: number, before: number, kind: number = RECORD_BLOCK): void {
    const writer = this.writer;
    this.#recordAt = writer.length;
    writer.u8(kind);
    writer.u16(volumeIndex);
    writer.u32(block);
    writer.u48(before);
    writer.u32(0);
  }

  /** Ends the record. */
  endRecord(): void {
    const { bytes, length } = this.writer;
    const opsAt = this.#recordAt + RECORD_HEADER_BYTES;
    putU32(bytes, opsAt - 4, length - opsAt);
    this.#records++;
  }

  /** Ends the group; returns its bytes. */
  endGroup(): number {
    const { bytes, length } = this.writer;
    invariant(this.#records <= GROUP_RECORDS_MAX, "A group has at most 65535 records");
    const size = length - this.#itemAt;
    putU32(bytes, this.#itemAt, size);
    putU16(bytes, this.#itemAt + GROUP_HEADER_BYTES - 2, this.#records);
    this.groups++;
    this.items++;
    this.#open = false;
    return size;
  }

  /** Adds an item of another kind; its content goes to `writer`, then `endItem`. */
  beginItem(kind: number): ByteWriter {
    this.#itemAt = this.writer.length;
    this.writer.u32(0);
    this.writer.u8(kind);
    return this.writer;
  }

  /** Ends the item. */
  endItem(): void {
    const { bytes, length } = this.writer;
    invariant(length - this.#itemAt >= ITEM_HEADER_BYTES, "An item was begun");
    putU32(bytes, this.#itemAt, length - this.#itemAt);
    this.items++;
  }

  /** Pads and seals the frame; returns its bytes, which stay as they are until `begin`. */
  seal(tag: number, segment: number, synced: number): Uint8Array {
    invariant(!this.#open, "A group is ended in the turn that began it");
    const writer = this.writer;
    const length = alignFrame(writer.length);
    writer.ensure(length - writer.length);
    const { bytes } = writer;
    for (let at = writer.length; at < length; at++) bytes[at] = 0;
    writer.length = length;
    if (this.#frame.length !== length || this.#frame.buffer !== bytes.buffer) {
      // Views by their constructor take two thirds of what `subarray` does on V8.
      this.#frame = new Uint8Array(bytes.buffer, bytes.byteOffset, length);
      this.#checked = new Uint8Array(bytes.buffer, bytes.byteOffset + CHECKED_FROM, length - CHECKED_FROM);
    }
    sealFrame(bytes, this.#checked, {
      length,
      tag,
      segment,
      groups: this.groups,
      position: this.start,
      synced,
      firstStamp: this.firstStamp,
      lastStamp: this.lastStamp,
    });
    return this.#frame;
  }
}
