/**
 * The differential run: the same operations done by Cohort and by GT.M, every answer compared, and after each
 * slice every node of every global.
 */
import { openNode } from "@cohort/db";
import { Buffer } from "node:buffer";
import { Prng } from "../../support/prng.ts";
import { type Gtm, type GtmMode, openGtm } from "../gtm.ts";
import { Drawing, type Kind, NAMES, type Operation, type Place } from "./draw.ts";
import { type Lie, telling } from "./lies.ts";
import { type Answered, explain, isStoredZero, refusedAlike, type Rule } from "./rules.ts";
import { OurSide, shown, TheirSide, walkOurs } from "./sides.ts";

/** What to run. */
export interface DifferentialOptions {
  readonly mode: GtmMode;
  readonly seed: number;
  readonly operations: number;
  /** A wrong answer or deed of Cohort's to be noticed (lies.ts). */
  readonly lie?: Lie;
}

/** What was compared. */
export interface DifferentialReport {
  readonly mode: GtmMode;
  readonly seed: number;
  /** Operations done on both sides, by kind. */
  readonly byKind: Readonly<Partial<Record<Kind, number>>>;
  /** All of them. */
  readonly operations: number;
  /** Operations that both refused. */
  readonly refused: number;
  /** Nodes compared in the walks over all globals. */
  readonly nodes: number;
  /** Differences that a rule explains. */
  readonly deviations: ReadonlyMap<Rule, number>;
  /** Differences that none explains; the run ends with the slice that has the first. */
  readonly differences: readonly string[];
}

const SLICE = 2_500;
const SHOWN_CHARS = 200;
const POOL_BYTES = 16 * 1024 * 1024;
const ROUTINES = [new URL("../differential.m", import.meta.url)];

/** Runs it; undefined where GT.M is not installed. */
export async function runDifferential(options: DifferentialOptions): Promise<DifferentialReport | undefined> {
  using gtm = openGtm(ROUTINES, options.mode);
  if (gtm === undefined) return undefined;
  await using node = await openNode({ poolBytes: POOL_BYTES });
  const database = await node.mount("/differential", { create: true });
  const run = new Run(options, new OurSide(node, database));
  const walk = async (): Promise<string[]> =>
    (await Promise.all(NAMES.map((name) => walkOurs(database, name)))).flat();
  for (let at = 0; at < options.operations && run.differences.length === 0; at += SLICE) {
    await run.slice(gtm, at, Math.min(SLICE, options.operations - at), walk);
  }
  return run.report();
}

class Run {
  readonly differences: string[] = [];
  readonly #options: DifferentialOptions;
  readonly #answer: (operation: Operation) => Promise<string>;
  readonly #drawing: Drawing;
  readonly #ours: OurSide;
  readonly #theirs: TheirSide;
  readonly #byKind: Partial<Record<Kind, number>> = {};
  readonly #deviations = new Map<Rule, number>();
  #operations = 0;
  #refused = 0;
  #nodes = 0;
  /** The last operation was drawn inside a transaction. */
  #inside = false;

  constructor(options: DifferentialOptions, ours: OurSide) {
    this.#options = options;
    this.#drawing = new Drawing(new Prng(options.seed), options.mode);
    this.#ours = ours;
    const honest = (it: Operation): Promise<string> => ours.answer(it);
    this.#answer = options.lie === undefined ? honest : telling(options.lie, honest);
    this.#theirs = new TheirSide(options.mode);
  }

  /** Some operations (and what is left of a transaction), then all nodes. */
  async slice(gtm: Gtm, first: number, count: number, walk: () => Promise<string[]>): Promise<void> {
    const done: { answered: Omit<Answered, "theirs">; line: string }[] = [];
    while (done.length < count || this.#inside) {
      const operation = this.#drawing.next();
      if (operation.kind === "begin") this.#inside = true;
      if (operation.kind === "commit" || operation.kind === "rollback") this.#inside = false;
      for (const it of await this.#do(operation)) done.push(it);
    }
    const lines = [
      ...done.map(({ line }) => line),
      ...NAMES.map((name) => `do walk^differential("${name}")`),
    ];
    const encoding = this.#options.mode === "M" ? "latin1" : "utf8";
    const input = Buffer.from(lines.map((line) => `${line}\n`).join(""), encoding);
    const output = gtm.run("differential", input).toString(encoding).split("\n");
    for (const [at, { answered }] of done.entries()) {
      const theirs = this.#theirs.answer(answered.operation, output[at]!);
      this.#compare(first + at, { ...answered, theirs }, done[at]!.line);
    }
    const nodes = output.slice(done.length).filter((line) => line !== "").map((line) =>
      this.#theirs.node(line)
    );
    this.#compareNodes(first + count, await walk(), nodes);
  }

  report(): DifferentialReport {
    return {
      mode: this.#options.mode,
      seed: this.#options.seed,
      byKind: this.#byKind,
      operations: this.#operations,
      refused: this.#refused,
      nodes: this.#nodes,
      deviations: this.#deviations,
      differences: this.differences,
    };
  }

  /** Does an operation here, and says how GT.M is to do it. */
  async #do(operation: Operation): Promise<{ answered: Omit<Answered, "theirs">; line: string }[]> {
    const before = operation.kind === "increment" ? await this.#ours.value(operation.at) : undefined;
    const ours = await this.#answer(operation);
    const line = this.#theirs.line(operation);
    const answered = { operation, ours, before };
    // What Cohort refuses by a rule, GT.M does and takes back: both go on from the same nodes.
    const isTakenBack = operation.kind === "merge" || operation.kind === "increment";
    if (ours.startsWith("!") && isTakenBack) {
      return [{ answered, line: `tstart ():serial ${line} trollback -1` }];
    }
    if (isStoredZero(before)) {
      // GT.M may store something else then (rules.ts): both go on from what is right.
      const at = this.#theirs.reference((operation as { readonly at: Place }).at);
      return [{ answered, line: `${line} set ${at}="${ours}"` }];
    }
    if (operation.kind !== "increment" || /^-?\d{0,18}(\.\d{0,18})?$/.test(ours)) return [{ answered, line }];
    // What M has no number for may not stay.
    const clear: Operation = { kind: "set", at: operation.at, value: "", repeat: 1 };
    const cleared = { operation: clear, ours: await this.#ours.answer(clear), before: undefined };
    return [{ answered, line }, { answered: cleared, line: this.#theirs.line(clear) }];
  }

  #compare(at: number, answered: Answered, line: string): void {
    const { operation, ours, theirs } = answered;
    this.#operations++;
    this.#byKind[operation.kind] = (this.#byKind[operation.kind] ?? 0) + 1;
    if (ours === theirs && !ours.startsWith("!")) return;
    if (refusedAlike(answered)) {
      this.#refused++;
      return;
    }
    const rule = explain(answered);
    if (rule !== undefined) {
      this.#deviations.set(rule, (this.#deviations.get(rule) ?? 0) + 1);
      return;
    }
    const where = "at" in operation ? ` ${shown(operation.at)}` : "";
    this.differences.push(
      `${at}: ${operation.kind}${where}: Cohort ${visible(ours)}, GT.M ${visible(theirs)}; ${visible(line)}`,
    );
  }

  #compareNodes(at: number, ours: readonly string[], theirs: readonly string[]): void {
    this.#nodes += ours.length;
    for (let i = 0; i < Math.max(ours.length, theirs.length); i++) {
      if (ours[i] === theirs[i]) continue;
      const [mine, other] = [ours[i], theirs[i]].map((it) => it === undefined ? "no more" : visible(it));
      this.differences.push(`after ${at}: node ${i}: Cohort ${mine}, GT.M ${other}`);
      return;
    }
  }
}

/** A text for one line of a report. */
function visible(text: string): string {
  return JSON.stringify(text.slice(0, SHOWN_CHARS)).slice(1, -1);
}

/** A report for people, a line each. */
export function describeDifferential(report: DifferentialReport): string[] {
  const { mode, seed, operations, byKind, refused, nodes, deviations, differences } = report;
  const kinds = Object.entries(byKind).map(([kind, count]) => `${count} ${kind}`).join(", ");
  return [
    `${mode} mode, seed ${seed}: ${operations} operations (${kinds}), ${nodes} nodes in walks`,
    `  ${refused} refused by both`,
    ...[...deviations].map(([rule, count]) => `  ${count} by rule: ${rule}`),
    ...differences.map((it) => `  UNEXPLAINED ${it}`),
  ];
}
