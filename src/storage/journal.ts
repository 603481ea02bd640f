/**
 * Journal: the redo journal of one incarnation (DESIGN D3, D4, D5; ARCHITECTURE, "The life of a write").
 *
 * A commit asks for space (`admit`), appends its group in one turn (`beginGroup` ... `endGroup`), and learns
 * from `ackOf` when it may be acknowledged. Groups collect in memory and leave as frames (`JournalPump`);
 * segment files come and go (`JournalFiles`). Knows nothing of what the records mean, nor of which segments
 * are still needed.
 */
import type { ByteWriter } from "../ground/byte_writer.ts";
import { CohortError, invariant } from "../ground/errors.ts";
import { ID_BYTES, isId, putId } from "../ground/hex.ts";
import type { Clock } from "../ports/mod.ts";
import { JournalAdmission } from "./journal_admission.ts";
import { JournalFiles, type SegmentInfo } from "./journal_files.ts";
import { FRAME_ALIGN, ITEM_CLOSE, ITEM_FLOOR, ITEM_MARK, ITEM_VOLUME } from "./journal_frame.ts";
import type { JournalOptions, JournalState } from "./journal_options.ts";
import { JournalPump, type JournalStats } from "./journal_pump.ts";
import {
  type JournalVolume,
  SEGMENT_HEADER_BYTES_MAX,
  SEGMENT_HEADER_UNIT,
  segmentHeaderSize,
  segmentNumber,
} from "./journal_segment.ts";

/** Most characters of a mark's text. */
export const MARK_CHARS_MAX = 256;
/** Least bytes a segment may have. */
export const SEGMENT_BYTES_MIN = 16_384;
/** Bytes of a segment unless the options say otherwise. */
const SEGMENT_BYTES: number = 64 * 1024 * 1024;
/** Part of a segment that the names of volumes in its header may take. */
const TABLE_PART = 1 / 8;

export type { JournalOptions, JournalState } from "./journal_options.ts";

/** The redo journal of one incarnation. */
export class Journal {
  /** Tells somebody from now on which files come and go; answers those that there are. Once. */
  readonly follow: JournalFiles["follow"];
  readonly #files: JournalFiles;
  readonly #pump: JournalPump;
  readonly #admission: JournalAdmission;
  readonly #volumes: JournalVolume[] = [];
  /** Paths of the volumes, as a header has them. */
  readonly #paths: Uint8Array[] = [];
  readonly #tableBytesMax: number;
  readonly #onStop: (error: CohortError) => void;
  readonly #clock: Clock;
  #lastStamp: number;
  #end: number;
  #taken = 0;
  #cause: CohortError | undefined;
  #closing: Promise<void> | undefined;

  /** Makes the journal of a new incarnation. Rejects `EXISTS` when the directory holds one already. */
  static async create(options: JournalOptions): Promise<Journal> {
    const { segmentBytes = SEGMENT_BYTES, reserveBytes = 4 * 1024 * 1024 } = options;
    if (!isId(options.incarnation)) {
      throw new TypeError(`An incarnation is 32 hexadecimal digits, got ${options.incarnation}`);
    }
    if (!(segmentBytes >= SEGMENT_BYTES_MIN && segmentBytes % FRAME_ALIGN === 0 && segmentBytes <= 2 ** 30)) {
      throw new RangeError(
        `segmentBytes is a multiple of 8 from ${SEGMENT_BYTES_MIN} to 2^30, got ${segmentBytes}`,
      );
    }
    for (const [name, it] of Object.entries({ reserveBytes, syncIntervalMs: options.syncIntervalMs })) {
      if (!(it > 0)) throw new RangeError(`${name} is above 0, got ${it}`);
    }
    const names = await options.storage.list(options.directory);
    if (names.some((name) => segmentNumber(name) !== undefined)) {
      const message = `Could not create a journal in ${options.directory}: it holds one`;
      throw new CohortError("EXISTS", message, { path: options.directory });
    }
    const files = await JournalFiles.create({
      storage: options.storage,
      clock: options.clock,
      directory: options.directory,
      incarnation: options.incarnation,
      segmentBytes,
      reserveBytes,
      firstReserveBytes: Math.min(options.firstReserveBytes ?? reserveBytes, reserveBytes),
      session: options.session ?? 0,
      history: options.history,
    }, options.firstStamp);
    return new Journal(options, files);
  }

  private constructor(options: JournalOptions, files: JournalFiles) {
    const { clock, observer, bufferBytes = 8 * 1024 * 1024, segmentBytes = SEGMENT_BYTES } = options;
    const tableBytes = Math.max(SEGMENT_HEADER_UNIT, segmentBytes * TABLE_PART);
    this.#tableBytesMax = Math.min(SEGMENT_HEADER_BYTES_MAX, tableBytes);
    this.#files = files;
    this.follow = (follower) => files.follow(follower);
    this.#onStop = options.onStop;
    this.#clock = clock;
    this.#lastStamp = options.firstStamp;
    this.#pump = new JournalPump(files, {
      clock,
      observer,
      incarnation: options.incarnation,
      durability: options.durability,
      syncIntervalMs: options.syncIntervalMs,
      onProgress: () => this.#admission.progress(),
      onStop: (error) => this.#stop(error),
    });
    this.#admission = new JournalAdmission(files, this.#pump, {
      clock,
      observer,
      bufferBytes,
      volumes: this.#volumes,
      lastStamp: () => this.#lastStamp,
      onShort: () => options.onShort?.(),
    });
    this.#end = files.writing.header.base;
  }

  /** `enabled`, `stopped`, `frozen` or `paused`. */
  get state(): JournalState {
    if (this.#cause !== undefined) return "stopped";
    if (this.frozenBy !== undefined) return "frozen";
    return this.#admission.isWaitingForSegment ? "paused" : "enabled";
  }

  /** Why it is stopped or frozen. */
  get cause(): CohortError | undefined {
    return this.#cause ?? this.frozenBy;
  }

  /** The I/O error by which writes are frozen, while they are. */
  get frozenBy(): CohortError | undefined {
    return this.#pump.failure ?? this.#admission.failure;
  }

  /** Highest stamp that may be appended without a rotation. */
  get ceiling(): number {
    return this.#admission.ceiling;
  }

  /** A stamp is known by now: the next group's will be higher. */
  readonly expect = (stamp: number): void => this.#admission.expect(stamp);

  /** Position behind the last group. */
  get position(): number {
    return this.#end;
  }

  /** Position up to which the file was written: a `kill -9` of the process takes nothing below it. */
  get written(): number {
    return this.#pump.written;
  }

  /** Position up to which the file was synced: a loss of the host takes nothing below it. */
  get safe(): number {
    return this.#pump.safe;
  }

  /** Position up to which operations may be acknowledged: `safe`, or `written` under durability `relaxed`. */
  get acknowledged(): number {
    return this.#pump.acknowledged;
  }

  /** Counts since it was made. */
  get stats(): Readonly<JournalStats> {
    return this.#pump.stats;
  }

  /**
   * Reserves space for one group of at most `bytes` (as `groupBytes` counts them) whose stamp is at most
   * `stampAtMost`. undefined means at once. The promise waits for memory, space, or the next segment, and
   * while the journal is frozen; it rejects `STOPPED`, `TRANSACTION_TOO_LARGE`, or `CLOSED`. Every admission
   * ends in `beginGroup` or `withdraw`.
   */
  admit(bytes: number, stampAtMost: number): undefined | Promise<void> {
    return this.#admission.admit(bytes, stampAtMost);
  }

  /** `admit` for who will not wait: true when the space is reserved. */
  admitNow(bytes: number, stampAtMost: number): boolean {
    return this.#admission.admitNow(bytes, stampAtMost);
  }

  /** Gives an admission back unused. */
  withdraw(bytes: number): void {
    this.#admission.release(bytes);
  }

  /**
   * Begins a group, in the space of an admission of `admitted` bytes. It must end in the same turn. Throws
   * `STOPPED` or `CLOSED` when the journal has ended since.
   */
  beginGroup(stamp: number, admitted: number): void {
    if (this.#cause !== undefined || this.#closing !== undefined) throw this.#refusal();
    invariant(stamp > this.#lastStamp && stamp <= this.#admission.ceiling, "Stamps rise, up to the ceiling");
    this.#lastStamp = stamp;
    this.#taken = admitted;
    this.#pump.filling.beginGroup(stamp);
  }

  /** Begins the record of one block; `before` is the block's stamp until now. Its ops go to `writer`. */
  beginRecord(volumeIndex: number, block: number, before: number, kind?: number): void {
    this.#pump.filling.beginRecord(volumeIndex, block, before, kind);
  }

  /** Where the ops of the open record go. Read it anew for every record. */
  get writer(): ByteWriter {
    return this.#pump.filling.writer;
  }

  /** Ends the record. */
  endRecord(): void {
    this.#pump.filling.endRecord();
  }

  /** Ends the group; returns the position behind it. It is written at the turn's end. */
  endGroup(): number {
    const size = this.#pump.filling.endGroup();
    invariant(size <= this.#taken, "A group stays within its admission");
    return this.#appended(this.#taken);
  }

  /**
   * undefined when everything up to `position` may be acknowledged, else one promise for all who wait for its
   * frame.
   */
  ackOf(position: number): Promise<void> | undefined {
    return this.#pump.ackOf(position);
  }

  /** Resolves once everything up to `position` (all by default) is synced. Rejects `OUTCOME_UNKNOWN`. */
  makeSafe(position: number = this.#end): Promise<void> {
    invariant(position <= this.#end, "Only what was appended can be made safe");
    return this.#pump.makeSafe(position);
  }

  /**
   * Adds a volume to the table, and resolves to the index that stands for it in records; the same volume
   * keeps its index. Ids are 32 hexadecimal digits. Rejects `FULL` when the table would take too much of a
   * segment: it only grows, for records of any age may name any of it.
   */
  async addVolume(id: string, incarnation: string, path: string): Promise<number> {
    const known = this.#volumes.find((volume) =>
      volume.id === id && volume.incarnation === incarnation && volume.path === path
    );
    if (known !== undefined) return known.index;
    const encoded = new TextEncoder().encode(path);
    if (encoded.length > 0xffff) {
      throw new RangeError(`A path has at most 65535 bytes, got ${encoded.length}`);
    }
    const tableBytes = segmentHeaderSize([...this.#paths, encoded]);
    if (tableBytes > this.#tableBytesMax || this.#volumes.length >= 0xffff) throw this.#tableFull(path);
    const bytes = 64 + encoded.length;
    await this.#admitItem(bytes);
    const index = this.#volumes.length;
    const writer = this.#pump.filling.beginItem(ITEM_VOLUME);
    writer.u16(index);
    writer.u16(encoded.length);
    writer.ensure(2 * ID_BYTES);
    putId(writer.bytes, writer.length, id);
    putId(writer.bytes, writer.length + ID_BYTES, incarnation);
    writer.length += 2 * ID_BYTES;
    writer.append(encoded);
    this.#volumes.push({ index, id, incarnation, path });
    this.#paths.push(encoded);
    // The next segment's header, made before, does not name it, and the item goes with this segment.
    this.#pump.postpone();
    this.#endItem(bytes);
    return index;
  }

  /** Leaves a mark of at most `MARK_CHARS_MAX` characters. Resolves to its position and segment. */
  async mark(text: string): Promise<{ readonly position: number; readonly segment: number }> {
    if (text.length > MARK_CHARS_MAX) {
      throw new RangeError(`A mark has at most ${MARK_CHARS_MAX} characters, got ${text.length}`);
    }
    const encoded = new TextEncoder().encode(text);
    const bytes = 32 + encoded.length;
    await this.#admitItem(bytes);
    const segment = this.#files.filling.header.number;
    const writer = this.#pump.filling.beginItem(ITEM_MARK);
    writer.u48(this.#clock.wallMs());
    writer.u16(encoded.length);
    writer.append(encoded);
    return { position: this.#endItem(bytes), segment };
  }

  /** Segments that recovery may still need, oldest first. */
  segments(): SegmentInfo[] {
    return this.#files.list(this.#pump.written);
  }

  /** Whether `drop` would not have to wait: writes succeed, and there is room for the word of it. */
  get canDrop(): boolean {
    return this.#cause === undefined && this.#pump.failure === undefined && this.#admission.hasSmall(32);
  }

  /**
   * Drops the sealed segments up to and including this one: first the journal says durably that they are
   * needed no more, then they are removed, or kept as history.
   */
  async drop(segment: number): Promise<void> {
    if (segment < this.#files.floor) return;
    invariant(segment < this.#files.writing.header.number, "Only sealed segments are dropped");
    // Dropping gives space back, so it must not wait for space behind those who need it.
    if (!this.#admission.admitSmall(32)) await this.#admitItem(32);
    const floor = Math.max(segment + 1, this.#files.floor);
    this.#pump.filling.beginItem(ITEM_FLOOR).u32(floor);
    this.#files.floor = floor;
    await this.makeSafe(this.#endItem(32));
    await this.#files.release(floor);
  }

  /** Removes dropped segments that history keeps no longer. */
  purge(): Promise<void> {
    return this.#files.purge();
  }

  /**
   * Writes and syncs what there is, leaves the end mark, and closes the files. Waits while the journal is
   * frozen; `abandon` ends that. Safe to call twice.
   */
  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  /**
   * Ends the journal without writing anything more: who waits learns `OUTCOME_UNKNOWN`. `close` then closes
   * the files.
   */
  abandon(cause: CohortError): void {
    this.#cause ??= cause;
    this.#admission.stop(cause);
    this.#pump.stop(cause);
  }

  async #close(): Promise<void> {
    this.#admission.close();
    this.#pump.finish();
    if (this.#cause === undefined) {
      try {
        await this.makeSafe();
        this.#pump.filling.beginItem(ITEM_CLOSE);
        this.#pump.filling.endItem();
        this.#end = this.#pump.filling.end;
        await this.makeSafe();
      } catch (error) {
        await this.#closeFiles();
        throw error;
      }
    }
    await this.#closeFiles();
  }

  async #closeFiles(): Promise<void> {
    this.#cause ??= new CohortError("CLOSED", "The journal is closed");
    await this.#pump.settled();
    await this.#admission.settled();
    await this.#files.close();
  }

  #tableFull(path: string): CohortError {
    const { length } = this.#volumes;
    const why = `its segments are too small for more than the ${length} volumes it has named`;
    const message = `Could not name ${path} in the journal: ${why}; another node can mount it`;
    return new CohortError("FULL", message, { path, volumes: length, tableBytesMax: this.#tableBytesMax });
  }

  async #admitItem(bytes: number): Promise<void> {
    await this.admit(bytes, 0);
    if (this.#cause !== undefined || this.#closing !== undefined) throw this.#refusal();
  }

  #refusal(): CohortError {
    const text = "Could not append to the journal: it is";
    if (this.#cause === undefined) return new CohortError("CLOSED", `${text} closed`);
    return new CohortError("STOPPED", `${text} stopped`, {}, this.#cause);
  }

  #endItem(admitted: number): number {
    this.#pump.filling.endItem();
    return this.#appended(admitted);
  }

  #appended(admitted: number): number {
    const end = this.#pump.filling.end;
    this.#end = end;
    this.#admission.release(admitted);
    this.#pump.schedule();
    return end;
  }

  #stop(error: CohortError): void {
    if (this.#cause !== undefined) return;
    this.#cause = error;
    this.#admission.stop(error);
    this.#onStop(error);
  }
}
