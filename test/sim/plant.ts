/** What a planted bug is (test/sim/planted.ts). */
import type { CheckerName } from "../../src/testing/sim/check/problems.ts";

/** One replacement. */
export interface Edit {
  readonly file: string;
  /** Stands in the file exactly once. */
  readonly find: string;
  readonly replace: string;
}

/** One planted bug. */
export interface Plant {
  readonly id: string;
  /** The mistake, as its author would put it. */
  readonly mistake: string;
  readonly edits: readonly Edit[];
  /**
   * `rot`: only the phase in which bits rot; `churn`, `leave`, `crowd`: clusters under a strain
   * (variants.ts).
   */
  readonly tier: "micro" | "full" | "rot" | "cluster" | "churn" | "leave" | "crowd";
  /** Seed to begin with: one that is known to find it soon. */
  readonly seed: number;
  /** Seeds it may take at most. */
  readonly seedsMax: number;
  /** One of these must find it. */
  readonly checkers: readonly CheckerName[];
}

/** Checkers that see what is lost. */
export const LOST: readonly CheckerName[] = [
  "durability",
  "stamps",
  "registers",
  "serial",
  "slots",
  "counters",
];
