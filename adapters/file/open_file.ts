/**
 * One open file: reads on the loop while they are quick, writes on lanes, zero-filling, syncs, and closing
 * once.
 *
 * The descriptor is closed only when nothing is in flight on it: the system hands its number to the next file
 * opened.
 */
import * as fs from "node:fs";
import type { CohortError } from "../../src/ground/errors.ts";
import type { Answer } from "../../src/ports/answer.ts";
import { closedError, readOnlyError } from "../common/storage_arguments.ts";
import { appendZeros } from "./append.ts";
import * as calls from "./calls.ts";
import { type LaneFile, Lanes } from "./lanes.ts";
import { Pace } from "./pace.ts";
import { syncError, systemError } from "./system_error.ts";

/** Reads stay on the loop while they take less than this, in milliseconds (DESIGN D12). */
const READ_MS_MAX = 0.2;
/** A lone committer's sync stays on the loop while it takes less than this, in milliseconds (DESIGN D12). */
const SYNC_MS_MAX = 1;
/**
 * Bytes of zeros written at a time. The page cache keeps what one write brought in one piece, and each later
 * write into a large piece walks all of it: 256 bytes take 1.7 us where this is up to 64 KiB, 2.4 at 256 KiB,
 * 4.8 at a megabyte (ext4).
 */
const FILL_BYTES = 65_536;

let zeros: Uint8Array | undefined;

/** Who opened a file, and what to tell once it is closed. */
export interface OpenedFile extends LaneFile {
  readonly writable: boolean;
  /** Whether any call may run on the loop. */
  readonly onLoop: boolean;
  /** Size in bytes when opened. */
  readonly size: number;
  readonly onClose: (file: OpenFile) => void;
}

/** An open file that has not been closed. */
export class OpenFile {
  readonly path: string;
  protected readonly lanes: Lanes;
  readonly #opened: OpenedFile;
  readonly #readPace: Pace;
  readonly #syncPace: Pace;
  #closed = false;
  #inFlight = 0;
  #onQuiet: (() => void) | undefined;
  #syncFailure: CohortError | undefined;

  constructor(opened: OpenedFile) {
    this.path = opened.path;
    this.#opened = opened;
    this.lanes = new Lanes(opened);
    this.#readPace = new Pace(opened.onLoop ? READ_MS_MAX : 0);
    this.#syncPace = new Pace(opened.onLoop ? SYNC_MS_MAX : 0);
  }

  /** Closes the file once what is in flight has ended. */
  close(): Promise<void> {
    this.checkOpen("close");
    this.#closed = true;
    return this.#close();
  }

  async #close(): Promise<void> {
    if (this.#inFlight > 0) await new Promise<void>((resolve) => this.#onQuiet = resolve);
    try {
      this.lanes.close();
      await calls.close("close", this.path, this.#opened.fd);
    } finally {
      this.#opened.onClose(this);
    }
  }

  protected checkOpen(operation: string): void {
    if (this.#closed) throw closedError(operation, this.path);
  }

  protected checkWritable(operation: string): void {
    if (this.#closed) throw closedError(operation, this.path);
    if (!this.#opened.writable) throw readOnlyError(operation, this.path);
  }

  /** Runs what must end before the file closes. */
  protected async hold<T>(work: () => Promise<T>): Promise<T> {
    this.#inFlight++;
    try {
      return await work();
    } finally {
      if (--this.#inFlight === 0) this.#onQuiet?.();
    }
  }

  /** Reads until `into` is full or the file ends; answers how many bytes. */
  protected readAt(operation: string, position: number, into: Uint8Array): Answer<number> {
    if (!this.#readPace.onLoop()) return this.hold(() => this.#readLater(operation, position, into));
    const start = performance.now();
    try {
      const count = fs.readSync(this.#opened.fd, into, 0, into.length, position);
      return count === into.length || count === 0 ? count : this.#readRest(operation, position, into, count);
    } catch (error) {
      throw systemError(operation, this.path, error, position);
    } finally {
      this.#readPace.took(performance.now() - start);
    }
  }

  #readRest(operation: string, position: number, into: Uint8Array, done: number): number {
    try {
      for (let count = 1; count > 0 && done < into.length; done += count) {
        count = fs.readSync(this.#opened.fd, into, done, into.length - done, position + done);
      }
    } catch (error) {
      throw systemError(operation, this.path, error, position + done);
    }
    return done;
  }

  async #readLater(operation: string, position: number, into: Uint8Array): Promise<number> {
    let done = 0;
    for (let count = 1; count > 0 && done < into.length; done += count) {
      count = await new Promise<number>((resolve, reject) => {
        const at = position + done;
        fs.read(this.#opened.fd, into, done, into.length - done, at, (error, count) => {
          if (error) reject(systemError(operation, this.path, error, at));
          else resolve(count);
        });
      });
    }
    return done;
  }

  /** Writes all of `bytes` on the loop, going on after short writes. */
  protected writeNow(operation: string, position: number, bytes: Uint8Array): void {
    let done = 0;
    try {
      while (done < bytes.length) {
        const count = fs.writeSync(this.#opened.fd, bytes, done, bytes.length - done, position + done);
        if (count <= 0) throw new Error("wrote nothing");
        done += count;
      }
    } catch (error) {
      throw systemError(operation, this.path, error, position + done);
    }
  }

  /** Size in bytes now. */
  protected async sizeNow(operation: string): Promise<number> {
    return (await this.hold(() => calls.status(operation, this.path, this.#opened.fd))).size;
  }

  protected identityNow(operation: string): Promise<string> {
    return this.hold(() => calls.identity(operation, this.path, this.#opened.fd));
  }

  /**
   * Fills bytes `from` to `to`, which end the file, with zeros that take real space; cuts them off if it
   * cannot. Nobody else may lengthen the file meanwhile.
   */
  protected async fill(operation: string, from: number, to: number): Promise<void> {
    const source = zeros ??= new Uint8Array(FILL_BYTES);
    try {
      await this.lanes.run(Math.ceil((to - from) / FILL_BYTES), (lane, index) => {
        const at = from + index * FILL_BYTES;
        return lane.write(operation, at, at + FILL_BYTES <= to ? source : source.subarray(0, to - at));
      });
    } catch (error) {
      // Give back what was taken: others, the journal first, need it more than a growth that failed.
      await calls.truncate(operation, this.path, this.#opened.fd, from).catch(() => {});
      throw error;
    }
  }

  /** Lengthens a file that others lengthen, too, with zeros that take real space. */
  protected append(operation: string, to: number): Promise<void> {
    return appendZeros(operation, this.#opened, to, zeros ??= new Uint8Array(FILL_BYTES));
  }

  /**
   * Makes what was written durable, on the loop when `onLoop` and recent ones were quick. A failure is for
   * good.
   */
  protected syncNow(operation: string, onLoop: boolean): Answer<void> {
    if (this.#syncFailure !== undefined) throw this.#syncFailure;
    if (!onLoop || !this.#syncPace.onLoop()) return this.hold(() => this.#syncLater(operation));
    const start = performance.now();
    try {
      fs.fdatasyncSync(this.#opened.fd);
    } catch (error) {
      throw this.#syncFailure ??= syncError(operation, this.path, error);
    } finally {
      this.#syncPace.took(performance.now() - start);
    }
  }

  async #syncLater(operation: string): Promise<void> {
    try {
      await calls.syncData(operation, this.path, this.#opened.fd);
    } catch (error) {
      throw this.#syncFailure ??= error as CohortError;
    }
    if (this.#syncFailure !== undefined) throw this.#syncFailure;
  }
}
