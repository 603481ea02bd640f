/**
 * Cluster journal log: which journal files each member has, in one small file a member beside the views. Each
 * writes its own, so nobody appends where another does; who wants to know the journals of the whole cluster
 * reads them all (`journal_log_read.ts`).
 *
 * A file is named here before it is made, and a segment's end of use before it is removed, so whatever a kill
 * leaves is named. It is for people, and for who restores; recovery does without, and a log that cannot be
 * written holds nobody up: it is written anew, as a whole, once it can be.
 */
import { CohortError } from "../ground/errors.ts";
import type { Clock, Observer, Storage, StreamFile } from "../ports/mod.ts";
import type { FollowedSegment } from "../storage/journal_files.ts";
import type { SegmentBegun, SegmentFollower } from "../storage/segment_follower.ts";
import {
  encodeLogRecord,
  journalLogHead,
  type LogOwner,
  type LogRecord,
  type LogRound,
  type LogView,
} from "./journal_log_record.ts";

/** Bytes beyond what it began with after which a log is begun anew, with what still stands. */
const LOG_BYTES_MAX = 65_536;

const NAME = /^journal_log\.([0-9a-f]{32})\.([1-9][0-9]{0,8})$/;

/** Name of a log's file: the `generation`-th of an incarnation. */
export function journalLogName(incarnation: string, generation: number): string {
  return `journal_log.${incarnation}.${generation}`;
}

/** Whose log the file of this name is, and the how manieth; undefined for another file. */
export function journalLogOf(name: string): { incarnation: string; generation: number } | undefined {
  const [, incarnation, generation] = NAME.exec(name) ?? [];
  return incarnation === undefined ? undefined : { incarnation, generation: Number(generation) };
}

/** What a log needs. */
export interface JournalLogWorld {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly observer: Observer;
  /** The PIJ directory. */
  readonly directory: string;
  readonly owner: LogOwner;
}

interface Segment {
  readonly begun: LogRecord;
  ended: LogRecord | undefined;
}

/** The log of one member, which alone writes it. */
export class JournalLog implements SegmentFollower {
  /** The PIJ directory. */
  readonly directory: string;
  readonly #world: JournalLogWorld;
  readonly #segments = new Map<number, Segment>();
  /** The view it joined in, the one it is in, and how it left. */
  #views: LogRecord[] = [];
  #floor: LogRecord | undefined;
  #round: LogRecord | undefined;
  #view = 0;
  #file: StreamFile | undefined;
  #generation = 0;
  #size = 0;
  #sizeMax = 0;
  #turn: Promise<void> = Promise.resolve();
  #isFailing = false;
  #isClosed = false;

  constructor(world: JournalLogWorld) {
    this.#world = world;
    this.directory = world.directory;
  }

  /** Begins it with the segments that there are; nothing of them is durable before this resolves. */
  async start(segments: readonly FollowedSegment[]): Promise<void> {
    for (const segment of segments) {
      this.#note({ kind: "begun", segment, view: this.#view });
      if (segment.end !== undefined) this.#note({ kind: "ended", number: segment.number, end: segment.end });
    }
    await this.#inTurn(() => this.#renew());
  }

  /** The member is in a view. */
  entered(entered: LogView): void {
    if (entered.view <= this.#view) return;
    this.#view = entered.view;
    void this.#tell({ kind: "view", entered });
  }

  /** The member left in good order, by that view. */
  left(view: number, position: number): void {
    void this.#tell({ kind: "left", view, position });
  }

  /** A round of checkpoints came to its end; resolves when that is durable, or could not be written. */
  round(round: LogRound): Promise<void> {
    return this.#tell({ kind: "round", round });
  }

  begins(segment: SegmentBegun): Promise<void> {
    return this.#tell({ kind: "begun", segment, view: this.#view });
  }

  ended(number: number, end: number): void {
    void this.#tell({ kind: "ended", number, end });
  }

  dropped(floor: number): Promise<void> {
    return this.#tell({ kind: "floor", floor });
  }

  gone(number: number): void {
    this.#segments.delete(number);
  }

  /** Ends it; its files stay as long as the journal that they name (`removeJournalLog`). */
  close(): Promise<void> {
    return this.#inTurn(() => {
      this.#isClosed = true;
      return this.#closeFile();
    });
  }

  /** Adds what was learned to what a new file begins with. */
  #note(said: Said): LogRecord {
    const record = { ...said, wallMs: this.#world.clock.wallMs() } as LogRecord;
    switch (record.kind) {
      case "begun":
        this.#segments.set(record.segment.number, { begun: record, ended: undefined });
        break;
      case "ended": {
        const segment = this.#segments.get(record.number);
        if (segment !== undefined) segment.ended = record;
        break;
      }
      case "floor":
        this.#floor = record;
        break;
      case "round":
        this.#round = record;
        break;
      default:
        this.#views = [...this.#views.slice(0, 1), record];
    }
    return record;
  }

  async #tell(said: Said): Promise<void> {
    const record = this.#note(said);
    await this.#inTurn(async () => {
      const bytes = encodeLogRecord(record);
      if (this.#file === undefined || this.#size + bytes.length > this.#sizeMax) return await this.#renew();
      await this.#file.write(this.#size, bytes);
      this.#size += bytes.length;
      await this.#file.sync(false);
    });
  }

  /** One after the other; what the storage refuses is told once, and made good by the next that comes. */
  #inTurn(task: () => Promise<void>): Promise<void> {
    const run = async (): Promise<void> => {
      if (this.#isClosed) return;
      try {
        await task();
        this.#isFailing = false;
      } catch (error) {
        if (!(error instanceof CohortError)) throw error;
        await this.#closeFile().catch(() => {});
        const { observer, directory } = this.#world;
        if (!this.#isFailing) {
          observer.event("journal_log.failed", "warn", { directory, code: error.code, cause: error.message });
        }
        this.#isFailing = true;
      }
    };
    const turn = this.#turn.then(run);
    this.#turn = turn.catch(() => {});
    return turn;
  }

  /** Begins a new file with all that stands; those before it go once it is durable. */
  async #renew(): Promise<void> {
    const { storage, directory, owner } = this.#world;
    await this.#closeFile();
    this.#generation = Math.max(this.#generation, await newestGeneration(storage, directory, owner)) + 1;
    const bytes = this.#snapshot();
    const path = `${directory}/${journalLogName(owner.incarnation, this.#generation)}`;
    const file = await storage.openStream(path, { access: "write", create: true });
    this.#file = file;
    await file.write(0, bytes);
    await file.sync(false);
    this.#size = bytes.length;
    this.#sizeMax = bytes.length + LOG_BYTES_MAX;
    await removeJournalLog(storage, directory, owner.incarnation, this.#generation);
  }

  #snapshot(): Uint8Array {
    const segments = [...this.#segments.values()].flatMap(({ begun, ended }) => [begun, ended]);
    const all = [...this.#views, ...segments, this.#floor, this.#round].filter((it) => it !== undefined);
    const wallMs = this.#world.clock.wallMs();
    const first: LogRecord = { kind: "owner", owner: this.#world.owner, snapshot: all.length, wallMs };
    const parts = [journalLogHead(), ...[first, ...all].map(encodeLogRecord)];
    const bytes = new Uint8Array(parts.reduce((sum, it) => sum + it.length, 0));
    let at = 0;
    for (const part of parts) {
      bytes.set(part, at);
      at += part.length;
    }
    return bytes;
  }

  async #closeFile(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }
}

/** A record but for its time. */
type Said = LogRecord extends infer R ? R extends LogRecord ? Omit<R, "wallMs"> : never : never;

async function newestGeneration(storage: Storage, directory: string, owner: LogOwner): Promise<number> {
  const own = (await storage.list(directory)).map(journalLogOf).filter((it) =>
    it?.incarnation === owner.incarnation
  );
  return Math.max(0, ...own.map((it) => it!.generation));
}

/** Removes the files of a log, those below a generation; by default all. */
export async function removeJournalLog(
  storage: Storage,
  directory: string,
  incarnation: string,
  below: number = Infinity,
): Promise<void> {
  for (const name of await storage.list(directory)) {
    const log = journalLogOf(name);
    if (log?.incarnation !== incarnation || log.generation >= below) continue;
    await storage.remove(`${directory}/${name}`);
  }
}
