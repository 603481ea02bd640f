/**
 * JournalFiles: the segment files of a living journal: the one that fills, the one being prepared, those
 * kept.
 *
 * A segment covers a fixed range of positions, so the next one can be created, given space and its header
 * synced while the present one still fills. Space is taken in steps ahead of the position, not for a whole
 * segment at once.
 */
import { invariant } from "../ground/errors.ts";
import { STAMP_MAX } from "../ground/limits.ts";
import type { Answer, Clock, Storage, StreamFile } from "../ports/mod.ts";
import { isPending } from "../ports/mod.ts";
import { FRAME_ALIGN } from "./journal_frame.ts";
import {
  encodeSegmentHeader,
  type JournalVolume,
  type SegmentHeader,
  segmentName,
} from "./journal_segment.ts";
import type { SegmentBegun, SegmentFollower } from "./segment_follower.ts";
import { syncFailed } from "./journal_waiters.ts";

/** How far a segment's stamp ceiling lies above the highest stamp known when its header is written. */
export const STAMPS_PER_SEGMENT: number = 2 ** 24;
/**
 * Bytes at a segment's end (and at the end of its reserved space) that no group may take: seal, marks of idle
 * time.
 */
export const SEGMENT_SLACK_BYTES = 1024;

const DAY_MS = 86_400_000;

/**
 * How long dropped segments stay: a file goes when it is older than `days` and not among the newest `keep`.
 */
export interface JournalHistory {
  readonly days: number;
  readonly keep: number;
}

/** One segment of a living journal. */
export interface SegmentInfo {
  readonly number: number;
  readonly path: string;
  /** Position of its first frame. */
  readonly base: number;
  /** Position behind its last frame; of the filling segment, behind what was written. */
  readonly end: number;
  /** True when nothing is added any more. */
  readonly sealed: boolean;
}

/** What a journal's files need to know. */
export interface JournalFilesOptions {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly directory: string;
  readonly incarnation: string;
  readonly segmentBytes: number;
  readonly reserveBytes: number;
  readonly firstReserveBytes: number;
  readonly session: number;
  readonly history: JournalHistory | undefined;
}

/** A segment that is written to. */
export class OpenSegment {
  readonly file: StreamFile;
  readonly header: SegmentHeader;
  readonly headerBytes: number;
  /** Position behind which nothing may lie: the base of the next segment. */
  readonly limit: number;
  /** Position up to which space is allocated. */
  reserved: number;

  constructor(file: StreamFile, header: SegmentHeader, headerBytes: number, segmentBytes: number) {
    this.file = file;
    this.header = header;
    this.headerBytes = headerBytes;
    this.limit = header.base + segmentBytes - headerBytes;
    this.reserved = header.base;
  }

  /** Place of a position in the file. */
  offset(position: number): number {
    return this.headerBytes + position - this.header.base;
  }

  /** Position up to which groups may be admitted now. */
  get usable(): number {
    return Math.min(this.limit, this.reserved) - SEGMENT_SLACK_BYTES;
  }

  /** Allocates space up to a position (at most `limit`). */
  reserve(position: number): Answer<void> {
    const answer = this.file.reserve(this.offset(position));
    if (isPending(answer)) {
      return answer.then(() => {
        this.reserved = position;
      });
    }
    this.reserved = position;
  }
}

/** The segment files of one incarnation. */
export class JournalFiles {
  /** Where frames are written and synced. */
  writing: OpenSegment;
  /**
   * Where groups are collected for: `writing`, or its successor while the seal of `writing` is not yet safe.
   */
  filling: OpenSegment;
  /** The successor of `filling`, its header synced. */
  next: OpenSegment | undefined;
  /** First segment that recovery may still need. */
  floor = 1;
  /** Who is told which files there are. */
  #follower: SegmentFollower | undefined;
  readonly #options: JournalFilesOptions;
  #sealed: Array<SegmentInfo & { readonly ceiling: number }> = [];
  #history: { readonly number: number; readonly sealedMs: number }[] = [];
  #nextFile: StreamFile | undefined;
  /** Bytes of all segments before `filling`: positions say nothing of that, a segment may end early. */
  #before = 0;

  private constructor(options: JournalFilesOptions, first: OpenSegment) {
    this.#options = options;
    this.writing = first;
    this.filling = first;
  }

  /** Makes the first segment of a new journal: header and first space durable when it resolves. */
  static async create(options: JournalFilesOptions, firstStamp: number): Promise<JournalFiles> {
    const path = `${options.directory}/${segmentName(1)}`;
    const file = await options.storage.openStream(path, { access: "write", create: true });
    const start = { number: 1, base: 0, floor: 1, volumes: [] };
    try {
      return new JournalFiles(options, await writeHeader(options, file, start, firstStamp, 0));
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Position up to which the space of `filling` should be allocated for `needed` to be usable. */
  reserveTarget(needed: number): number {
    const ahead = this.filling.reserved + this.#stepAt(needed);
    const step = Math.max(needed + SEGMENT_SLACK_BYTES, ahead);
    return Math.min(this.filling.limit, Math.ceil(step / FRAME_ALIGN) * FRAME_ALIGN);
  }

  /** Whether less than half a step of space is left behind `end`. */
  isSpaceLow(end: number): boolean {
    return this.filling.usable - end < this.#stepAt(end) / 2;
  }

  #stepAt(position: number): number {
    return stepAfter(this.#options, this.#before + position - this.filling.header.base);
  }

  /** Whether `next` may take over: its ceiling admits `stamp` and its table names every volume. */
  isNextReady(stamp: number, volumes: readonly JournalVolume[]): boolean {
    const header = this.next?.header;
    return header !== undefined && header.ceiling >= stamp && header.volumes.length === volumes.length;
  }

  /** Makes `next`, or makes it anew for a higher stamp or a longer table. One call at a time. */
  async prepare(stamp: number, volumes: readonly JournalVolume[]): Promise<void> {
    const { storage, directory } = this.#options;
    const { header, limit } = this.filling;
    const number = header.number + 1;
    this.next = undefined;
    if (this.#follower !== undefined) {
      await this.#follower.begins({ number, base: limit, stamp, ceiling: ceilingOver(stamp) });
    }
    const options = { access: "write", create: true } as const;
    this.#nextFile ??= await storage.openStream(`${directory}/${segmentName(number)}`, options);
    const start = { number, base: limit, floor: this.floor, volumes: [...volumes] };
    const taken = this.#before + this.filling.reserved - header.base;
    this.next = await writeHeader(this.#options, this.#nextFile, start, stamp, taken);
  }

  /** Lets `next` fill while `writing` is sealed. */
  fillNext(): OpenSegment {
    const next = this.next;
    invariant(next !== undefined && this.filling === this.writing, "A rotation has one prepared segment");
    this.filling = next;
    this.next = undefined;
    this.#nextFile = undefined;
    return next;
  }

  /** Ends a rotation: `writing`, safe up to `end`, is closed and `filling` takes its place. */
  finishRotation(end: number): Answer<void> {
    const { header, file } = this.writing;
    const { number, base, ceiling } = header;
    this.#sealed.push({ number, path: file.path, base, end, sealed: true, ceiling });
    this.#history.push({ number, sealedMs: this.#options.clock.wallMs() });
    this.#follower?.ended(number, end);
    this.#before += end - base;
    this.writing = this.filling;
    return file.close();
  }

  /** Segments that recovery may still need, oldest first; `end` is the end of what was written. */
  list(end: number): SegmentInfo[] {
    const { header, file } = this.writing;
    return [
      ...this.#sealed,
      { number: header.number, path: file.path, base: header.base, end, sealed: false },
    ];
  }

  /**
   * Forgets the segments below `floor`, which must be durable, and removes those that history does not keep.
   */
  async release(floor: number): Promise<void> {
    this.#sealed = this.#sealed.filter((segment) => segment.number >= floor);
    if (this.#follower !== undefined) await this.#follower.dropped(floor);
    await this.purge();
  }

  /**
   * Tells somebody which files come and go from now on. Answers those that there are: dropped ones are not
   * among them, the one that is or will be prepared is.
   */
  follow(follower: SegmentFollower): readonly FollowedSegment[] {
    this.#follower = follower;
    const open = this.filling === this.writing ? [this.writing] : [this.writing, this.filling];
    const { header, limit } = this.filling;
    const next = {
      number: header.number + 1,
      base: limit,
      ceiling: this.next?.header.ceiling ?? header.ceiling,
    };
    return [...this.#sealed, ...open.map((it) => it.header), next].map((it) => ({
      number: it.number,
      base: it.base,
      stamp: Math.max(0, it.ceiling - STAMPS_PER_SEGMENT),
      ceiling: it.ceiling,
      end: "end" in it ? it.end : undefined,
    }));
  }

  /** Removes dropped segments that history does not keep. */
  async purge(): Promise<void> {
    const { storage, clock, directory, history } = this.#options;
    const oldestMs = clock.wallMs() - (history?.days ?? 0) * DAY_MS;
    for (;;) {
      const dropped = this.#history.filter((segment) => segment.number < this.floor);
      const first = dropped[0];
      if (first === undefined || dropped.length <= (history?.keep ?? 0)) return;
      if (history !== undefined && first.sealedMs > oldestMs) return;
      await storage.remove(`${directory}/${segmentName(first.number)}`);
      this.#history = this.#history.filter((segment) => segment !== first);
      this.#follower?.gone(first.number);
    }
  }

  /** Closes what is open. */
  async close(): Promise<void> {
    await this.writing.file.close();
    if (this.filling !== this.writing) await this.filling.file.close();
    await this.#nextFile?.close();
  }
}

/**
 * Bytes of space to take when so many were written: as many again, within bounds. A new journal is made at
 * once, and whoever recovers a small one has little to read.
 */
function stepAfter({ firstReserveBytes, reserveBytes }: JournalFilesOptions, written: number): number {
  return Math.min(reserveBytes, Math.max(firstReserveBytes, written));
}

/** A segment that somebody begins to follow; `end` of one to which nothing is added any more. */
export interface FollowedSegment extends SegmentBegun {
  readonly end: number | undefined;
}

/** The ceiling of a segment whose header is made when `stamp` is the highest known. */
function ceilingOver(stamp: number): number {
  return Math.min(STAMP_MAX, stamp + STAMPS_PER_SEGMENT);
}

type SegmentStart = Pick<SegmentHeader, "number" | "base" | "floor" | "volumes">;

/** Writes a header, takes the first step of space, by what was written before, and syncs both. */
async function writeHeader(
  options: JournalFilesOptions,
  file: StreamFile,
  start: SegmentStart,
  stamp: number,
  written: number,
): Promise<OpenSegment> {
  const header: SegmentHeader = {
    ...start,
    incarnation: options.incarnation,
    previous: start.number - 1,
    ceiling: ceilingOver(stamp),
    wallMs: options.clock.wallMs(),
    session: options.session,
  };
  const bytes = encodeSegmentHeader(header);
  const segment = new OpenSegment(file, header, bytes.length, options.segmentBytes);
  await file.write(0, bytes);
  const step = Math.max(stepAfter(options, written), 2 * SEGMENT_SLACK_BYTES);
  await segment.reserve(Math.min(segment.limit, header.base + step));
  try {
    await file.sync(false);
  } catch (error) {
    throw syncFailed(file.path, error);
  }
  return segment;
}
