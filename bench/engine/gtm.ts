/**
 * GT.M with a before-image journal (settings of peers.md): whole processes of `mumps` running
 * bench/common/gtm/bench.m.
 *
 * Its clock counts microseconds and an operation takes two, so there are no latencies. M runs one thing at a
 * time in a process: 64 writers are 16 processes here, whose commits share syncs.
 */
import { Gtm, GTM_BLOCK_BYTES, GTM_BUFFERS } from "../common/gtm.ts";
import { type Figure, type Job, quarterPool, type Subject } from "./job.ts";

const WRITER_PROCESSES = 16;

const SETTINGS = "BG, before-image journal, 40,000 buffers of 8 KiB";

function load(job: Job, gtm: Gtm, tell: (figure: Figure) => void): void {
  for (const order of ["scattered", "sequential"] as const) {
    gtm.create();
    const began = performance.now();
    gtm.run(order);
    gtm.settle();
    const rate = job.records / (performance.now() - began) * 1000;
    tell({
      workload: `W1 load, ${order}`,
      rate,
      settings: `${SETTINGS}; the whole process, rundown and sync`,
    });
  }
}

async function beyond(job: Job, gtm: Gtm, tell: (figure: Figure) => void): Promise<void> {
  const buffers = Math.max(64, Math.floor(quarterPool(job) / GTM_BLOCK_BYTES));
  gtm.setBuffers(buffers);
  const settings = `BG, before-image journal, ${buffers} buffers of 8 KiB`;
  tell({ workload: "4x pool, get", rate: await gtm.rate("get"), settings });
  tell({ workload: "4x pool, mixed 90/10", rate: await gtm.rate("mixed"), settings });
  gtm.setBuffers(GTM_BUFFERS);
}

/** GT.M as a subject. */
export const subject: Subject = async (job, tell) => {
  const gtm = new Gtm(job);
  if (job.step === "load") load(job, gtm, tell);
  else if (job.step === "read") {
    tell({ workload: "W2 get", rate: await gtm.rate("get"), settings: SETTINGS });
    tell({ workload: "W3 scan", rate: await gtm.rate("scan"), settings: `${SETTINGS}; second pass` });
  } else if (job.step === "write") {
    tell({
      workload: "W4 durable, 1 writer",
      rate: await gtm.rate("commit"),
      settings: `${SETTINGS}; TCOMMIT`,
    });
    tell({
      workload: "W4 durable, 64 writers",
      rate: await gtm.rate("commit", WRITER_PROCESSES),
      settings: `${SETTINGS}; TCOMMIT in ${WRITER_PROCESSES} processes`,
    });
    const settings = `${SETTINGS}; plain SET, its journal up to a second late`;
    const rate = await gtm.rate("set");
    tell({ workload: "W5 relaxed, 1 in flight", rate, settings });
    tell({ workload: "W5 relaxed, 64 in flight", rate, settings });
  } else if (job.step === "increment") {
    const settings = `${SETTINGS}; $INCREMENT, its journal up to a second late`;
    const rate = await gtm.rate("increment");
    tell({ workload: "W6 increment, 1 in flight", rate, settings });
    tell({ workload: "W6 increment, 64 in flight", rate, settings });
  } else await beyond(job, gtm, tell);
};
