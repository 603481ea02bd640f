/**
 * One end of a stream of bytes over a MessagePort of `node:worker_threads`.
 *
 * Bytes are given away with the buffer they lie in, so nothing is copied. They travel as a pair of buffer and
 * length, for Deno looks at every element of a typed array that it is sent: 60 ms a megabyte, against 0.1 ms.
 *
 * A port has no bound and tells nobody what has arrived. So both ends share two words of memory, where each
 * counts the bytes that it has taken: what was written and is not counted there waits on the way.
 */
import type { MessagePort } from "node:worker_threads";
import type { Pipe, PipeEvents } from "./link_interconnect.ts";

/** Which of the two words an end counts in: 0 is the end that was called, 1 the one that called. */
export type PipeEnd = 0 | 1;

/** Both words of a new pipe. */
export function newPipeWords(): Int32Array<SharedArrayBuffer> {
  return new Int32Array(new SharedArrayBuffer(8));
}

/** Whether something that came over a port can be the words of a pipe. */
export function isPipeWords(value: unknown): value is Int32Array<SharedArrayBuffer> {
  return value instanceof Int32Array && value.buffer instanceof SharedArrayBuffer && value.length === 2;
}

/** A pipe over a port. */
export class WorkerPipe implements Pipe {
  /** Number of the member at the other end, as the hub counts them. */
  readonly other: number;
  /** Resolves when the port is closed. */
  readonly closed: Promise<void>;
  readonly #port: MessagePort;
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #end: PipeEnd;
  #events: PipeEvents | undefined;
  #written = 0;
  #taken = 0;
  #isOver = false;

  constructor(port: MessagePort, words: Int32Array<SharedArrayBuffer>, end: PipeEnd, other: number) {
    this.#port = port;
    this.#words = words;
    this.#end = end;
    this.other = other;
    this.closed = new Promise((resolve) =>
      port.once("close", () => {
        this.lose("the other end has closed");
        resolve();
      })
    );
  }

  get pendingBytes(): number {
    // Both count in 32 bits and wrap around alike; far less than 2^31 is ever on the way.
    return Math.max(0, (this.#written - Atomics.load(this.#words, 1 - this.#end)) | 0);
  }

  begin(events: PipeEvents): void {
    this.#events = events;
    this.#port.on("message", (sent: unknown) => this.#take(sent));
    this.#port.on("messageerror", () => this.lose("what came is no message"));
  }

  /** The other end will get what is written from now on. */
  reach(): void {
    if (!this.#isOver) this.#events?.open();
  }

  /** Nothing more comes. */
  lose(reason: string): void {
    if (this.#isOver) return;
    this.end();
    this.#events?.gone(reason);
  }

  write(bytes: Uint8Array): void {
    if (this.#isOver) return;
    this.#written = (this.#written + bytes.length) | 0;
    const buffer = bytes.byteOffset === 0 && bytes.buffer instanceof ArrayBuffer
      ? bytes.buffer
      : bytes.slice().buffer;
    this.#port.postMessage([buffer, bytes.length], [buffer]);
  }

  /** A port that is closed delivers first what it was given, on each of the runtimes. */
  end(): void {
    this.#isOver = true;
    this.#port.close();
  }

  #take(sent: unknown): void {
    if (this.#isOver) return;
    const [buffer, length] = Array.isArray(sent) ? sent : [];
    if (!(buffer instanceof ArrayBuffer && length >= 0 && length <= buffer.byteLength)) {
      return this.lose("what came is no bytes");
    }
    this.#events?.data(new Uint8Array(buffer, 0, length));
    this.#taken = (this.#taken + length) | 0;
    Atomics.store(this.#words, this.#end, this.#taken);
  }
}
