/**
 * Increment line: the increments that this member asks one incarnation of another to do (DESIGN D11).
 *
 * Each is asked of that one alone, until it is known what came of it: what is open at the end of a view is
 * asked again in the next, under the same number, and who did it already knows. Once the other is lost, it is
 * asked no more: recovery tells what of it is in the journal that was left, and the rest was not done. Who
 * left in good order did nothing that it did not answer.
 */
import { CohortError, isCode } from "../ground/errors.ts";
import type { Increment, Outcome } from "../global/elsewhere.ts";
import type { AskedIncrement, IncrementMessage, Published } from "./increment_message.ts";

/** Increments in one message, and messages under way. */
const BATCH_MAX = 512;
const FLIGHT_MAX = 4;

/** What the other end of a line is in a view. */
export type Standing =
  | "member"
  /** Neither fenced nor recovered. */
  | "pending"
  | "gone";

/** What a line takes from its member. */
export interface LineWorld {
  /** Sends what is asked; resolves to the outcomes. */
  readonly request: (message: IncrementMessage & { readonly kind: "asked" }) => Promise<readonly Outcome[]>;
  /** The next number that no increment of this member ever had. */
  readonly number: () => number;
  /** Runs a task behind what runs in this turn. */
  readonly soon: (task: () => void) => void;
  /** Runs a task in the loop's next turn. */
  readonly later: (task: () => void) => void;
}

interface Asked extends AskedIncrement, Increment {
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (error: unknown) => void;
  /** The view in which it went last; 0 before it went. */
  view: number;
}

/** Increments asked of one incarnation. */
export class IncrementLine {
  readonly #to: string;
  readonly #world: LineWorld;
  /** By number; those that went in this view are the first. */
  readonly #asked = new Map<number, Asked>();
  #view: number;
  #standing: Standing = "member";
  #last = 0;
  /** All up to here are settled, and the other end was told. */
  #told = 0;
  #flight = 0;
  #messages = 0;
  /** An answer came in this turn of the loop: whoever asks now waited for it. */
  #isAnswered = false;
  #isFlushing = false;
  #waiters: Array<() => void> = [];

  constructor(to: string, view: number, world: LineWorld) {
    this.#to = to;
    this.#view = view;
    this.#world = world;
  }

  /** Increments whose outcome is not known. */
  get size(): number {
    return this.#asked.size;
  }

  /** First number that is open, 0 for none. */
  get firstOpen(): number {
    for (const first of this.#asked.keys()) return first;
    return 0;
  }

  /**
   * Up to where all is settled, if the other end has not heard so and no request is left that will say it.
   */
  get untold(): number | undefined {
    return this.#asked.size === 0 && this.#last > this.#told ? this.#last : undefined;
  }

  /** Asks for an increment; those of one turn go together. */
  ask(increment: Increment): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      const sequence = this.#last = this.#world.number();
      this.#asked.set(sequence, { ...increment, sequence, resolve, reject, view: 0 });
      this.#flushSoon();
    });
  }

  /** The other end was told up to where all is settled. */
  told(upTo: number): void {
    this.#told = upTo;
  }

  /** Resolves when nothing is open. */
  async settled(): Promise<void> {
    if (this.#asked.size > 0) await new Promise<void>((go) => this.#waiters.push(go));
  }

  /** A view begins. */
  entered(view: number, standing: Standing): void {
    const wasPending = this.#standing === "pending";
    this.#view = view;
    this.#standing = standing;
    this.#flight = 0;
    this.#told = 0;
    if (standing === "member") return this.#flushSoon();
    for (const asked of [...this.#asked.values()]) {
      if (asked.view === 0) this.#settle(asked, NOT_DONE);
      else if (standing === "gone") this.#settle(asked, wasPending ? this.#unknown() : NOT_DONE);
    }
  }

  /** What recovery found in the journal of the other end, which is lost; undefined when nobody can know. */
  published(results: readonly Published[] | undefined): void {
    const found = new Map((results ?? []).map(({ sequence, value }) => [sequence, value]));
    for (const asked of [...this.#asked.values()]) {
      const value = found.get(asked.sequence);
      if (value !== undefined) this.#settle(asked, { kind: "done", value });
      else this.#settle(asked, results === undefined ? this.#unknown() : NOT_DONE);
    }
  }

  /** This member ends. */
  end(cause: CohortError): void {
    for (const asked of [...this.#asked.values()]) {
      this.#settle(asked, asked.view === 0 ? cause : this.#unknown(cause));
    }
  }

  #flushSoon(): void {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    this.#world.soon(() => {
      this.#isFlushing = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#standing !== "member") {
      for (const asked of [...this.#asked.values()]) if (asked.view === 0) this.#settle(asked, NOT_DONE);
      return;
    }
    while (this.#flight < FLIGHT_MAX) {
      const batch: Asked[] = [];
      for (const asked of this.#asked.values()) {
        if (batch.length === BATCH_MAX) break;
        if (asked.view !== this.#view) batch.push(asked);
      }
      if (batch.length === 0) return;
      this.#send(batch);
    }
  }

  #send(batch: readonly Asked[]): void {
    const view = this.#view;
    const isPressing = this.#flight > 0 || this.#isAnswered;
    this.#messages++;
    for (const { taken } of batch) taken.asked(this.#messages, isPressing);
    const wasAsked = batch.map((it) => it.view > 0);
    for (const asked of batch) asked.view = view;
    this.#flight++;
    const settled = this.firstOpen - 1;
    this.#told = settled;
    const increments = batch.map(({ sequence, tag, name, key, by }) => ({ sequence, tag, name, key, by }));
    this.#world.request({ kind: "asked", settled, increments }).then(
      (outcomes) => this.#over(view, () => this.#answered(batch, view, outcomes)),
      (error) => this.#over(view, () => this.#failed(batch, wasAsked, error)),
    );
  }

  /** An answer of a view that is over is as good, unless the same was asked again since. */
  #answered(batch: readonly Asked[], view: number, outcomes: readonly Outcome[]): void {
    batch.forEach((asked, i) => {
      if (asked.view === view) this.#settle(asked, outcomes[i]!);
    });
  }

  /** What the end of a view left open is asked again, or told by recovery. */
  #failed(batch: readonly Asked[], wasAsked: readonly boolean[], error: unknown): void {
    batch.forEach((asked, i) => {
      if (asked.view !== this.#view || isCode(error, "VIEW_CHANGED")) return;
      const isUnsent = isCode(error, "UNREACHABLE") && !wasAsked[i];
      this.#settle(asked, isUnsent ? NOT_DONE : this.#unknown(error));
    });
  }

  #over(view: number, settle: () => void): void {
    if (view === this.#view) this.#flight--;
    if (!this.#isAnswered) {
      this.#isAnswered = true;
      this.#world.later(() => this.#isAnswered = false);
    }
    settle();
    if (this.#standing === "member" && this.#hasUnsent()) this.#flushSoon();
  }

  #hasUnsent(): boolean {
    for (const { view } of this.#asked.values()) if (view !== this.#view) return true;
    return false;
  }

  #settle(asked: Asked, outcome: Outcome | CohortError): void {
    if (!this.#asked.delete(asked.sequence)) return;
    if (outcome instanceof CohortError) asked.reject(outcome);
    else asked.resolve(outcome);
    if (this.#asked.size === 0) { for (const go of this.#waiters.splice(0)) go(); }
  }

  #unknown(cause?: unknown): CohortError {
    const text = `Could not learn whether ${this.#to} has done an increment that it was asked for`;
    return new CohortError("OUTCOME_UNKNOWN", text, { member: this.#to }, cause);
  }
}

const NOT_DONE: Outcome = { kind: "refused", holder: undefined };
