/**
 * The network between simulated hosts: streams of bytes that are late, come in pieces, stall, break, or are
 * damaged on the way.
 *
 * What a stream carries arrives in order, as TCP has it; a cut one way holds it back, and what was held comes
 * late when the cut is healed. A killed process has its connections reset by its kernel; after a power cut
 * the other end learns of it when it sends. Links are the adapters' own code over these streams.
 */
import {
  LinkInterconnect,
  type LinkTransport,
  type Pipe,
  type PipeEvents,
} from "../../../adapters/common/link_interconnect.ts";
import type { Interconnect } from "../../ports/interconnect.ts";
import { scribbling } from "../scribbling.ts";
import type { SimProcess } from "./host.ts";
import { Prng } from "./prng.ts";
import type { Scheduler } from "./scheduler.ts";
import { SimClock, SimEntropy } from "./small_ports.ts";
import type { Trace } from "./trace.ts";

/** The manner of a network; drawn per seed. */
export interface NetworkManner {
  /** Typical virtual microseconds one way; the tail is 50 times as long. */
  readonly delayUs: number;
  /** Of 10,000 writes, how many come in pieces. */
  readonly pieces: number;
  /** Of 10,000 writes, how many break the connection for both ends. */
  readonly resets: number;
  /** Of 10,000 writes, how many arrive with a changed byte. */
  readonly damaged: number;
  /** Of 10,000 writes, how many hold up all that follow, for up to `clogUs`. */
  readonly clogs: number;
  /** Longest virtual microseconds of a clog. */
  readonly clogUs: number;
}

/** A network that does nothing evil. */
export const CALM_NETWORK: NetworkManner = {
  delayUs: 20,
  pieces: 0,
  resets: 0,
  damaged: 0,
  clogs: 0,
  clogUs: 0,
};

/** Draws a manner: each evil strong, weak or absent. */
export function drawNetwork(chance: Prng): NetworkManner {
  const rate = () => chance.pick([0, 0, 5, 50, 300]);
  return {
    delayUs: chance.pick([10, 50, 500, 5000]),
    pieces: chance.pick([0, 500, 5000]),
    resets: rate(),
    damaged: rate(),
    clogs: rate(),
    clogUs: chance.pick([10_000, 500_000, 5_000_000]),
  };
}

/** Virtual microseconds after which a sender gives up what is not acknowledged, as a kernel does. */
const GIVE_UP_US = 30_000_000;

interface Listener {
  readonly process: SimProcess;
  readonly accept: (pipe: Pipe) => void;
}

/** All connections of a world. */
export class SimNetwork {
  readonly scheduler: Scheduler;
  readonly trace: Trace;
  readonly chance: Prng;
  readonly manner: NetworkManner;
  /** False while nothing evil may happen. */
  active = true;
  readonly #listeners = new Map<string, Listener>();
  readonly #cuts = new Set<string>();
  readonly #held: Array<() => void> = [];
  #clogs: Array<() => void> = [];
  #numbers = 0;

  constructor(seed: number, scheduler: Scheduler, trace: Trace, manner: NetworkManner) {
    this.scheduler = scheduler;
    this.trace = trace;
    this.chance = new Prng(seed, "network");
    this.manner = manner;
  }

  /** An interconnect of a process, not open yet. */
  interconnect(process: SimProcess, greetingMs = 2_000): Interconnect {
    const links = new LinkInterconnect(new SimTransport(this, process), {
      clock: new SimClock(process),
      entropy: new SimEntropy(this.chance.fork(`links of ${process.pid}`)),
      greetingMs,
    });
    return scribbling(links);
  }

  /** Nothing gets from one station to the other any more; the way back is another one. */
  cut(from: string, to: string): void {
    this.trace.note("cut", from, to);
    this.#cuts.add(`${from}>${to}`);
  }

  /** Ends all cuts: what was held back arrives late. */
  heal(): void {
    this.trace.note("healed");
    this.#cuts.clear();
    for (const release of this.#held.splice(0)) release();
  }

  /** Nothing evil happens from now on: no cut holds, and what was held up by a clog goes on its way. */
  calm(): void {
    this.active = false;
    this.heal();
    for (const end of this.#clogs.splice(0)) end();
  }

  /** A clog has begun: `end` is run when the network is calmed. */
  clogged(end: () => void): void {
    this.#clogs.push(end);
  }

  /** Whether nothing gets from one process to the other. */
  isCut(from: SimProcess, to: SimProcess): boolean {
    return this.#cuts.has(`${from.station}>${to.station}`);
  }

  /** Runs `task` once nothing is cut. */
  hold(task: () => void): void {
    this.#held.push(task);
  }

  /** Virtual microseconds that something takes one way. */
  delay(): number {
    return 1 + this.chance.tailed(this.manner.delayUs, 50 * this.manner.delayUs);
  }

  /** Whether an evil of so many in 10,000 strikes now. */
  strikes(per10000: number): boolean {
    return this.active && this.chance.chance(per10000, 10_000);
  }

  listen(process: SimProcess, accept: (pipe: Pipe) => void): string {
    const address = `sim:${++this.#numbers}`;
    this.#listeners.set(address, { process, accept });
    return address;
  }

  unlisten(address: string): void {
    this.#listeners.delete(address);
  }

  /** Who listens at an address, if that process lives. */
  listener(address: string): Listener | undefined {
    const listener = this.#listeners.get(address);
    return listener?.process.alive === true ? listener : undefined;
  }

  /** The process that listened at an address, alive or not: for the way there. */
  whereIs(address: string): SimProcess | undefined {
    return this.#listeners.get(address)?.process;
  }
}

class SimTransport implements LinkTransport {
  readonly name = "sim";
  readonly #network: SimNetwork;
  readonly #process: SimProcess;
  #address: string | undefined;

  constructor(network: SimNetwork, process: SimProcess) {
    this.#network = network;
    this.#process = process;
  }

  listen(accept: (pipe: Pipe) => void): Promise<string> {
    this.#address = this.#network.listen(this.#process, accept);
    return Promise.resolve(this.#address);
  }

  dial(address: string): Pipe {
    if (!/^sim:[1-9][0-9]*$/.test(address)) throw new TypeError(`An address is sim:number, got ${address}`);
    const near = new SimPipe(this.#network, this.#process);
    near.dial(address);
    return near;
  }

  close(): Promise<void> {
    if (this.#address !== undefined) this.#network.unlisten(this.#address);
    return Promise.resolve();
  }
}

/** Something on its way that a clog holds up. */
interface Delivery {
  readonly task: () => void;
  readonly owner: SimProcess;
  readonly cancel: () => void;
}

/** One end of a connection. */
class SimPipe implements Pipe {
  readonly process: SimProcess;
  pendingBytes = 0;
  readonly #network: SimNetwork;
  #events: PipeEvents | undefined;
  #other: SimPipe | undefined;
  #isOver = false;
  /** No earlier than this does the next piece arrive at the other end. */
  #arrivesAfter = 0;
  /** What is behind a clog, in order; undefined while there is none. */
  #clogged: Delivery[] | undefined;
  /** What waits behind a cut, in order. */
  #stalled: Array<() => void> | undefined;

  constructor(network: SimNetwork, process: SimProcess) {
    this.#network = network;
    this.process = process;
    process.onKilled.push(() => {
      this.#isOver = true;
      this.#tell((other) => other.lose("the connection was reset"));
    });
  }

  begin(events: PipeEvents): void {
    this.#events = events;
  }

  /** Reaches for an address: open, refused, or silence for as long as the way there is cut. */
  dial(address: string): void {
    const network = this.#network;
    const arrive = (): void => {
      const target = network.whereIs(address);
      if (
        target !== undefined && (network.isCut(this.process, target) || network.isCut(target, this.process))
      ) {
        return network.hold(arrive);
      }
      const listener = network.listener(address);
      if (listener === undefined) {
        return this.#later(this.process, () => this.lose(`nobody is at ${address}`));
      }
      const far = new SimPipe(network, listener.process);
      this.#other = far;
      far.#other = this;
      network.scheduler.after(0, () => listener.accept(far), listener.process);
      this.#later(this.process, () => {
        if (!this.#isOver) this.#events?.open();
      });
    };
    this.#later(undefined, arrive);
  }

  write(bytes: Uint8Array): void {
    if (this.#isOver || this.#other === undefined) return;
    const network = this.#network;
    const { manner, chance } = network;
    if (network.strikes(manner.resets)) {
      network.trace.note("reset", this.process.pid);
      this.#tell((other) => other.lose("the connection was reset"));
      return this.#later(this.process, () => this.lose("the connection was reset"));
    }
    if (network.strikes(manner.clogs)) this.#clog(chance.below(manner.clogUs + 1));
    const cuts = network.strikes(manner.pieces) ? chance.between(1, 3) : 0;
    const damaged = network.strikes(manner.damaged) ? chance.below(bytes.length) : -1;
    if (damaged >= 0) {
      network.trace.note("damaged", this.process.pid, damaged);
      bytes[damaged] = bytes[damaged]! ^ (1 << chance.below(8));
    }
    this.pendingBytes += bytes.length;
    let from = 0;
    for (let i = 0; i <= cuts; i++) {
      const to = i === cuts ? bytes.length : from + chance.below(bytes.length - from + 1);
      this.#send(bytes.subarray(from, to));
      from = to;
    }
  }

  /** Holds up all that follows, on top of what holds it up already. */
  #clog(forUs: number): void {
    if (this.#clogged === undefined) {
      const before = this.#arrivesAfter;
      this.#clogged = [];
      this.#network.clogged(() => this.#unclog(before));
    }
    this.#arrivesAfter += forUs;
  }

  /** What is held up arrives as if it were sent now, behind what was sent before the clog. */
  #unclog(before: number): void {
    const late = this.#clogged ?? [];
    this.#clogged = undefined;
    this.#arrivesAfter = before;
    for (const { task, owner, cancel } of late) {
      cancel();
      this.#deliver(this.#nextArrival(), task, owner);
    }
  }

  #send(piece: Uint8Array): void {
    this.#tell((other) => {
      this.pendingBytes -= piece.length;
      other.#hear(piece);
    });
  }

  #hear(piece: Uint8Array): void {
    if (this.#isOver || piece.length === 0) return;
    this.#network.trace.note("data", this.process.pid, piece);
    this.#events?.data(piece);
  }

  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#tell((other) => other.lose("the other end has closed"));
  }

  /** Nothing more comes. */
  lose(reason: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#events?.gone(reason);
  }

  /** Has something happen at the other end, behind all that was sent before. */
  #tell(task: (other: SimPipe) => void): void {
    const other = this.#other;
    if (other === undefined) return;
    const network = this.#network;
    if (this.#stalled !== undefined) return void this.#stalled.push(() => this.#tell(task));
    if (network.isCut(this.process, other.process)) return this.#stall(() => this.#tell(task));
    const at = this.#nextArrival();
    if (!other.process.alive) {
      // The host is up again and knows nothing of this connection.
      return this.#later(this.process, () => this.lose("the connection was reset"));
    }
    this.#deliver(at, () => task(other), other.process);
  }

  #nextArrival(): number {
    const { scheduler } = this.#network;
    return this.#arrivesAfter = Math.max(this.#arrivesAfter, scheduler.now + this.#network.delay()) + 1;
  }

  #deliver(at: number, task: () => void, owner: SimProcess): void {
    const { scheduler } = this.#network;
    const clogged = this.#clogged;
    if (clogged === undefined) return void scheduler.after(at - scheduler.now, task, owner);
    const cancel = scheduler.after(at - scheduler.now, () => {
      clogged.shift();
      task();
    }, owner);
    clogged.push({ task, owner, cancel });
  }

  /** Waits behind a cut; what is not through in time is given up, and with it the connection. */
  #stall(first: () => void): void {
    const network = this.#network;
    this.#stalled = [first];
    const giveUp = network.scheduler.after(GIVE_UP_US, () => {
      this.#stalled = [];
      this.lose("nothing gets through");
    }, this.process);
    network.hold(() => {
      giveUp();
      const waiting = this.#stalled ?? [];
      this.#stalled = undefined;
      for (const task of waiting) task();
    });
  }

  #later(owner: SimProcess | undefined, task: () => void): void {
    this.#network.scheduler.after(this.#network.delay(), task, owner);
  }
}
