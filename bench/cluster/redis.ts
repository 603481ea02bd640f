/**
 * Redis as an instance of the bench's own, over a Unix socket, through Bun's own client, which pipelines what
 * one turn asks; settings of peers.md. W4 is left out: this instance syncs every second.
 */
import { ascending, Draw, flatKey, value } from "../common/records.ts";
import { type Job, rangeOf, type Stage, type Subject } from "./job.ts";
import { redisSocket } from "./redis_server.ts";
import { awaited, inFlight, timed } from "./timed.ts";

/** The client, as far as it is used here. */
interface Client {
  get(key: string): Promise<string | null>;
  set(key: string, value: string): Promise<unknown>;
  incr(key: string): Promise<number>;
  send(command: string, parameters: readonly string[]): Promise<unknown>;
  close(): void;
}

const SETTINGS = "appendonly, appendfsync everysec, Unix socket";
/** Sets awaited together while loading. */
const BATCH = 2000;

function connect(job: Job): Client {
  const { Bun } = globalThis as unknown as { Bun: { RedisClient: new (url: string) => Client } };
  return new Bun.RedisClient(`redis+unix://${redisSocket(job.directory)}`);
}

async function load(client: Client, job: Job): Promise<void> {
  await client.send("FLUSHALL", []);
  let batch: Array<Promise<unknown>> = [];
  for (const i of ascending(job.records)) {
    batch.push(client.set(flatKey(i), value(i)));
    if (batch.length < BATCH) continue;
    await Promise.all(batch);
    batch = [];
  }
  await Promise.all(batch);
}

async function one(client: Client, job: Job, stage: Stage): Promise<void> {
  const draw = new Draw();
  const get = (): Promise<unknown> => client.get(flatKey(draw.below(job.records)));
  const set = (): Promise<unknown> => {
    const i = draw.below(job.records);
    return client.set(flatKey(i), value(i + 1));
  };
  const add = (): Promise<number> => client.incr("c1");
  await stage.together(["W2 get"], SETTINGS, timed(awaited(get), job));
  await stage.together(["W5 relaxed, 1 in flight"], SETTINGS, timed(awaited(set), job));
  await stage.together(["W5 relaxed, 64 in flight"], SETTINGS, timed(inFlight(set, 64), job));
  await stage.together(["W6 counter, 1 in flight"], SETTINGS, timed(awaited(add), job));
  await stage.together(["W6 counter, 64 in flight"], SETTINGS, timed(inFlight(add, 64), job));
}

async function count(client: Client, job: Job, stage: Stage): Promise<void> {
  for (const name of ["same counter", "different counters"] as const) {
    const key = name === "same counter" ? "c1" : `c${job.part + 1}`;
    const add = (): Promise<number> => client.incr(key);
    const title = `W6 ${name}, 2 processes` as const;
    await stage.together([`${title}, 1 in flight`], SETTINGS, timed(awaited(add), job));
    await stage.together([`${title}, 64 in flight`], SETTINGS, timed(inFlight(add, 64), job));
  }
}

async function mix(client: Client, job: Job, stage: Stage): Promise<void> {
  const draw = new Draw(job.part);
  let turn = 0;
  for (const name of ["own ranges", "uniform"] as const) {
    const { first, some } = rangeOf(job, name === "own ranges");
    const mixed = (): Promise<unknown> => {
      const i = first + draw.below(some);
      return ++turn % 10 === 0 ? client.set(flatKey(i), value(i + turn)) : client.get(flatKey(i));
    };
    const title = `W7 ${name}, 2 processes` as const;
    await stage.together([`${title}, 1 in flight`], SETTINGS, timed(awaited(mixed), job));
    await stage.together([`${title}, 64 in flight`], SETTINGS, timed(inFlight(mixed, 64), job));
  }
}

/** Redis as a subject. */
export const subject: Subject = async (job, stage) => {
  const client = connect(job);
  if (job.step === "load") await load(client, job);
  else if (job.step === "one") await one(client, job, stage);
  else if (job.step === "read") {
    const draw = new Draw(job.part);
    const get = (): Promise<unknown> => client.get(flatKey(draw.below(job.records)));
    await stage.together(["W2 get, 2 processes"], SETTINGS, timed(awaited(get), job));
  } else if (job.step === "count") await count(client, job, stage);
  else await mix(client, job, stage);
  client.close();
};
