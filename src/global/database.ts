/**
 * Database: what the faces of one mounted volume share: its engine, its state, its commit ticket.
 *
 * `gate` is 0 while operations may run at once; anything else sends them to the slow path, which says why or
 * waits.
 */
import type { Change } from "../buffer/change.ts";
import { type Again, type Engine, type Patience, type Published, quarantined } from "../buffer/engine.ts";
import { unlessAborted } from "../buffer/waiting.ts";
import type { Clock, Observer } from "../ports/mod.ts";
import { CohortError } from "../ground/errors.ts";
import type { Volume } from "../storage/volume.ts";
import type { Elsewhere } from "./elsewhere.ts";

/** One mounted volume, as global/ sees it. */
export class DatabaseCore {
  readonly engine: Engine;
  readonly volume: Volume;
  readonly clock: Clock;
  readonly observer: Observer;
  /** The directory it was mounted by; its name in references and messages. */
  readonly directory: string;
  /**
   * Takes the cluster's commit ticket, which the commits of other members wait for, and answers how to give
   * it back; undefined where no other member has the database. Taken before the ticket of this node.
   */
  clusterTicket: ((signal: AbortSignal | undefined) => Promise<() => void>) | undefined;
  /** Other members that may be asked to increment; undefined where none are. */
  elsewhere: Elsewhere | undefined;
  #closed: CohortError | undefined;
  #ticketHolder: object | undefined;
  /** The ticket's holder needs the database as it is: even what passes tickets waits for it. */
  #still = false;
  readonly #ticketWaiters: Array<() => void> = [];
  #gate = 0;

  constructor(engine: Engine, volume: Volume, clock: Clock, observer: Observer, directory: string) {
    this.engine = engine;
    this.volume = volume;
    this.clock = clock;
    this.observer = observer;
    this.directory = directory;
    this.#settle();
  }

  /** 0 when reads may run at once. */
  get readGate(): number {
    return this.#gate & 1;
  }

  /** 0 when writes may run at once. */
  get writeGate(): number {
    return this.#gate;
  }

  /** Refuses everything from now on. */
  close(reason: CohortError): void {
    this.#closed ??= reason;
    this.#settle();
  }

  /** Refuses everything: the volume cannot be trusted. */
  quarantine(cause: CohortError): void {
    this.volume.quarantine ??= cause;
    this.observer.event("database.quarantined", "error", { directory: this.directory, cause: cause.message });
    this.#settle();
  }

  /** Throws why an operation may not run. */
  admitRead(): void {
    if (this.#closed !== undefined) throw this.#closed;
    if (this.volume.quarantine !== undefined) throw quarantined(this.volume);
  }

  /** Throws why a write may not run. */
  admitWrite(): void {
    this.admitRead();
    if (this.volume.readOnly) {
      throw new CohortError("READ_ONLY", `Could not write to ${this.directory}: it is mounted read-only`, {
        directory: this.directory,
      });
    }
  }

  /** Whether a change must wait because another than `holder` has the commit ticket. */
  mustQueue(holder: object | undefined): boolean {
    if (this.#ticketHolder === undefined || this.#ticketHolder === holder) return false;
    return holder !== PASSES_TICKETS || this.#still;
  }

  /** Resolves when the commit ticket is given back. */
  turn(signal: AbortSignal | undefined): Promise<void> {
    return unlessAborted(new Promise((go) => this.#ticketWaiters.push(go)), signal);
  }

  /** Takes the commit ticket: no other commit of this database runs until it is given back. */
  async takeTicket(holder: object, signal: AbortSignal | undefined): Promise<void> {
    while (this.#ticketHolder !== undefined) await this.turn(signal);
    this.#ticketHolder = holder;
    this.#settle();
  }

  /**
   * From now on until the ticket is given back not even increments change the database. Its holder has all
   * tickets that it needs, and waits for nobody who may wait for this.
   */
  standStill(holder: object): void {
    if (this.#ticketHolder === holder) this.#still = true;
  }

  giveTicket(holder: object): void {
    if (this.#ticketHolder !== holder) return;
    this.#ticketHolder = undefined;
    this.#still = false;
    this.#settle();
    for (const go of this.#ticketWaiters.splice(0)) go();
  }

  #settle(): void {
    const refused = this.#closed !== undefined || this.volume.quarantine !== undefined;
    const writes = refused || this.volume.readOnly || this.#ticketHolder !== undefined;
    this.#gate = (refused ? 1 : 0) | (writes ? 2 : 0);
  }
}

/**
 * The holder that a change names which waits for no transaction's ticket: a transaction's body may increment
 * (P9), and must not wait for the ticket its own transaction holds.
 */
export const PASSES_TICKETS: object = {};

const QUEUED: unique symbol = Symbol("queued");

/**
 * Runs a change when no other transaction has the commit ticket of these databases. It waits without permits
 * or pins, for the ticket's holder may need them.
 */
export async function inTurn<R>(
  engine: Engine,
  databases: readonly DatabaseCore[],
  holder: object | undefined,
  attempt: (change: Change) => R | Again,
  patience: Patience,
): Promise<Published<R>> {
  for (;;) {
    let taken: DatabaseCore | undefined;
    const published = await engine.change<R | typeof QUEUED>((change) => {
      taken = databases.find((database) => database.mustQueue(holder));
      return taken === undefined ? attempt(change) : QUEUED;
    }, patience);
    if (published.value !== QUEUED) return published as Published<R>;
    if (taken?.mustQueue(holder)) await taken.turn(patience.signal);
  }
}
