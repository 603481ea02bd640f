/**
 * GT.M with a before-image journal: each worker minds one process of `mumps`; settings of peers.md.
 *
 * M runs one thing at a time in a process, so one figure stands for both numbers in flight; 64 durable
 * writers are 16 processes.
 */
import { Gtm } from "../common/gtm.ts";
import { both, type Job, rangeOf, type Stage, type Subject, type TimedFigure } from "./job.ts";

const SETTINGS = "BG, before-image journal, 40,000 buffers of 8 KiB, its journal up to a second late";
const WRITER_PROCESSES = 16;

/** The loop of a label in so many processes, made ready before anybody is told so. */
async function ready(
  gtm: Gtm,
  { ms }: Job,
  label: string,
  { processes = 1, parameters = [] }: {
    readonly processes?: number;
    readonly parameters?: readonly number[];
  } = {},
): Promise<(at: number) => Promise<TimedFigure>> {
  const loops = await gtm.loops(label, processes, parameters);
  return async (at) => {
    const rates = await Promise.all(loops.map((loop) => loop.begin(at)));
    const rate = rates.reduce((sum, it) => sum + it, 0);
    return { rate, operations: Math.round(rate * ms / 1000), began: at, ended: at + ms, lateMs: 0 };
  };
}

async function one(job: Job, gtm: Gtm, stage: Stage): Promise<void> {
  await stage.together(["W4 durable, 1 writer"], `${SETTINGS}; TCOMMIT`, await ready(gtm, job, "commit"));
  const many = await ready(gtm, job, "commit", { processes: WRITER_PROCESSES });
  await stage.together(
    ["W4 durable, 64 writers"],
    `${SETTINGS}; TCOMMIT in ${WRITER_PROCESSES} processes`,
    many,
  );
  await stage.together(["W2 get"], SETTINGS, await ready(gtm, job, "get"));
  await stage.together(both("W5 relaxed"), `${SETTINGS}; plain SET`, await ready(gtm, job, "set"));
  await stage.together(both("W6 counter"), `${SETTINGS}; $INCREMENT`, await ready(gtm, job, "increment"));
}

async function count(job: Job, gtm: Gtm, stage: Stage): Promise<void> {
  const settings = `${SETTINGS}; $INCREMENT`;
  const same = await ready(gtm, job, "increment");
  await stage.together(both("W6 same counter, 2 processes"), settings, same);
  const different = await ready(gtm, job, job.part === 0 ? "increment" : "other");
  await stage.together(both("W6 different counters, 2 processes"), settings, different);
}

async function mix(job: Job, gtm: Gtm, stage: Stage): Promise<void> {
  for (const name of ["own ranges", "uniform"]) {
    const { first, some } = rangeOf(job, name === "own ranges");
    const loop = await ready(gtm, job, "ranged", { parameters: [first, some] });
    await stage.together(both(`W7 ${name}, 2 processes`), SETTINGS, loop);
  }
}

/** GT.M as a subject. */
export const subject: Subject = async (job, stage) => {
  const gtm = new Gtm(job);
  if (job.step === "load") {
    gtm.create();
    gtm.run("sequential");
    gtm.settle();
  } else if (job.step === "one") await one(job, gtm, stage);
  else if (job.step === "read") {
    await stage.together(["W2 get, 2 processes"], SETTINGS, await ready(gtm, job, "get"));
  } else if (job.step === "count") await count(job, gtm, stage);
  else await mix(job, gtm, stage);
};
