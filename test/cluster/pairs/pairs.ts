/**
 * Every pair of a storage and an interconnect, and the members that live on it in this process; each can be
 * made to stand still, as by SIGSTOP, and to go on.
 *
 * Nothing but these is between members, so a pair works when both work for the places where members live:
 *
 *     storage   interconnect   one isolate   Workers of a process         processes of a host
 *     file      loopback       here          no: a hub is an object       no: a hub is an object
 *     file      worker         here          worker_test.ts               no: ports stay in their process
 *     file      socket         here          yes: as processes do         test/chaos, test/failover
 *     memory    loopback       here          no: the files are an object  no: the files are an object
 *     memory    worker         here          no: the files are an object  no: the files are an object
 *     memory    socket         here          no: the files are an object  no: the files are an object
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { type Clock, type Interconnect, type Node, openNode, type Storage } from "@cohort/db";
import { createSystemClock } from "../../../adapters/clock_system.ts";
import { createLoopbackHub } from "../../../adapters/interconnect_loopback.ts";
import { createSocketInterconnect } from "../../../adapters/interconnect_socket.ts";
import { createWorkerHub } from "../../../adapters/interconnect_worker.ts";
import { createFileStorage } from "../../../adapters/storage_file.ts";
import { createMemoryStorage } from "../../../adapters/storage_memory.ts";

/** The storages. */
export const STORAGES = ["file", "memory"] as const;
/** The interconnects. */
export const INTERCONNECTS = ["loopback", "worker", "socket"] as const;

/** One pair. */
export interface PairKind {
  readonly storage: (typeof STORAGES)[number];
  readonly interconnect: (typeof INTERCONNECTS)[number];
}

/** Short, so that a loss is over soon; long enough for a host that has more to do than this. */
export const TIMINGS = {
  pulseMs: 50,
  networkMs: 600,
  storageMs: 600,
  settleMs: 100,
  leaseMs: 400,
  leaseMarginMs: 100,
  joinMs: 20_000,
};

/** A member, and the means to make it stand still. */
export interface PairMember {
  readonly node: Node;
  /** It does nothing from now on: no timer of it goes off, nothing comes or goes over its links. */
  stop(): void;
  /** It finds everything late at once. */
  goOn(): void;
}

/** The members of one cluster. */
export class PairWorld {
  /** A directory of the storage that is empty at first. */
  readonly root: string;
  readonly #kind: PairKind;
  readonly #memory: Storage | undefined;
  readonly #interconnect: () => Interconnect;
  readonly #ends: (() => unknown)[] = [];

  constructor(kind: PairKind) {
    this.#kind = kind;
    if (kind.storage === "memory") {
      this.root = "/cluster";
      this.#memory = createMemoryStorage();
    } else {
      const root = this.root = mkdtempSync(`${tmpdir()}/cohort-pairs-`);
      this.#ends.push(() => rmSync(root, { recursive: true, force: true }));
    }
    this.#interconnect = this.#network();
  }

  #network(): () => Interconnect {
    if (this.#kind.interconnect === "socket") return () => createSocketInterconnect();
    if (this.#kind.interconnect === "loopback") {
      const hub = createLoopbackHub();
      return () => hub.interconnect();
    }
    const hub = createWorkerHub();
    this.#ends.push(() => hub.close());
    return () => hub.interconnect();
  }

  /** Where the database that all share lies. */
  get shared(): string {
    return `${this.root}/hr`;
  }

  /** Opens a member; `end` closes it, should nobody have done so. */
  async open(name: string): Promise<PairMember> {
    const stillness = new Stillness(createSystemClock());
    const storage = this.#memory ?? createFileStorage();
    const node = await openNode(
      { pij: `${this.root}/pij`, name, poolBytes: 4 << 20, segmentBytes: 4 << 20, timings: TIMINGS },
      { storage, clock: stillness, interconnect: () => stillness.wrap(this.#interconnect()) },
    );
    this.#ends.push(async () => {
      stillness.goOn();
      await node.close();
      if (this.#memory === undefined) await storage.close();
    });
    return { node, stop: () => stillness.stop(), goOn: () => stillness.goOn() };
  }

  /** Ends all members, and what they live on. */
  async end(): Promise<void> {
    for (const end of this.#ends.toReversed()) await end();
  }
}

/** The clock and the links of a member that may stand still. */
class Stillness implements Clock {
  readonly traits: Clock["traits"];
  readonly #clock: Clock;
  #isStill = false;
  /** What is due, and waits until it goes on. */
  readonly #late: Set<() => void> = new Set();

  constructor(clock: Clock) {
    this.#clock = clock;
    this.traits = clock.traits;
  }

  monotonicMs(): number {
    return this.#clock.monotonicMs();
  }

  wallMs(): number {
    return this.#clock.wallMs();
  }

  after(delayMs: number, task: () => void, background?: boolean): () => void {
    const due = (): void => {
      if (this.#isStill) this.#late.add(task);
      else task();
    };
    const cancel = this.#clock.after(delayMs, due, background);
    return () => {
      cancel();
      this.#late.delete(task);
    };
  }

  stop(): void {
    this.#isStill = true;
  }

  goOn(): void {
    this.#isStill = false;
    for (const task of this.#late) {
      // Unless one that comes before it calls it off.
      this.#clock.after(0, () => {
        if (this.#late.delete(task)) task();
      });
    }
  }

  wrap(inner: Interconnect): Interconnect {
    return {
      traits: inner.traits,
      open: (self, receiver) =>
        inner.open(self, {
          up: (peer) => receiver.up(peer),
          down: (peer, reason) => receiver.down(peer, reason),
          message: (from, bytes) => {
            if (!this.#isStill) receiver.message(from, bytes);
          },
        }),
      connect: (address) => inner.connect(address),
      send: (to, bytes) => this.#isStill || inner.send(to, bytes),
      broadcast: (bytes) => this.#isStill ? 0 : inner.broadcast(bytes),
      disconnect: (incarnation, reason) => inner.disconnect(incarnation, reason),
      close: () => inner.close(),
    };
  }
}
