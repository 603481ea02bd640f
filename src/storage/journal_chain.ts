/**
 * JournalChain: the frames of a journal in position order, over all its segments, and the verdict on where
 * they end.
 *
 * A bad or missing frame at position P is the *tail* (what was never synced) unless somebody names a later
 * position: a later frame by what it knew synced, a copied tail by its end, the caller. Then it is a *gap*,
 * and loud (DESIGN D3).
 */
import { CohortError } from "../ground/errors.ts";
import type { Storage, StreamFile } from "../ports/mod.ts";
import { END_NAME, type JournalEnd, readJournalEnd, TAIL_NAME } from "./journal_end.ts";
import { type LaterNames, laterNames } from "./journal_evidence.ts";
import {
  FRAME_HEADER_BYTES,
  type FrameHeader,
  incarnationTag,
  ITEM_CLOSE,
  ITEM_FLOOR,
  ITEM_SEAL,
  readFrameHeader,
  verifyFrame,
} from "./journal_frame.ts";
import { ItemCursor } from "./journal_items.ts";
import { type ChainSegment, readSegmentHeaders } from "./journal_headers.ts";
import { segmentName, type StoredSegmentHeader } from "./journal_segment.ts";
import { StreamWindow } from "./journal_window.ts";

/** How to read a chain. */
export interface ChainOptions {
  /**
   * Positions that others (an image journal, a mount register) name as synced: an end below one of them is a
   * gap.
   */
  readonly verifyNames?: readonly number[];
  /** Incarnation that the journal must be of, when the caller knows it: 32 hexadecimal digits. */
  readonly incarnation?: string;
  /** Reads dropped segments that are still there, too. */
  readonly history?: boolean;
}

/** One frame; its bytes live until the next is asked for. */
export interface ChainFrame {
  readonly header: FrameHeader;
  readonly bytes: Uint8Array;
  /** Index of the frame in `bytes`. */
  readonly at: number;
  readonly path: string;
  readonly segment: StoredSegmentHeader;
}

/** Where a journal goes on. */
interface SegmentStart {
  readonly number: number;
  readonly base: number;
}

/** Where the next frame is looked for. */
interface Place {
  readonly file: StreamFile;
  readonly path: string;
  readonly window: StreamWindow;
  readonly segment: StoredSegmentHeader;
  /** File offset of position 0, so to speak: offset = position + shift. */
  shift: number;
}

/** Reads the frames of one journal. Use `open`, then `frames` once. */
export class JournalChain {
  readonly incarnation: string;
  readonly segments: readonly ChainSegment[];
  /** The fixed end of a dead journal, once `makeDurable` has been there. */
  readonly fixedEnd: JournalEnd | undefined;
  /** No stamp above this was ever used: the highest ceiling of any segment header. */
  readonly ceiling: number;
  /** First segment that is needed, by what has been read so far. */
  floor: number;
  /** Position behind the last frame read. */
  position = 0;
  /** Highest position that a frame names as synced. */
  named = 0;
  /** Position behind the last frame that holds more than names and an end mark. */
  contentEnd = 0;
  /** Bytes behind the end that are no part of the journal. */
  tailBytesIgnored = 0;
  /** True when the author closed it. */
  closed = false;
  /** First segment that is there, when it is not the first that is needed by what has been read so far. */
  #missingBelow = 0;

  readonly #storage: Storage;
  readonly #directory: string;
  readonly #options: ChainOptions;
  readonly #tag: number;

  private constructor(
    storage: Storage,
    directory: string,
    options: ChainOptions,
    segments: readonly ChainSegment[],
    end: JournalEnd | undefined,
  ) {
    const first = segments.find((segment) => segment.header !== undefined)?.header;
    if (first === undefined) throw segments[0]!.fault!;
    this.#storage = storage;
    this.#directory = directory;
    this.#options = options;
    this.segments = segments;
    this.fixedEnd = end;
    this.incarnation = first.incarnation;
    this.#tag = incarnationTag(first.incarnation);
    this.ceiling = Math.max(...segments.map((segment) => segment.header?.ceiling ?? 0));
    this.floor = Math.max(...segments.map((segment) => segment.header?.floor ?? 0));
  }

  /**
   * Reads every segment header. Rejects `NOT_FOUND` without segments, `FORMAT_NEWER`, and `CORRUPT` without
   * any header.
   */
  static async open(storage: Storage, directory: string, options: ChainOptions): Promise<JournalChain> {
    const segments = await readSegmentHeaders(storage, directory, options.incarnation);
    const incarnation = segments.find((segment) => segment.header !== undefined)?.header?.incarnation;
    const end = await readJournalEnd(storage, directory);
    if (end !== undefined && incarnation !== undefined && end.incarnation !== incarnation) {
      const path = `${directory}/${END_NAME}`;
      throw new CohortError("CORRUPT", `Read ${path}: it belongs to incarnation ${end.incarnation}`, {
        path,
      });
    }
    return new JournalChain(storage, directory, options, segments, end);
  }

  /** Whether segments are gone of which nothing that was read so far says that they were dropped. */
  get lacksSegments(): boolean {
    return this.floor < this.#missingBelow;
  }

  /**
   * The frames from the first needed segment on, or from the segment that holds `from`. Rejects
   * `JOURNAL_GAP`, `CORRUPT`.
   */
  async *frames(from: number = 0): AsyncGenerator<ChainFrame> {
    for await (const batch of this.batches(from)) yield* batch;
  }

  /**
   * The same, as many at once as are in memory: an `await` a frame costs more than all else that is done with
   * a small one. What the chain says of itself is ahead of the batch.
   */
  async *batches(from: number = 0): AsyncGenerator<readonly ChainFrame[]> {
    let number = this.#firstNumber(from);
    this.#missingBelow = from === 0 && number > this.floor ? number : 0;
    let base = this.#usable(number).base;
    while (number > 0) {
      const segment = this.#usable(number);
      if (segment.base !== base) {
        throw this.#corrupt(segment.number, `it begins at ${segment.base}, not ${base}`);
      }
      const file = await this.#storage.openStream(this.#pathOf(number), { access: "read" });
      try {
        const place: Place = {
          file,
          path: this.#pathOf(number),
          window: new StreamWindow(file),
          segment,
          shift: segment.headerBytes - segment.base,
        };
        this.position = base;
        const next = yield* this.#segmentFrames(place);
        number = next?.number ?? 0;
        base = next?.base ?? 0;
      } finally {
        await file.close();
      }
    }
    if (this.lacksSegments) {
      const missing = `segments from ${this.floor} to ${this.#missingBelow - 1} are missing`;
      throw this.#gap(this.position, this.floor, missing);
    }
  }

  /** The frames of one segment; returns where the journal goes on, if it does. */
  async *#segmentFrames(
    place: Place,
  ): AsyncGenerator<readonly ChainFrame[], { number: number; base: number } | undefined> {
    for (;;) {
      const { frames, next, error } = this.#framesNow(place);
      if (frames.length > 0) yield frames;
      if (error !== undefined) throw error;
      if (next !== undefined) return next;
      if (this.#isAtFixedEnd()) return yield* this.#tailFrames();
      if (await this.#frameAt(place) !== undefined) continue;
      await this.#judgeEnd(place);
      return undefined;
    }
  }

  #isAtFixedEnd(): boolean {
    return this.fixedEnd !== undefined && this.position >= this.fixedEnd.start;
  }

  /** The frames that are in memory, up to the last of the segment or one that is not to be had so. */
  #framesNow(place: Place): { frames: ChainFrame[]; next: SegmentStart | undefined; error: unknown } {
    const frames: ChainFrame[] = [];
    try {
      while (!this.#isAtFixedEnd()) {
        const header = this.#headerNow(place);
        if (header === undefined) break;
        const next = this.#accept(place, header);
        frames.push(this.#frame(place, header));
        this.position = next?.base ?? this.position + header.length;
        if (next !== undefined) return { frames, next, error: undefined };
      }
    } catch (error) {
      return { frames, next: undefined, error };
    }
    return { frames, next: undefined, error: undefined };
  }

  /** The frames of the copied tail, all of which must be there. */
  async *#tailFrames(): AsyncGenerator<readonly ChainFrame[], undefined> {
    const { end, tailBytes, closed } = this.fixedEnd!;
    const path = `${this.#directory}/${TAIL_NAME}`;
    if (tailBytes > 0) {
      const file = await this.#storage.openStream(path, { access: "read" });
      try {
        const window = new StreamWindow(file);
        let offset = 0;
        let number = this.#numberAt(this.position);
        while (offset < tailBytes) {
          const place: Place = {
            file,
            path,
            window,
            segment: this.#usable(number),
            shift: offset - this.position,
          };
          const header = await this.#frameAt(place);
          if (header === undefined) throw this.#gap(this.position, end, `the copied tail ends at ${end}`);
          const next = this.#accept(place, header);
          yield [this.#frame(place, header)];
          offset += header.length;
          this.position = next?.base ?? this.position + header.length;
          number = next?.number ?? number;
        }
      } finally {
        await file.close();
      }
    }
    if (this.position < end) throw this.#gap(this.position, end, `the copied tail ends at ${end}`);
    this.#checkNames(this.position);
    this.closed ||= closed;
  }

  /** The header of the frame at the present position, if it is whole and belongs there. */
  async #frameAt(place: Place): Promise<FrameHeader | undefined> {
    const { window } = place;
    const offset = this.position + place.shift;
    if (!window.has(offset, FRAME_HEADER_BYTES) && !(await window.load(offset, FRAME_HEADER_BYTES))) return;
    const header = this.#headerAt(place, offset);
    if (header === undefined) return undefined;
    if (!window.has(offset, header.length) && !(await window.load(offset, header.length))) return undefined;
    return verifyFrame(window.bytes, window.index(offset), header) ? header : undefined;
  }

  /** The same, if the whole frame is in memory. */
  #headerNow(place: Place): FrameHeader | undefined {
    const { window } = place;
    const offset = this.position + place.shift;
    if (!window.has(offset, FRAME_HEADER_BYTES)) return undefined;
    const header = this.#headerAt(place, offset);
    if (header === undefined || !window.has(offset, header.length)) return undefined;
    return verifyFrame(window.bytes, window.index(offset), header) ? header : undefined;
  }

  #headerAt({ window, segment }: Place, offset: number): FrameHeader | undefined {
    const header = readFrameHeader(window.bytes, window.index(offset), this.#tag);
    const isHere = header?.position === this.position && header.segment === segment.number &&
      header.synced <= this.position;
    return isHere ? header : undefined;
  }

  #frame(place: Place, header: FrameHeader): ChainFrame {
    const { window, path, segment } = place;
    return { header, bytes: window.bytes, at: window.index(this.position + place.shift), path, segment };
  }

  /**
   * Takes note of what the frame says of the journal; returns where it goes on when this was the last of its
   * segment.
   */
  #accept(place: Place, header: FrameHeader): { number: number; base: number } | undefined {
    const frame = this.#frame(place, header);
    this.named = Math.max(this.named, header.synced);
    this.closed = false;
    let next: { number: number; base: number } | undefined;
    if (header.length === FRAME_HEADER_BYTES) return undefined;
    const cursor = new ItemCursor(frame.bytes, frame.at, header.length, `journal ${frame.path}`);
    while (cursor.next()) {
      if (cursor.kind === ITEM_CLOSE) this.closed = true;
      else this.contentEnd = this.position + header.length;
      if (cursor.kind === ITEM_FLOOR) this.floor = Math.max(this.floor, cursor.reader.u32());
      if (cursor.kind === ITEM_SEAL) next = { number: cursor.reader.u32(), base: cursor.reader.u48() };
    }
    const isOrdered = next === undefined ||
      (next.number === place.segment.number + 1 && next.base >= this.position + header.length);
    if (!isOrdered) throw this.#corrupt(place.segment.number, "its seal names no later segment");
    return next;
  }

  /** Nothing readable at the present position: the tail, or a gap. */
  async #judgeEnd(place: Place): Promise<void> {
    const position = this.position;
    if (this.fixedEnd !== undefined) {
      const { start } = this.fixedEnd;
      throw this.#gap(position, start, `${END_NAME} names ${start} as synced`);
    }
    this.#checkNames(position);
    const own = await laterNames(place.window, position + place.shift, this.#tag, place.segment.number);
    this.tailBytesIgnored = own.bytes;
    this.#judgeLater(position, place.path, own);
    for (const { number, path } of this.segments) {
      if (number <= place.segment.number) continue;
      const file = await this.#storage.openStream(path, { access: "read" });
      try {
        this.#judgeLater(position, path, await laterNames(new StreamWindow(file), 0, this.#tag, number));
      } finally {
        await file.close();
      }
    }
  }

  #judgeLater(position: number, path: string, later: LaterNames): void {
    if (later.synced > position) {
      throw this.#gap(
        position,
        later.synced,
        `${path} names ${later.synced} as synced, at ${later.position}`,
      );
    }
  }

  #checkNames(position: number): void {
    for (const name of this.#options.verifyNames ?? []) {
      if (name > position) throw this.#gap(position, name, `${name} is named as synced elsewhere`);
    }
  }

  /** Number of the segment to begin with. */
  #firstNumber(from: number): number {
    const least = this.#options.history === true ? 1 : this.floor;
    const first = this.segments.find((segment) => segment.number >= least);
    if (first === undefined) throw this.#gap(0, this.floor, `segment ${this.floor} is missing`);
    return from > 0 ? this.#numberAt(from) : first.number;
  }

  /** Number of the last segment that begins at or below a position. */
  #numberAt(position: number): number {
    let found = this.segments[0]!.number;
    for (const { number, header } of this.segments) {
      if (header !== undefined && header.base <= position) found = number;
    }
    return found;
  }

  #usable(number: number): StoredSegmentHeader {
    const segment = this.segments.find((segment) => segment.number === number);
    if (segment === undefined) throw this.#gap(this.position, this.position, `segment ${number} is missing`);
    if (segment.header === undefined) throw segment.fault!;
    return segment.header;
  }

  #pathOf(number: number): string {
    return `${this.#directory}/${segmentName(number)}`;
  }

  #gap(position: number, named: number, why: string): CohortError {
    const message = `Read journal ${this.#directory}: nothing readable at position ${position}, but ${why}`;
    return new CohortError("JOURNAL_GAP", message, { path: this.#directory, position, named });
  }

  #corrupt(number: number, found: string): CohortError {
    const path = this.#pathOf(number);
    return new CohortError("CORRUPT", `Read journal segment ${path}: ${found}`, { path, found });
  }
}
