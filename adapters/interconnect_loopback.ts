/**
 * Interconnect within one process: members find each other in a hub, and bytes go from one to the other in
 * memory. For tests, and for several nodes of one program.
 */
import { setImmediate } from "node:timers";
import { checkOptions, type OptionNames } from "../src/ground/options.ts";
import type { Interconnect } from "../src/ports/interconnect.ts";
import { createSystemClock } from "./clock_system.ts";
import {
  GREETING_MS,
  LinkInterconnect,
  type LinkTransport,
  type Pipe,
  type PipeEvents,
} from "./common/link_interconnect.ts";
import { createSystemEntropy } from "./entropy_system.ts";

/** Where the members of one process find each other. */
export interface LoopbackHub {
  /** Makes an interconnect of this hub; nothing happens before it is opened. */
  interconnect(options?: LoopbackOptions): Interconnect;
}

/** Options of an interconnect of a {@linkcode LoopbackHub}. */
export interface LoopbackOptions {
  /** Milliseconds until both ends must have proven themselves: 2,000 by default. */
  readonly greetingMs?: number;
}

const LOOPBACK_OPTIONS: OptionNames<LoopbackOptions> = { greetingMs: true };

type Accept = (pipe: Pipe) => void;

/** Makes a hub. */
export function createLoopbackHub(): LoopbackHub {
  const listening = new Map<string, Accept>();
  let numbers = 0;
  const world = { clock: createSystemClock(), entropy: createSystemEntropy() };
  return {
    interconnect: (options = {}) => {
      checkOptions(options, LOOPBACK_OPTIONS);
      const { greetingMs = GREETING_MS } = options;
      return new LinkInterconnect(new LoopbackTransport(listening, () => ++numbers), {
        ...world,
        greetingMs,
      });
    },
  };
}

class LoopbackTransport implements LinkTransport {
  readonly name = "loopback";
  readonly #listening: Map<string, Accept>;
  readonly #number: () => number;
  #address: string | undefined;

  constructor(listening: Map<string, Accept>, number: () => number) {
    this.#listening = listening;
    this.#number = number;
  }

  listen(accept: Accept): Promise<string> {
    this.#address = `loopback:${this.#number()}`;
    this.#listening.set(this.#address, accept);
    return Promise.resolve(this.#address);
  }

  dial(address: string): Pipe {
    if (!/^loopback:[1-9][0-9]*$/.test(address)) {
      throw new TypeError(`An address is loopback:number, got ${JSON.stringify(address)}`);
    }
    const near = new LoopbackPipe();
    setImmediate(() => {
      const accept = this.#listening.get(address);
      if (accept === undefined) return near.lose(`nobody is at ${address}`);
      const far = new LoopbackPipe();
      near.join(far);
      far.join(near);
      accept(far);
      near.reach();
    });
    return near;
  }

  close(): Promise<void> {
    if (this.#address !== undefined) this.#listening.delete(this.#address);
    return Promise.resolve();
  }
}

/**
 * One end of a stream in memory; what is written arrives in a turn of the event loop of its own, in order, so
 * that two members who answer each other at once leave time for all else.
 */
class LoopbackPipe implements Pipe {
  #events: PipeEvents | undefined;
  #other: LoopbackPipe | undefined;
  #isOver = false;
  pendingBytes = 0;

  join(other: LoopbackPipe): void {
    this.#other = other;
  }

  begin(events: PipeEvents): void {
    this.#events = events;
  }

  /** The other end is there. */
  reach(): void {
    if (!this.#isOver) this.#events?.open();
  }

  /** Nothing more comes. */
  lose(reason: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#events?.gone(reason);
  }

  write(bytes: Uint8Array): void {
    const other = this.#other;
    if (this.#isOver || other === undefined) return;
    this.pendingBytes += bytes.length;
    setImmediate(() => {
      this.pendingBytes -= bytes.length;
      if (!other.#isOver) other.#events?.data(bytes);
    });
  }

  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const other = this.#other;
    setImmediate(() => other?.lose("the other end has closed"));
  }
}
