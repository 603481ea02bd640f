/**
 * Database: what the faces of one mounted volume share: its engine, its state, its commit ticket.
 *
 * `gate` is 0 while operations may run at once; anything else sends them to the slow path, which says why or
 * waits.
 */
import type { Change } from "../buffer/change.ts";
import { type Engine, quarantined } from "../buffer/engine.ts";
import type { Clock, Observer } from "../ports/mod.ts";
import { CohortError } from "../ground/errors.ts";
import type { Volume } from "../storage/volume.ts";

/** One mounted volume, as global/ sees it. */
export class DatabaseCore {
  readonly engine: Engine;
  readonly volume: Volume;
  readonly clock: Clock;
  readonly observer: Observer;
  /** The directory it was mounted by; its name in references and messages. */
  readonly directory: string;
  #closed: CohortError | undefined;
  #ticketHolder: object | undefined;
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

  /**
   * Inside a changing attempt: true when another transaction holds the commit ticket, and the change waits
   * for it.
   */
  mustQueue(change: Change, holder: object | undefined): boolean {
    if (this.#ticketHolder === undefined || this.#ticketHolder === holder) return false;
    change.waits.push(() => new Promise((go) => this.#ticketWaiters.push(go)));
    return true;
  }

  /** Takes the commit ticket: no other commit of this database runs until it is given back. */
  async takeTicket(holder: object): Promise<void> {
    while (this.#ticketHolder !== undefined) await new Promise<void>((go) => this.#ticketWaiters.push(go));
    this.#ticketHolder = holder;
    this.#settle();
  }

  giveTicket(holder: object): void {
    if (this.#ticketHolder !== holder) return;
    this.#ticketHolder = undefined;
    this.#settle();
    for (const go of this.#ticketWaiters.splice(0)) go();
  }

  #settle(): void {
    const refused = this.#closed !== undefined || this.volume.quarantine !== undefined;
    const writes = refused || this.volume.readOnly || this.#ticketHolder !== undefined;
    this.#gate = (refused ? 1 : 0) | (writes ? 2 : 0);
  }
}
