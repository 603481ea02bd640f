/**
 * A process on a small disk: fills pages with values until there is no space, then kills its oldest page, and
 * so on. Options: JSON, argument 1. It says `a N` for a value set, `k PAGE` for a page killed, `s` for a
 * read, and facts.
 */
import process from "node:process";
import { CohortError, type Global, openNode } from "../../../mod.ts";
import { say, sayFact, sayStatus } from "./worker.ts";

/** What the worker is told. */
export interface FullOptions {
  readonly root: string;
  /** Whether it goes on after it has looked. */
  readonly then: "work" | "close";
}

/** Values of a page. */
export const PAGE_VALUES = 40;

/** The value numbered n. */
export function fullText(n: number): string {
  return `${n}:`.padEnd(400 + n % 700, "abcdefghij");
}

/** Runs a write until there is space for it; says once that there is none. */
async function patiently(write: () => Promise<void>, onFull: () => Promise<void>): Promise<void> {
  for (;;) {
    try {
      return await write();
    } catch (error) {
      if (!(error instanceof CohortError) || error.code !== "FULL") throw error;
      await onFull();
    }
  }
}

async function fill(pages: Global<string>, pageFirst: number, from: number): Promise<never> {
  let oldest = pageFirst;
  for (let n = from;; n++) {
    const key = [Math.floor(n / PAGE_VALUES), n % PAGE_VALUES];
    await patiently(() => pages.set(key, fullText(n)), async () => {
      sayFact({ what: "full", n });
      await patiently(() => pages.kill([oldest]), async () => {
        await new Promise((resolve) => setTimeout(resolve, 10));
      });
      say(`k ${oldest++}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    });
    say(`a ${n}`);
  }
}

async function lookOut(still: Global<string>): Promise<never> {
  for (;;) {
    if (await still.get(["here"]) !== "still") throw new Error("what was still there is gone");
    say("s");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

async function main(options: FullOptions): Promise<void> {
  const node = await openNode({
    dir: `${options.root}/node`,
    segmentBytes: 65_536,
    checkpointBytes: 65_536,
    cycleBlocks: 4,
    poolBytes: 64 * 8192,
    idleMs: 50,
  });
  sayStatus(node);
  try {
    const database = await node.mount(`${options.root}/db`, { create: true, extentBlocks: 64 });
    const pages = database.global<string>("Page");
    const there: [number, number][] = [];
    for await (const [[page, at], value] of pages.entries()) {
      const n = Number(page) * PAGE_VALUES + Number(at);
      if (value !== fullText(n)) throw new Error(`value ${n} is not as it was set`);
      there.push([Number(page), n]);
    }
    const { problems } = await database.check();
    sayFact({
      what: "ready",
      pid: process.pid,
      numbers: there.map(([, n]) => n),
      problems: problems.slice(0, 5),
    });
    if (options.then === "work") {
      await database.global<string>("Still").set(["here"], "still");
      const last = there.reduce((most, [, n]) => Math.max(most, n), -1);
      const pageFirst = there[0]?.[0] ?? 0;
      await Promise.all([fill(pages, pageFirst, last + 1), lookOut(database.global<string>("Still"))]);
    }
    await node.close();
    sayFact({ what: "closed" });
  } catch (error) {
    if (!(error instanceof CohortError)) throw error;
    sayFact({ what: "refused", code: error.code, message: error.message });
    process.exit(1);
  }
}

if (import.meta.main) await main(JSON.parse(process.argv[2]!) as FullOptions);
