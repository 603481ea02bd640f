/** Which subjects run, under what, and in which order: everyone does a step before anyone does the next. */
import { gtmDirectory } from "../common/gtm.ts";
import type { Runtime, Step } from "./job.ts";

/** One subject under one runtime. */
export interface Entrant {
  readonly subject: string;
  readonly runtime: Runtime;
  /** What its lines say of the runtime: a peer that is no JavaScript has its own. */
  readonly shown: Runtime | "own";
  /** The word that picks it in `--only`. */
  readonly word: string;
  readonly steps: readonly Step[];
}

/** Subject of the ratios' denominator. */
export const BASELINE = "bun:sqlite";

/** Steps in the order they are run; `load` leaves the data for the others. */
export const STEPS: readonly Step[] = ["load", "read", "write", "increment", "beyond"];

const ALL: readonly Entrant[] = [
  { subject: BASELINE, runtime: "bun", shown: "bun", word: "sqlite", steps: STEPS },
  { subject: "Cohort", runtime: "bun", shown: "bun", word: "cohort", steps: STEPS },
  { subject: "Cohort", runtime: "deno", shown: "deno", word: "cohort", steps: STEPS },
  { subject: "lmdb", runtime: "bun", shown: "bun", word: "lmdb", steps: STEPS },
  { subject: "lmdb", runtime: "deno", shown: "deno", word: "lmdb", steps: STEPS },
  { subject: "node:sqlite", runtime: "deno", shown: "deno", word: "sqlite", steps: STEPS },
  {
    subject: "Deno KV",
    runtime: "deno",
    shown: "deno",
    word: "kv",
    steps: ["load", "read", "write", "increment"],
  },
  { subject: "GT.M", runtime: "bun", shown: "own", word: "gtm", steps: STEPS },
];

/** The words `--only` knows. */
export const WORDS: readonly string[] = [...new Set(ALL.map((entrant) => entrant.word))];

/**
 * Who runs. `only` picks by word, with `bun` or `deno` to pick a runtime; the baseline always runs, and GT.M
 * only where it is installed.
 */
export function entrants(only: readonly string[]): Entrant[] {
  const words = only.filter((word) => word !== "bun" && word !== "deno");
  const runtimes = only.filter((word) => word === "bun" || word === "deno");
  return ALL.filter((entrant) => {
    if (entrant.word === "gtm" && gtmDirectory() === undefined) return false;
    if (entrant.subject === BASELINE) return true;
    const picked = words.length === 0 || words.includes(entrant.word);
    return picked && (runtimes.length === 0 || entrant.shown === "own" || runtimes.includes(entrant.shown));
  });
}
