/** Which subjects run, under what, and in which order: everyone does a step before anyone does the next. */
import { gtmDirectory } from "../common/gtm.ts";
import type { Job, Runtime, Step } from "./job.ts";
import { hasRedis } from "./redis_server.ts";

/** One subject under one runtime. */
export interface Entrant {
  readonly subject: string;
  readonly runtime: Runtime;
  /** What its lines say of the runtime: a peer that is no JavaScript has its own. */
  readonly shown: Runtime | "own";
  /** The word that picks it in `--only`. */
  readonly word: string;
  readonly steps: readonly Step[];
  /** Whose data it works on: of entrants with the same home one alone loads. */
  readonly home: string;
  readonly mount?: Job["mount"];
}

/** Subject of the ratios' denominator. */
export const BASELINE = "bun:sqlite";

/** Steps of a round, in the order they are run; `load` comes once, before the first. */
export const STEPS: readonly Step[] = ["one", "read", "count", "mix"];

const ALL_STEPS: readonly Step[] = ["load", ...STEPS];

const ALL: readonly Entrant[] = [
  peer(BASELINE, "sqlite", "bun"),
  ...(["bun", "deno"] as const).flatMap((runtime): Entrant[] => {
    const of = { runtime, shown: runtime, word: "cohort", home: `cohort_${runtime}` };
    return [
      { ...of, subject: "Cohort, private", steps: ["one"], mount: "private" },
      { ...of, subject: "Cohort", steps: ALL_STEPS, mount: "direct" },
      { ...of, subject: "Cohort, disk", steps: ["read", "count", "mix"], mount: "disk" },
    ];
  }),
  peer("lmdb", "lmdb", "bun"),
  peer("GT.M", "gtm", "own"),
  peer("Redis", "redis", "own"),
];

function peer(subject: string, word: string, shown: Entrant["shown"]): Entrant {
  return { subject, runtime: "bun", shown, word, steps: ALL_STEPS, home: word };
}

/** The words `--only` knows. */
export const WORDS: readonly string[] = [...new Set(ALL.map((entrant) => entrant.word)), "bun", "deno"];

/** How many processes do a step. */
export function processesOf(step: Step): number {
  return step === "load" || step === "one" ? 1 : 2;
}

/**
 * Who runs. `only` picks by word, with `bun` or `deno` to pick a runtime; the baseline always runs, GT.M and
 * Redis only where they are installed.
 */
export function entrants(only: readonly string[]): Entrant[] {
  const words = only.filter((word) => word !== "bun" && word !== "deno");
  const runtimes = only.filter((word) => word === "bun" || word === "deno");
  return ALL.filter((entrant) => {
    if (entrant.subject === BASELINE) return true;
    const picked = words.length === 0 || words.includes(entrant.word);
    const isIn = runtimes.length === 0 || entrant.shown === "own" || runtimes.includes(entrant.shown);
    return picked && isIn && isInstalled(entrant.word);
  });
}

function isInstalled(word: string): boolean {
  if (word === "gtm") return gtmDirectory() !== undefined;
  return word !== "redis" || hasRedis();
}
