/**
 * What claim tests stand on: processes that share files in memory, a fence by table, faults at any port call.
 */
import { createMemoryStorage } from "../../adapters/storage_memory.ts";
import { CohortError } from "../../src/ground/errors.ts";
import type {
  Fence,
  Gate,
  Observer,
  OwnerIdentity,
  OwnerReport,
  OwnerState,
  Storage,
} from "../../src/ports/mod.ts";
import { acquireClaim, type Claim } from "../../src/storage/claim.ts";
import type { ClaimOptions } from "../../src/storage/claim_options.ts";
import { claimName, claimNumber, type ClaimRecord, decodeClaim } from "../../src/storage/claim_record.ts";
import { RigClock, settle } from "./rig.ts";

/** Directory of the volume in these tests. */
export const VOLUME = "/data/hr";

/** Gate of a node of the world. */
class WorldGate implements Gate {
  open = true;
  inside = 0;

  enter(): boolean {
    if (!this.open) return false;
    this.inside++;
    return true;
  }

  leave(): void {
    this.inside--;
  }

  inFlight(): number {
    return this.inside;
  }

  close(): void {
    this.open = false;
  }
}

/** A host with some processes, one volume directory, and a clock turned by hand. */
export class World {
  readonly files: Storage = createMemoryStorage();
  readonly clock: RigClock = new RigClock();
  /** What the fence says of a nonce; `alive` when nothing is set. */
  readonly states: Map<string, OwnerState> = new Map();
  /** Nonces whose isolate has ended. */
  readonly ended: Set<string> = new Set();
  readonly gates: Map<string, WorldGate> = new Map();
  /** What `shutGate` says when there is no gate. */
  withoutGate: "over" | "unknown" = "unknown";
  readonly events: string[] = [];
  #calls = 0;
  /** Runs before every port call; may throw, or return after other turns. */
  before: (operation: string, path: string, nonce: string) => void | Promise<void> = () => {};

  /** Options of a node. */
  options(nonce: string, more: Partial<ClaimOptions> = {}): ClaimOptions {
    return {
      storage: this.storage(nonce),
      clock: this.clock,
      observer: this.#observer,
      directory: VOLUME,
      mode: "private",
      owner: identity(nonce),
      journalDirectory: `/journals/${nonce}`,
      ...more,
    };
  }

  /** Acquires for a node whose journal gate is open, turning the clock while it waits. */
  async acquire(nonce: string, more: Partial<ClaimOptions> = {}): Promise<Claim> {
    const options = this.options(nonce, more);
    if (options.journalDirectory !== "") this.gate(options.journalDirectory, nonce);
    return await this.run(acquireClaim(options));
  }

  /** The gate of a nonce to a directory, opened if need be. */
  gate(directory: string, nonce: string): WorldGate {
    const key = `${nonce} ${directory}`;
    const gate = this.gates.get(key) ?? new WorldGate();
    this.gates.set(key, gate);
    return gate;
  }

  /** Turns the clock, 5 ms at a time, until a promise is settled. */
  async run<T>(promise: Promise<T>): Promise<T> {
    let done = false;
    promise.then(() => done = true, () => done = true);
    for (let turn = 0; turn < 20_000 && !done; turn++) {
      for (let calls = -1; calls !== this.#calls;) {
        calls = this.#calls;
        await settle();
      }
      if (!done) this.clock.turn(5);
    }
    if (!done) throw new Error("Nothing came of it in 100 s");
    return await promise;
  }

  /** The storage as one node has it. */
  storage(nonce: string): Storage {
    const { files } = this;
    const call = async <T>(operation: string, path: string, run: () => T): Promise<Awaited<T>> => {
      this.#calls++;
      await this.before(operation, path, nonce);
      return await run();
    };
    return {
      traits: files.traits,
      fence: this.#fence(),
      openVolume: (path, options) => call("openVolume", path, () => files.openVolume(path, options)),
      openStream: (path, options) => call("openStream", path, () => files.openStream(path, options)),
      createRegister: (path, bytes) => call("createRegister", path, () => files.createRegister(path, bytes)),
      readRegister: (path) => call("readRegister", path, () => files.readRegister(path)),
      list: (path) => call("list", path, () => files.list(path)),
      remove: (path) => call("remove", path, () => files.remove(path)),
      resolve: (path) => files.resolve(path),
      close: () => {},
    };
  }

  /** Names in the volume's directory. */
  names(): string[] {
    return [...files(this.files.list(VOLUME))];
  }

  #fence(): Fence {
    return {
      identify: identity,
      examine: (owner): OwnerReport => {
        const state = this.states.get(owner.nonce) ?? "alive";
        return { state, reason: `the table says ${state}` };
      },
      openGate: (directory, nonce) => {
        const gate = this.gate(directory, nonce);
        gate.open = true;
        return gate;
      },
      isOver: (_directory, nonce) => this.ended.has(nonce),
      shutGate: (directory, nonce) => {
        const gate = this.gates.get(`${nonce} ${directory}`);
        if (gate === undefined) return this.withoutGate;
        gate.open = false;
        return gate.inside === 0 ? "over" : "busy";
      },
      stop: () => Promise.reject(new Error("A claim stops nobody")),
      sharing: () => ({ allowed: true, reason: "the table says so" }),
    };
  }

  readonly #observer: Observer = {
    traits: { version: 1 },
    event: (name) => void this.events.push(name),
    measure: () => {},
  };
}

function files(names: string[] | Promise<string[]>): string[] {
  if (names instanceof Promise) throw new Error("Memory answers at once");
  return names;
}

/** Identity of the node with a nonce. */
export function identity(nonce: string): OwnerIdentity {
  return {
    host: "machine:1",
    hostName: "alpha",
    boot: "b",
    pidNamespace: 1,
    pid: 1000 + parseInt(nonce.slice(-4), 16),
    startTime: "77",
    exec: "e",
    nonce,
  };
}

/** The nth nonce. */
export function nonceOf(n: number): string {
  return n.toString(16).padStart(32, "0");
}

/** The newest record of the volume. */
export async function newestClaim(world: World): Promise<ClaimRecord> {
  const number = Math.max(...world.names().map(claimNumber).filter((it) => it !== undefined));
  const bytes = await world.files.readRegister(`${VOLUME}/${claimName(number)}`);
  return decodeClaim(bytes!, "newest", number);
}

/** The code a promise rejects with, and its message; fails when it resolves. */
export async function refusal(promise: Promise<unknown>): Promise<CohortError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof CohortError) return error;
    throw error;
  }
  throw new Error("It was not refused");
}
