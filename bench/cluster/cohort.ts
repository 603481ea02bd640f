/** Cohort itself, through its public calls, an `await` per operation: private, or a member of a cluster. */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import {
  type Database,
  type Durability,
  type Global,
  type Node,
  type NodeOptions,
  openNode,
} from "@cohort/db";
import { ascending, Draw, subscripts, value } from "../common/records.ts";
import { type Costs, type Job, rangeOf, type Stage, type Subject, type Workload } from "./job.ts";
import { awaited, inFlight, timed } from "./timed.ts";

const POOL_BYTES = 512 * 1024 * 1024;
/** Sets awaited together while loading; two such batches are under way. */
const BATCH = 1000;
/**
 * Journal between two checkpoints: what members have by default. A private mount has as much here, so that
 * what is compared is the price of sharing, not of how soon who takes over may begin.
 */
const CHECKPOINT_BYTES = 32 * 1024 * 1024;
/** Records between two of a range that are set before it is timed: fewer than a block holds. */
const WARM_STRIDE = 16;
/** A write cycle syncs its image journal, then the volume. */
const SYNCS_OF_CYCLE = 2;

/** A mounted database, and the node it is mounted by. */
class Opened {
  readonly node: Node;
  readonly database: Database;
  readonly settings: string;

  private constructor(node: Node, database: Database, settings: string) {
    this.node = node;
    this.database = database;
    this.settings = settings;
  }

  static async open(job: Job, durability: Durability): Promise<Opened> {
    const { directory, mount = "private", part } = job;
    const place: NodeOptions = mount === "private"
      ? { dir: join(directory, "node") }
      : { pij: join(directory, "pij"), name: `member${part + 1}`, handover: mount };
    const checkpointBytes = CHECKPOINT_BYTES;
    const node = await openNode({ ...place, durability, poolBytes: POOL_BYTES, checkpointBytes });
    const mode = mount === "private" ? "private" : "clustered";
    const database = await node.mount(join(directory, "database"), { mode, create: true });
    return new Opened(
      node,
      database,
      `durability ${durability}, pool 512 MiB, checkpoints of 32 MiB, ${mount}`,
    );
  }

  /** What it has cost until now: of a member. */
  get look(): (() => Costs) | undefined {
    if (this.node.status.cluster === undefined) return undefined;
    return () => {
      const { cluster, journalSyncs, writeDaemon } = this.node.status;
      const { transfers, left, messages } = cluster!.coherence;
      const syncs = journalSyncs + SYNCS_OF_CYCLE * (writeDaemon?.cycle ?? 0);
      return { transfers: transfers + left, messages, syncs };
    };
  }

  /** Reads everything once, so that the pool is warm. */
  async warm(job: Job): Promise<void> {
    let count = 0;
    for await (const batch of this.database.global<string>("Patient").entries().batches()) {
      count += batch.length;
    }
    if (count !== job.records) throw new Error(`Found ${count} records of ${job.records}`);
  }

  async close(): Promise<void> {
    await this.database.dismount();
    await this.node.close();
  }
}

async function load(job: Job): Promise<void> {
  rmSync(job.directory, { recursive: true, force: true });
  mkdirSync(job.directory, { recursive: true });
  const opened = await Opened.open({ ...job, mount: "private" }, "relaxed");
  const records = opened.database.global<string>("Patient");
  let batch: Array<Promise<void>> = [];
  let before: Promise<unknown> = Promise.resolve();
  for (const i of ascending(job.records)) {
    batch.push(records.set(subscripts(i), value(i)));
    if (batch.length < BATCH) continue;
    const now = Promise.all(batch);
    await before;
    before = now;
    batch = [];
  }
  await before;
  await Promise.all(batch);
  for (let part = 0; part < 2; part++) await counterOf(opened, part).set([1], 0);
  await opened.close();
}

/** Counters have each a global of their own. */
function counterOf({ database }: Opened, part: number) {
  return database.global<number>(`C${part + 1}`);
}

async function one(job: Job, stage: Stage): Promise<void> {
  for (const durability of ["sync", "relaxed"] as const) {
    const opened = await Opened.open(job, durability);
    const { settings, look } = opened;
    const options = { ms: job.ms, look };
    const records = opened.database.global<string>("Patient");
    const draw = new Draw();
    await opened.warm(job);
    const get = (): Promise<string | undefined> => records.get(subscripts(draw.below(job.records)));
    const set = (): Promise<void> => {
      const i = draw.below(job.records);
      return records.set(subscripts(i), value(i + 1));
    };
    if (durability === "relaxed") await stage.together(["W2 get"], settings, timed(awaited(get), options));
    const [first, second]: Workload[] = durability === "sync"
      ? ["W4 durable, 1 writer", "W4 durable, 64 writers"]
      : ["W5 relaxed, 1 in flight", "W5 relaxed, 64 in flight"];
    await stage.together([first!], settings, timed(awaited(set), options));
    await stage.together([second!], settings, timed(inFlight(set, 64), options));
    if (durability === "relaxed") {
      const counter = counterOf(opened, 0);
      const add = (): Promise<number> => counter.increment([1]);
      await stage.together(["W6 counter, 1 in flight"], settings, timed(awaited(add), options));
      await stage.together(["W6 counter, 64 in flight"], settings, timed(inFlight(add, 64), options));
    }
    await opened.close();
  }
}

async function read(job: Job, stage: Stage): Promise<void> {
  const opened = await Opened.open(job, "relaxed");
  const { settings, look } = opened;
  const records = opened.database.global<string>("Patient");
  const draw = new Draw(job.part);
  await opened.warm(job);
  const get = (): Promise<string | undefined> => records.get(subscripts(draw.below(job.records)));
  await stage.together(["W2 get, 2 processes"], settings, timed(awaited(get), { ms: job.ms, look }));
  await opened.close();
}

async function count(job: Job, stage: Stage): Promise<void> {
  const opened = await Opened.open(job, "relaxed");
  const { settings, look } = opened;
  const options = { ms: job.ms, look };
  for (const name of ["same counter", "different counters"] as const) {
    const counter = counterOf(opened, name === "same counter" ? 0 : job.part);
    const add = (): Promise<number> => counter.increment([1]);
    const title = `W6 ${name}, 2 processes` as const;
    await stage.together([`${title}, 1 in flight`], settings, timed(awaited(add), options));
    await stage.together([`${title}, 64 in flight`], settings, timed(inFlight(add, 64), options));
  }
  await opened.close();
}

async function mix(job: Job, stage: Stage): Promise<void> {
  const opened = await Opened.open(job, "relaxed");
  const { settings, look } = opened;
  const options = { ms: job.ms, look };
  const records = opened.database.global<string>("Patient");
  const draw = new Draw(job.part);
  let turn = 0;
  await opened.warm(job);
  for (const name of ["uniform", "own ranges"] as const) {
    const { first, some } = rangeOf(job, name === "own ranges");
    // Last, when both are done with the other's blocks: a process's own become so when it changes them. What
    // the steps before left to be brought home is no part of this one; peers begin with it.
    if (name === "own ranges") {
      await setSome(records, first, some);
      await opened.node.checkpoint();
    }
    const mixed = (): Promise<unknown> => {
      const i = first + draw.below(some);
      return ++turn % 10 === 0 ? records.set(subscripts(i), value(i + turn)) : records.get(subscripts(i));
    };
    const title = `W7 ${name}, 2 processes` as const;
    await stage.together([`${title}, 1 in flight`], settings, timed(awaited(mixed), options));
    await stage.together([`${title}, 64 in flight`], settings, timed(inFlight(mixed, 64), options));
  }
  await opened.close();
}

async function setSome(records: Global<string>, first: number, some: number): Promise<void> {
  let sets: Array<Promise<void>> = [];
  for (let i = first; i < first + some; i += WARM_STRIDE) {
    sets.push(records.set(subscripts(i), value(i)));
    if (sets.length < BATCH) continue;
    await Promise.all(sets);
    sets = [];
  }
  await Promise.all(sets);
}

/** Cohort as a subject. */
export const subject: Subject = (job, stage) => ({ load, one, read, count, mix })[job.step](job, stage);
