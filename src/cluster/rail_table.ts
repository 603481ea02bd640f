/**
 * When two rails change places: more than ten errors within a minute on one member, and every member has a
 * second rail that works. Pure.
 *
 * All members use the same rail, and no message says which: it follows from the _generation_, which counts
 * the switches of the cluster. Whoever hears of a higher one takes it over, so two members who decide at once
 * decide the same. The rail that was left counts as broken until a person says that it is repaired, or it has
 * answered for a minute without an error; and it must answer every member before it is used again.
 */

/** Most errors within {@linkcode RAIL_WINDOW_MS} that do not matter. */
export const RAIL_ERRORS_MAX = 10;
/** Milliseconds within which errors are counted. */
export const RAIL_WINDOW_MS = 60_000;
/** Rounds of probes by which one rail may lag behind the other. */
export const RAIL_LAG_MAX = 1;

/** Which rail: 0 was the primary when the cluster began. */
export type RailNumber = 0 | 1;

/** The other rail. */
export function otherRail(rail: RailNumber): RailNumber {
  return rail === 0 ? 1 : 0;
}

/** The rail that a generation uses. */
export function railOf(generation: number): RailNumber {
  return generation % 2 === 0 ? 0 : 1;
}

/** What is to be done about errors. */
export type RailVerdict = "stay" | "switch" | "no secondary";

/** The table. `isComplete`: every member has a second rail that works. */
export function railVerdict(errors: number, isComplete: boolean): RailVerdict {
  if (errors <= RAIL_ERRORS_MAX) return "stay";
  return isComplete ? "switch" : "no secondary";
}

/**
 * The rail to blame for silence, given the last rounds in which a member was heard over each: silence on both
 * is the member's own.
 */
export function silentRail(heard: readonly [number, number]): RailNumber | undefined {
  if (heard[1] - heard[0] > RAIL_LAG_MAX) return 0;
  return heard[0] - heard[1] > RAIL_LAG_MAX ? 1 : undefined;
}

/** Errors within a window that slides. It keeps as many times as it takes to decide. */
export class ErrorWindow {
  #times: number[] = [];

  /** An error at a time; times do not go back. */
  add(now: number): void {
    this.#times.push(now);
    if (this.#times.length > RAIL_ERRORS_MAX + 1) this.#times.shift();
  }

  /** How many lie within the window that ends now; more than one too many are not counted. */
  count(now: number): number {
    return this.#times.filter((it) => now - it <= RAIL_WINDOW_MS).length;
  }

  /** Forgets all. */
  clear(): void {
    this.#times = [];
  }
}

/** What one member knows of the rails as such. */
export class RailHealth {
  readonly #window = new ErrorWindow();
  readonly #errors: [number, number] = [0, 0];
  #generation = 0;
  #repaired = 0;
  /** Since when the rail that is not in use has had no error. */
  #quietSince = 0;

  /** Switches of the cluster until now. */
  get generation(): number {
    return this.#generation;
  }

  /** The latest generation whose unused rail a person has declared repaired. */
  get repaired(): number {
    return this.#repaired;
  }

  /** The rail in use. */
  get active(): RailNumber {
    return railOf(this.#generation);
  }

  /** Errors of each rail that this member has counted in its life. */
  get errors(): readonly [number, number] {
    return [...this.#errors];
  }

  /** Errors that count now. */
  recent(now: number): number {
    return this.#window.count(now);
  }

  /** An error of a rail. */
  error(rail: RailNumber, now: number): void {
    this.#errors[rail]++;
    if (rail === this.active) this.#window.add(now);
    else this.#quietSince = now;
  }

  /** Whether the unused rail may be used again, as far as its past goes. */
  isRepaired(now: number): boolean {
    if (this.#generation === 0 || this.#repaired >= this.#generation) return true;
    return now - this.#quietSince > RAIL_WINDOW_MS;
  }

  /** A person says that the unused rail is repaired; false when that is known. */
  repair(generation: number = this.#generation): boolean {
    if (generation <= this.#repaired) return false;
    this.#repaired = generation;
    return true;
  }

  /** The cluster has come to a generation. */
  enter(generation: number, now: number): void {
    this.#generation = generation;
    this.#window.clear();
    this.#quietSince = now;
  }
}
