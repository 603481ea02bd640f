/**
 * Take-overs: how soon a small database is mounted after the death of its holder, and who is not taken over
 * at all.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { openNode } from "../../../mod.ts";
import { findService } from "../../support/services.ts";
import { startWorker } from "./campaign.ts";
import { Ledger } from "./ledger.ts";
import { pause } from "./line_child.ts";
import type { WorkerOptions } from "./worker.ts";

function optionsIn(root: string, ledger: Ledger): WorkerOptions {
  return {
    root,
    seed: 4,
    acknowledged: ledger.acknowledged,
    durability: "sync",
    poolBlocks: 128,
    cycleBlocks: 16,
    segmentBytes: 1 << 20,
    checkpointBytes: 1 << 18,
    then: "wait",
    closeAfterMs: 0,
  };
}

/** How soon a database was another's after the death of its holder, in milliseconds, sorted. */
export interface TakeOverTimes {
  /** From the holder's death to the claim being this node's: judged dead, its claim superseded. */
  readonly claimMs: readonly number[];
  /** From the holder's death to the database mounted: the claim, and recovery. */
  readonly mountMs: readonly number[];
}

/**
 * A process that holds two small databases at rest is killed with -9, again and again, and one of them
 * mounted by a new node of this process. All that such a node does is in the time: its own journals are made,
 * the claim is taken over, the dead journals are recovered. The code is cold in the first round alone.
 */
export async function takeOverTimes(rounds: number): Promise<TakeOverTimes> {
  const root = mkdtempSync(`${tmpdir()}/cohort-takeover-`);
  const claimMs: number[] = [], mountMs: number[] = [];
  try {
    for (let round = 0; round < rounds; round++) {
      const ledger = new Ledger();
      const child = startWorker(optionsIn(root, ledger), ledger);
      try {
        if (await child.fact("ready") === undefined) throw new Error(`The holder ended: ${child.errors}`);
        await pause(100);
      } finally {
        await child.kill();
      }
      const begun = performance.now();
      const event = (name: string): void => {
        if (name === "claim.takeover") claimMs.push(performance.now() - begun);
      };
      const observer = { traits: { version: 1 as const }, event, measure: () => {} };
      const node = await openNode({ dir: `${root}/node` }, { observer });
      await node.mount(`${root}/a`);
      mountMs.push(performance.now() - begun);
      await node.close();
    }
    if (claimMs.length !== rounds) throw new Error(`${claimMs.length} of ${rounds} claims were taken over`);
    const byTime = (a: number, b: number): number => a - b;
    return { claimMs: claimMs.sort(byTime), mountMs: mountMs.sort(byTime) };
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

/** What became of a holder in another pid namespace. */
export interface NamespaceReport {
  /** What a mount said while the holder lived, and after it was killed. */
  readonly refusals: readonly string[];
  /** Acknowledged by the holder; all was there once a person had confirmed its end. */
  readonly operations: number;
  readonly problems: readonly string[];
}

/** A holder in another pid namespace on the same directory; undefined where there can be none. */
export async function playNamespaces(): Promise<NamespaceReport | undefined> {
  const unshare = findService("unshare");
  const lead = ["-p", "--fork", "--mount-proc", "--kill-child"];
  if (unshare === undefined || spawnSync(unshare, [...lead, "true"]).status !== 0) return undefined;
  const root = mkdtempSync(`${tmpdir()}/cohort-namespace-`);
  const ledger = new Ledger();
  const refusals: string[] = [];
  const refused = async (): Promise<void> => {
    const child = startWorker({ ...optionsIn(root, ledger), then: "close" }, new Ledger());
    try {
      if (await child.fact("ready") !== undefined) {
        ledger.problems.push("a holder in another namespace was taken over");
      }
    } finally {
      await child.kill();
    }
    refusals.push(/lives in another pid namespace/.exec(child.errors)?.[0] ?? child.errors);
  };
  try {
    const inside = startWorker({ ...optionsIn(root, ledger), then: "work" }, ledger, [unshare, ...lead]);
    try {
      if (await inside.fact("ready") === undefined) throw new Error(`The holder ended: ${inside.errors}`);
      await pause(100);
      await refused();
    } finally {
      await inside.kill();
    }
    await refused();
    const last = startWorker({ ...optionsIn(root, ledger), then: "close", confirmGone: true }, ledger);
    try {
      if (await last.fact("closed") === undefined) {
        ledger.problems.push(`the confirmed mount: ${last.errors}`);
      }
    } finally {
      await last.kill();
    }
  } catch (error) {
    ledger.problems.push(String(error));
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
  return { refusals, operations: ledger.operations, problems: ledger.problems };
}
