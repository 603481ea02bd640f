/**
 * Transact: runs a body until its reads and writes stand together at one instant (DESIGN D3).
 *
 * Conflict → the body runs again; after a few, under the commit ticket of every database it wrote, so that
 * other transactions wait for it, of other members too. An error of the body surfaces only if what it read
 * still stands.
 */
import type { Engine, Patience } from "../buffer/engine.ts";
import { unlessAborted } from "../buffer/waiting.ts";
import { atEnd } from "../ground/at_end.ts";
import { CohortError } from "../ground/errors.ts";
import { checkOptions, checkType, type OptionNames } from "../ground/options.ts";
import type { Clock } from "../ports/mod.ts";
import { type DatabaseCore, inTurn } from "./database.ts";
import { patienceOf, WAIT_OPTIONS, type WaitOptions } from "./patience.ts";
import { DOOMED, Transaction } from "./transaction.ts";

/** Options of a transaction. */
export interface TransactOptions extends WaitOptions {
  /** Refuses writes; the reads are still of one instant. */
  readonly readOnly?: boolean;
  /** Runs in all before `CONFLICT`; 100 by default. */
  readonly attempts?: number;
}

const TRANSACT_OPTIONS: OptionNames<TransactOptions> = { ...WAIT_OPTIONS, readOnly: true, attempts: true };

/** Conflicts after which a run gets the commit tickets. */
const CONFLICTS_BEFORE_TICKET = 3;
/**
 * Milliseconds a run may keep the tickets: a body that waits for another transaction cannot stop it for ever.
 */
const TICKET_MS_MAX = 5_000;
/** Longest pause between two runs. */
const PAUSE_MS_MAX = 32;

/** Runs `body` as one serializable transaction over all databases of the engine; answers what it returned. */
export function transact<R>(
  engine: Engine,
  clock: Clock,
  body: (transaction: Transaction) => Promise<R> | R,
  options: TransactOptions = {},
): Promise<R> {
  if (typeof body !== "function") {
    return Promise.reject(new TypeError(`A transaction needs a function, got ${typeof body}`));
  }
  try {
    checkOptions(options, TRANSACT_OPTIONS);
    checkType("readOnly", options.readOnly, "boolean");
  } catch (error) {
    return Promise.reject(error);
  }
  const { attempts = 100 } = options;
  if (!(Number.isSafeInteger(attempts) && attempts > 0)) {
    return Promise.reject(new RangeError(`attempts is a whole number above 0, got ${attempts}`));
  }
  return patienceOf(
    clock,
    options,
    (patience) => new Runs(engine, clock, body, options, patience).run(attempts),
    engine,
    TRANSACT_OPTIONS,
  );
}

/** What one run ended in. */
type Outcome<R> = { readonly value: R; readonly position: number } | "conflict";

class Runs<R> {
  readonly #engine: Engine;
  readonly #clock: Clock;
  readonly #body: (transaction: Transaction) => Promise<R> | R;
  readonly #readOnly: boolean;
  readonly #patience: Patience;
  #databases: DatabaseCore[] = [];

  constructor(
    engine: Engine,
    clock: Clock,
    body: (transaction: Transaction) => Promise<R> | R,
    options: TransactOptions,
    patience: Patience,
  ) {
    this.#engine = engine;
    this.#clock = clock;
    this.#body = body;
    this.#readOnly = options.readOnly ?? false;
    this.#patience = patience;
  }

  async run(attempts: number): Promise<R> {
    for (let run = 0; run < attempts; run++) {
      const outcome = run < CONFLICTS_BEFORE_TICKET ? await this.#once(undefined) : await this.#withTickets();
      if (outcome !== "conflict") {
        const wait = this.#engine.ackOf(outcome.position);
        if (wait !== undefined) await unlessAborted(wait, this.#patience.signal);
        return outcome.value;
      }
      await this.#pause(Math.min(PAUSE_MS_MAX, 2 ** run - 1));
    }
    throw new CohortError("CONFLICT", `Could not commit: ${attempts} runs met conflicts`, { attempts });
  }

  async #once(holder: object | undefined): Promise<Outcome<R>> {
    const transaction = new Transaction(this.#engine, this.#patience, this.#readOnly);
    let value: R;
    try {
      value = await this.#body(transaction);
    } catch (error) {
      this.#ended(transaction);
      if (error === DOOMED || !(await this.#stands(transaction))) return "conflict";
      throw error;
    }
    this.#ended(transaction);
    // A transaction that only reads has nothing to wait for: it validates as it is.
    const queues = transaction.writeCount > 0 ? this.#databases : [];
    const published = await inTurn(
      this.#engine,
      queues,
      holder,
      (change) => transaction.commit(change),
      this.#patience,
    );
    return published.value ? { value, position: published.position } : "conflict";
  }

  /** Notes which databases a run used, for the tickets of the next. */
  #ended(transaction: Transaction): void {
    transaction.end();
    this.#databases = [...transaction.databases].sort((a, b) => a.volume.index - b.volume.index);
  }

  /**
   * Whether the reads of a run that threw still stand; if not, its error may come of a state that never was.
   * Answers when they may be acknowledged: the error may tell of them.
   */
  #stands(transaction: Transaction): Promise<boolean> {
    return this.#engine.read((step) => transaction.validate(step), this.#patience);
  }

  async #withTickets(): Promise<Outcome<R>> {
    const holder = {};
    const databases = this.#databases;
    const { signal } = this.#patience;
    const ofCluster: Array<() => void> = [];
    const release = (): void => {
      for (const database of databases) database.giveTicket(holder);
      for (const give of ofCluster.splice(0)) give();
    };
    try {
      for (const database of byTag(databases)) {
        ofCluster.push(await database.clusterTicket?.(signal) ?? (() => {}));
      }
      for (const database of databases) await database.takeTicket(holder, signal);
      const cancel = this.#clock.after(TICKET_MS_MAX, release);
      try {
        return await this.#once(holder);
      } finally {
        cancel();
      }
    } finally {
      release();
    }
  }

  #pause(ms: number): Promise<void> {
    if (ms === 0) return Promise.resolve();
    let cancel = (): void => {};
    const waited = new Promise<void>((done) => cancel = this.#clock.after(ms, done));
    return atEnd(unlessAborted(waited, this.#patience.signal), cancel);
  }
}

/** Those that other members have too, in the order in which all members take their tickets. */
function byTag(databases: readonly DatabaseCore[]): DatabaseCore[] {
  const shared = databases.filter((it) => it.clusterTicket !== undefined);
  return shared.sort((a, b) => a.volume.facts.tag - b.volume.facts.tag);
}
