/** A stream in a file: small writes on the loop while they are quick, space allocated ahead. */
import { setImmediate } from "node:timers";
import type { Answer, StreamFile } from "../../src/ports/mod.ts";
import { checkCount } from "../common/storage_arguments.ts";
import { type OpenedFile, OpenFile } from "./open_file.ts";
import { Pace } from "./pace.ts";

/**
 * A stream write made on the loop waits for its next turn once in so many milliseconds. Who awaits one
 * relaxed write after the other lives on microtasks alone, and the loop would never turn: no timer would
 * fire, and nothing written or synced off the loop would ever be known to have ended.
 */
const TURN_MS = 1;
/**
 * Deno looks for what sockets have only every 61st turn while there is always something to do: a neighbour
 * waited 60 ms for a block of a member that was busy so. Waiting for the thread pool once in so many
 * milliseconds lets it look, at the price of about half a millisecond.
 */
const REST_MS = 20;
/** Whether the runtime is one that must rest. */
const MUST_REST = "Deno" in globalThis;
/** Longest stream write made on the loop, in bytes: 64 KiB took 12 to 16 us into the page cache. */
const WRITE_ON_LOOP_BYTES_MAX = 65_536;
/**
 * Stream writes stay on the loop while they take less than this on average, in milliseconds. Into the page
 * cache they take microseconds, until it is full and they take many milliseconds; in between lie the slices
 * of a busy processor, which a write off the loop waits for more often.
 */
const WRITE_MS_MAX = 1;

/** An open stream. */
export class FileStream extends OpenFile implements StreamFile {
  readonly #writePace: Pace;
  /** When a write is to wait for the loop's next turn, in milliseconds. */
  #turnDue = 0;
  /** When a write is to wait for the thread pool, in milliseconds. */
  #restDue = MUST_REST ? 0 : Infinity;
  /** Bytes up to where something was written or reserved, as far as this handle knows. */
  #end: number;
  /**
   * The reservation under way: what would be written beyond `#end` waits for it, lest its zeros come later.
   */
  #reserving: Promise<void> | undefined;

  constructor(opened: OpenedFile) {
    super(opened);
    this.#writePace = new Pace(opened.onLoop ? WRITE_MS_MAX : 0);
    this.#end = opened.size;
  }

  write(position: number, bytes: Uint8Array): Answer<void> {
    const operation = "write a stream";
    this.checkWritable(operation);
    checkCount(operation, "position", position);
    if (bytes.length === 0) return;
    if (position + bytes.length > this.#end) {
      if (this.#reserving !== undefined) return this.#writeAfter(this.#reserving, position, bytes);
      this.#end = position + bytes.length;
    }
    if (bytes.length > WRITE_ON_LOOP_BYTES_MAX || !this.#writePace.onLoop()) {
      return this.hold(() => this.lanes.run(1, (lane) => lane.write(operation, position, bytes)));
    }
    const start = performance.now();
    let end = start;
    try {
      this.writeNow(operation, position, bytes);
    } finally {
      end = performance.now();
      this.#writePace.took(end - start);
    }
    if (end < this.#turnDue) return;
    this.#turnDue = end + TURN_MS;
    if (end < this.#restDue) return this.hold(nextTurn);
    this.#restDue = end + REST_MS;
    return this.hold(async () => void await this.sizeNow(operation));
  }

  read(position: number, into: Uint8Array): Answer<number> {
    this.checkOpen("read a stream");
    checkCount("read a stream", "position", position);
    return this.readAt("read a stream", position, into);
  }

  sync(lone: boolean): Answer<void> {
    this.checkOpen("sync a stream");
    return this.syncNow("sync a stream", lone);
  }

  async reserve(bytes: number): Promise<void> {
    const operation = "reserve a stream";
    this.checkWritable(operation);
    checkCount(operation, "number of bytes", bytes);
    while (this.#reserving !== undefined) await this.#reserving;
    if (bytes <= this.#end) return;
    this.checkWritable(operation);
    const reservation = this.hold(async () => {
      const from = Math.max(this.#end, await this.sizeNow(operation));
      if (from < bytes) await this.fill(operation, from, bytes);
      this.#end = Math.max(from, bytes);
      await this.syncNow(operation, false);
    });
    this.#reserving = reservation.catch(() => {}).then(() => this.#reserving = undefined);
    await reservation;
  }

  async size(): Promise<number> {
    this.checkOpen("size of a stream");
    return await this.sizeNow("size of a stream");
  }

  async identity(): Promise<string> {
    this.checkOpen("identity of a stream");
    return await this.identityNow("identity of a stream");
  }

  async #writeAfter(reservation: Promise<void>, position: number, bytes: Uint8Array): Promise<void> {
    await this.hold(async () => {
      await reservation;
      await this.write(position, bytes);
    });
  }
}

/** Resolves once the loop has turned. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
