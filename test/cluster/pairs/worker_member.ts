/**
 * A member in a Worker: joins over the port that it was given, and works until it is told to end, or stalls.
 */
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { CohortError, openNode } from "@cohort/db";
import { createWorkerInterconnect } from "../../../adapters/interconnect_worker.ts";
import { TIMINGS } from "./pairs.ts";

const { root, name, port } = workerData as {
  readonly root: string;
  readonly name: string;
  readonly port: MessagePort;
};
const parent = parentPort!;
let isOver = false;
let wake: SharedArrayBuffer | undefined;
parent.on("message", (order: SharedArrayBuffer | "end") => {
  if (order === "end") isOver = true;
  else wake = order;
});

const node = await openNode(
  { pij: `${root}/pij`, name, poolBytes: 4 << 20, segmentBytes: 4 << 20, timings: TIMINGS },
  { interconnect: () => createWorkerInterconnect(port) },
);
const database = await node.mount(`${root}/hr`, { mode: "clustered", create: true });
const work = database.global<number>("Work");

async function change(number: number): Promise<void> {
  const count = await work.increment(["all"], 1);
  await node.transact(async (transaction) => {
    const global = transaction.global(work);
    await global.set([name], number);
    await global.set(["sum"], (await global.get(["sum"]) ?? 0) + 1);
  });
  const { members = [], pending = [] } = node.status.cluster ?? {};
  parent.postMessage([number, count, members.length, pending.length]);
}

try {
  for (let number = 1; !isOver; number++) {
    // Between two changes: the loop stands still, the thread lives.
    if (wake !== undefined) Atomics.wait(new Int32Array(wake), 0, 0);
    await change(number);
  }
  const { problems } = await database.check();
  const told = [await work.get(["all"]), await work.get(["sum"]), await work.get(["beta"])];
  await node.close();
  parent.postMessage(["over", problems.length, ...told]);
} catch (error) {
  await node.close();
  parent.postMessage(["over", error instanceof CohortError ? error.code : String(error)]);
}
