/** What checkers find. */

/** One finding. */
export interface Problem {
  /** Which checker found it: one word, used by the table of planted bugs. */
  readonly checker: CheckerName;
  readonly text: string;
}

/** The checkers. */
export type CheckerName =
  | "model"
  | "durability"
  | "order"
  | "registers"
  | "counters"
  | "serial"
  | "slots"
  | "structure"
  | "volume"
  | "stamps"
  | "home"
  | "liveness"
  | "errors"
  | "contract"
  | "quarantine"
  // Of clusters: one writer a block; nothing of a fenced member on the disk; bounded tables.
  | "modes"
  | "fence"
  | "memory";

/** The findings of a run, bounded: the first ones say it all. */
export class Problems {
  readonly list: Problem[] = [];
  /** Findings beyond those kept. */
  dropped = 0;

  /** Adds a finding. */
  add(checker: CheckerName, text: string): void {
    if (this.list.length < PROBLEMS_MAX) this.list.push({ checker, text });
    else this.dropped++;
  }

  /** True when there is any. */
  get any(): boolean {
    return this.list.length > 0;
  }
}

const PROBLEMS_MAX = 40;
