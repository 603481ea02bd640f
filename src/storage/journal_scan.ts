/**
 * JournalScan: the redo groups of a journal in order, for replay and for tools, in bounded memory.
 *
 * Checks what a journal promises of itself: stamps rise and stay below the ceiling of their segment, and
 * every record names a volume of the table. Whether a group applies to its blocks is the business of
 * `replay_rule.ts`.
 */
import { CohortError, isCode } from "../ground/errors.ts";
import type { Storage } from "../ports/mod.ts";
import { type ChainFrame, type ChainOptions, JournalChain } from "./journal_chain.ts";
import { ITEM_GROUP, ITEM_MARK, ITEM_VOLUME } from "./journal_frame.ts";
import { ItemCursor, readGroup, type ScannedGroup } from "./journal_items.ts";
import { type JournalVolume, readVolume } from "./journal_segment.ts";

/** Times that a living journal is looked at anew because its author dropped segments meanwhile. */
const TRIES_MAX = 64;

/** A mark met on the way. */
export interface ScannedMark {
  readonly text: string;
  /** Milliseconds since 1970 when it was left. */
  readonly wallMs: number;
  /** Position behind it. */
  readonly position: number;
}

/** How to scan. */
export interface ScanOptions extends ChainOptions {
  /** Told of each mark. */
  readonly onMark?: (mark: ScannedMark) => void;
  /**
   * Position behind the last group that is wanted, of a journal whose author lives and writes on: up to there
   * it is synced, and no group behind it is looked at. What the author drops meanwhile is passed over.
   */
  readonly until?: number;
  /**
   * Position below which nothing is wanted; of the same journal. The first of its segment is where it begins.
   */
  readonly from?: number;
}

/** What a whole scan found. */
export interface ScanReport {
  /** Incarnation of the journal: 32 hexadecimal digits. */
  readonly incarnation: string;
  /** Recovery begins above this stamp: the highest ceiling of any segment header. */
  readonly ceiling: number;
  /** Position where the journal ends. */
  readonly end: number;
  /** Highest position that the journal itself names as synced. */
  readonly named: number;
  /** Bytes behind the end that were never synced and are no part of it. */
  readonly tailBytesIgnored: number;
  /** The volume table. */
  readonly volumes: readonly JournalVolume[];
  /** True when its author closed it. */
  readonly closed: boolean;
  readonly groups: number;
  /** Stamp of the last group, 0 without any. */
  readonly lastStamp: number;
}

/** Scans the journal in `directory`. Nothing is read before the first group is asked for. */
export function scanJournal(storage: Storage, directory: string, options: ScanOptions = {}): JournalScan {
  return new JournalScan(storage, directory, options);
}

/** One pass over a journal; iterate it once. */
export class JournalScan implements AsyncIterable<ScannedGroup> {
  /** The volume table as far as read: complete for every group already met. */
  readonly volumes: JournalVolume[] = [];
  readonly #storage: Storage;
  readonly #directory: string;
  readonly #options: ScanOptions;
  #report: ScanReport | undefined;
  #groups = 0;
  #lastStamp = 0;
  /** Position behind the last item that was passed. */
  #passed = 0;
  /** Whether all that is wanted has been passed. */
  #isBehind = false;

  /** Use {@linkcode scanJournal}. */
  constructor(storage: Storage, directory: string, options: ScanOptions) {
    this.#storage = storage;
    this.#directory = directory;
    this.#options = options;
  }

  /** What was found; undefined before the last group was passed. */
  get report(): ScanReport | undefined {
    return this.#report;
  }

  /**
   * The groups in position order. Throws `JOURNAL_GAP` for what must be there and is not, `CORRUPT` for
   * damage, `FORMAT_NEWER`, `NOT_FOUND` for a directory without segments, and what the storage throws. Of a
   * journal whose author lives, segments that go meanwhile are passed over if it says that it dropped them.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<ScannedGroup> {
    for await (const batch of this.batches()) yield* batch;
  }

  /** The same, as many at once as were read; they live until the next are asked for. */
  async *batches(): AsyncGenerator<readonly ScannedGroup[]> {
    for (let tries = 1;; tries++) {
      try {
        return yield* this.#pass();
      } catch (error) {
        if (!this.#mayPass(error) || tries === TRIES_MAX) throw error;
      }
    }
  }

  /** Whether it may be that the author of a living journal dropped, or wrote, what was just read. */
  #mayPass(error: unknown): boolean {
    if (this.#options.until === undefined) return false;
    return isCode(error, "NOT_FOUND") ||
      (this.#isBehind && (isCode(error, "JOURNAL_GAP") || isCode(error, "CORRUPT")));
  }

  /** The groups that have not been passed yet, by the segments that there are now. */
  async *#pass(): AsyncGenerator<readonly ScannedGroup[]> {
    this.#isBehind = false;
    const chain = await JournalChain.open(this.#storage, this.#directory, this.#options);
    for (const { header } of chain.segments) {
      for (const volume of header?.volumes ?? []) this.#addVolume(volume);
    }
    const { until = Infinity, from = 0 } = this.#options;
    for await (const frames of chain.batches(from)) {
      yield* this.#groupsOf(frames, until);
      // Behind it only that is looked for which says that what is gone was dropped.
      if (this.#isBehind && !chain.lacksSegments) break;
    }
    this.#report = {
      incarnation: chain.incarnation,
      ceiling: chain.ceiling,
      end: chain.position,
      named: chain.named,
      tailBytesIgnored: chain.tailBytesIgnored,
      volumes: this.volumes,
      closed: chain.closed,
      groups: this.#groups,
      lastStamp: this.#lastStamp,
    };
  }

  /** The groups of frames; what is wrong with one of them is told after those before it. */
  *#groupsOf(frames: readonly ChainFrame[], until: number): Generator<readonly ScannedGroup[]> {
    let groups: ScannedGroup[] = [];
    let fault: { readonly error: unknown } | undefined;
    for (const frame of frames) {
      if (this.#isBehind || fault !== undefined) break;
      const cursor = new ItemCursor(frame.bytes, frame.at, frame.header.length, `journal ${frame.path}`);
      try {
        while (cursor.next()) {
          const position = frame.header.position + cursor.end - frame.at;
          if (position <= this.#passed) continue;
          this.#passed = position;
          if (cursor.kind === ITEM_GROUP) groups.push(this.#check(readGroup(cursor.reader, position), frame));
          else {
            // A mark is told between the groups that it stands between.
            if (groups.length > 0) yield groups;
            groups = [];
            this.#note(cursor, position);
          }
        }
      } catch (error) {
        fault = { error };
      }
      this.#isBehind = frame.header.position + frame.header.length >= until;
    }
    if (groups.length > 0) yield groups;
    if (fault !== undefined) throw fault.error;
  }

  /** Takes note of an item that is no group. */
  #note(cursor: ItemCursor, position: number): void {
    const { reader } = cursor;
    if (cursor.kind === ITEM_VOLUME) this.#addVolume(readVolume(reader));
    if (cursor.kind === ITEM_MARK) {
      const wallMs = reader.u48();
      const text = new TextDecoder().decode(reader.view(reader.u16()));
      this.#options.onMark?.({ text, wallMs, position });
    }
  }

  #addVolume(volume: JournalVolume): void {
    const known = this.volumes[volume.index];
    if (known === undefined) {
      this.volumes[volume.index] = volume;
    } else if (known.id !== volume.id || known.incarnation !== volume.incarnation) {
      throw this.#corrupt(0, `volume ${volume.index} is both ${known.id} and ${volume.id}`);
    }
  }

  #check(group: ScannedGroup, frame: ChainFrame): ScannedGroup {
    const { stamp } = group;
    if (stamp <= this.#lastStamp || stamp > frame.segment.ceiling) {
      const range = `above ${this.#lastStamp} and at most ${frame.segment.ceiling}`;
      throw this.#corrupt(group.position, `stamp ${stamp} is not ${range}`);
    }
    for (const { volumeIndex } of group.records) {
      if (this.volumes[volumeIndex] === undefined) {
        throw this.#corrupt(group.position, `volume ${volumeIndex} is not in the table`);
      }
    }
    this.#lastStamp = stamp;
    this.#groups++;
    return group;
  }

  #corrupt(position: number, found: string): CohortError {
    const message = `Read journal ${this.#directory}: ${found}, before position ${position}`;
    return new CohortError("CORRUPT", message, { path: this.#directory, position, found });
  }
}
