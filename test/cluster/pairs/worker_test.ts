/**
 * Members in real Workers, over files and MessagePorts: one stands still, is fenced by its gates, and wakes.
 */
import { assert, assertEquals } from "@std/assert";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { test } from "#test";
import { createWorkerHub, type WorkerHub } from "../../../adapters/interconnect_worker.ts";

/** A Worker, and what it says. */
class Far {
  readonly worker: Worker;
  /** The last of what it has done: how often, the count, members, and those who are not recovered. */
  last: readonly number[] = [0, 0, 0, 0];
  /** What it says at its end. */
  end: readonly unknown[] | undefined;
  readonly counts: number[] = [];

  constructor(hub: WorkerHub, root: string, name: string) {
    const port = hub.port();
    this.worker = new Worker(new URL("./worker_member.ts", import.meta.url), {
      workerData: { root, name, port },
      transferList: [port],
    });
    hub.watch(port, this.worker);
    this.worker.on("message", (said: readonly (number | string)[]) => {
      if (said[0] === "over") this.end = said.slice(1);
      else {
        this.last = said as readonly number[];
        this.counts.push(said[1] as number);
      }
    });
    this.worker.on("error", (error) => this.end = [String(error)]);
  }
}

async function until(what: string, condition: () => boolean): Promise<void> {
  const from = performance.now();
  while (!condition()) {
    assert(performance.now() - from < 40_000, `${what} did not come about in 40 s`);
    await sleep(5);
  }
}

test(
  "cluster of Workers over files: one stands still, and the others go on",
  { timeoutMs: 120_000 },
  async () => {
    const root = mkdtempSync(`${tmpdir()}/cohort-workers-`);
    const hub = createWorkerHub();
    const all: Far[] = [];
    try {
      for (const name of ["alpha", "beta", "gamma"]) all.push(new Far(hub, root, name));
      const [alpha, beta, gamma] = all as [Far, Far, Far];
      const others = [alpha, gamma];
      await until("all work", () => all.every((it) => it.last[0]! > 20 && it.last[2] === 3));
      const wake = new SharedArrayBuffer(4);
      beta.worker.postMessage(wake);
      const before = others.map((it) => it.last[0]!);
      await until(
        "it is lost and recovered",
        () => others.every((it) => it.last[2] === 2 && it.last[3] === 0),
      );
      await until("the others go on", () => others.every((it, i) => it.last[0]! > before[i]! + 20));
      Atomics.store(new Int32Array(wake), 0, 1);
      Atomics.notify(new Int32Array(wake), 0);
      await until("the one that stood still has heard of it", () => beta.end !== undefined);
      const [how] = beta.end as [string];
      assert(["STOPPED", "FENCED", "OUTCOME_UNKNOWN"].includes(how), how);
      // One after the other: who ends last sees all.
      alpha.worker.postMessage("end");
      await until("the first ends", () => alpha.end !== undefined);
      gamma.worker.postMessage("end");
      await until("the second ends", () => gamma.end !== undefined);
      const [problems, counted, sum, byBeta] = gamma.end as [number, number, number, number];
      assertEquals([alpha.end![0], problems], [0, 0]);
      const counts = all.flatMap((it) => it.counts);
      assertEquals(new Set(counts).size, counts.length);
      const told = all.reduce((sum, it) => sum + it.last[0]!, 0);
      assertEquals([counted, sum, byBeta], [counts.length, told, beta.last[0]!]);
    } finally {
      for (const { worker } of all) await worker.terminate();
      hub.close();
      rmSync(root, { recursive: true, force: true });
    }
  },
);
