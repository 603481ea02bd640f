/**
 * The plays of 2.c: how long the loss of a member is felt by the others. Arguments: `--kills N` (51),
 * `--stops
 * N` (20), `--full` (false evictions are watched for ten minutes instead of one), `--only WORD`.
 */
import process from "node:process";
import type { ClusterTimings } from "../../mod.ts";
import { watchCalm } from "./calm.ts";
import { type Loss, Trio, TUNED } from "./trio.ts";

function argument(name: string, otherwise: number): number {
  const at = process.argv.indexOf(name);
  return at < 0 ? otherwise : Number(process.argv[at + 1]);
}

/** Gives a result to `npm run show`. */
function result(text: string, control: string, ok: boolean): void {
  console.log(`@@${JSON.stringify({ runtime: "deno+bun", result: text, control, ok })}`);
}

/** The value below which so many of all lie. */
function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(part * sorted.length) - 1)] ?? NaN;
}

function spread(values: readonly number[]): string {
  const [median, most] = [quantile(values, 0.5), quantile(values, 0.99)].map((it) => it.toFixed(0));
  return `${median} ms at the median, p99 ${most}`;
}

/** Where the time goes, of all losses. */
function parts(losses: readonly Loss[]): string {
  const of = (part: (loss: Loss) => number): string => spread(losses.map(part));
  return `view ${of((it) => it.viewMs)}; fence ${of((it) => it.fenceMs)}; reports ${
    of((it) => it.reportMs)
  }; replay ${of((it) => it.replayMs)}; recovered ${of((it) => it.recoveredMs)}`;
}

/** Loses one member after the other: by turns the master, and the one that joined last. */
async function loseOften(timings: ClusterTimings, times: number, signal: "SIGKILL" | "SIGSTOP") {
  const trio = new Trio(timings);
  const losses: Loss[] = [];
  try {
    // One after the other, so that it is known who joined when.
    const joined = [0, 1, 2];
    for (const at of joined) await trio.start([at]);
    for (let time = 0; time < times; time++) {
      const at = time % 2 === 0 ? joined.shift()! : joined.pop()!;
      losses.push(await trio.lose([at], signal));
      await trio.start([at]);
      joined.push(at);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  } catch (error) {
    trio.problems.push(String(error));
  } finally {
    await trio.clear();
  }
  for (const problem of trio.problems) console.log(`problem: ${problem}`);
  return { losses, problems: trio.problems };
}

async function showCrashes(): Promise<void> {
  const kills = argument("--kills", 51);
  const { losses, problems } = await loseOften({}, kills, "SIGKILL");
  const last = losses.map((it) => it.lastMs), first = losses.map((it) => it.firstMs);
  const text =
    `kill -9 of one of three, ${losses.length} times, the master every other time: a survivor has ` +
    `written a block that the dead had changed ${spread(first)}; the other one, too, ${spread(last)}`;
  const ok = problems.length === 0 && losses.length >= kills && quantile(first, 0.5) <= 100 &&
    quantile(last, 0.99) <= 500;
  // Who follows the master recovers for the first time; the master had done so before.
  const [heirs, same] = [0, 1].map((turn) => spread(last.filter((_, time) => time % 2 === turn)));
  const turns = `the master ${heirs}, another one ${same}`;
  result(text, `each found what the dead had written; ${turns}; ${parts(losses)}`, ok);
}

async function showSilence(name: string, timings: ClusterTimings, limitMs: number): Promise<void> {
  const stops = argument("--stops", 20);
  const { losses, problems } = await loseOften(timings, stops, "SIGSTOP");
  const last = losses.map((it) => it.lastMs);
  const text =
    `SIGSTOP of one of three, ${losses.length} times, ${name} timings: each survivor has written a ` +
    `block that it had changed ${spread(last)}`;
  const ok = problems.length === 0 && losses.length >= stops && quantile(last, 0.99) <= limitMs;
  result(text, `the stopped process was gone each time; ${parts(losses)}`, ok);
}

/** What a long journal costs: there is no goal for it but that nothing is lost. */
async function showBacklog(): Promise<void> {
  const sets = argument("--sets", 60_000), kills = 6;
  const trio = new Trio({});
  const losses: Loss[] = [];
  try {
    await trio.start();
    for (let kill = 0; kill < kills; kill++) {
      await Promise.all(trio.members.map((it) => trio.ask(it, `load ${sets}`, "loaded")));
      losses.push(await trio.lose([kill % 3], "SIGKILL"));
      await trio.start([kill % 3]);
    }
  } catch (error) {
    trio.problems.push(String(error));
  } finally {
    await trio.clear();
  }
  for (const problem of trio.problems) console.log(`problem: ${problem}`);
  const text = `kill -9 right after each of three had set ${sets} values of 1,000 bytes, ${losses.length} ` +
    `times: each survivor has written what the dead had changed ${spread(losses.map((it) => it.lastMs))}`;
  const ok = trio.problems.length === 0 && losses.length === kills;
  result(text, `each found what the dead had written; ${parts(losses)}`, ok);
}

async function showMany(): Promise<void> {
  const trio = new Trio({});
  const two: Loss[] = [], all: number[] = [];
  try {
    await trio.start();
    for (let round = 0; round < 6; round++) {
      const [a, b, c] = [round % 3, (round + 1) % 3, (round + 2) % 3];
      two.push(await trio.lose([a, b], "SIGKILL"));
      await trio.start([a, b]);
      all.push(await trio.loseAll(c));
      await trio.start([a, b]);
    }
  } catch (error) {
    trio.problems.push(String(error));
  } finally {
    await trio.clear();
  }
  for (const problem of trio.problems) console.log(`problem: ${problem}`);
  const text =
    `two of three killed, ${two.length} times: the third has written what one of them had changed ` +
    `${
      spread(two.map((it) => it.lastMs))
    }; all killed, ${all.length} times: one that is started has written ` +
    `it ${spread(all)} after its start`;
  const ok = trio.problems.length === 0 && two.length === 6 && all.length === 6;
  result(text, "each found what the dead had written, or it would be a problem", ok);
}

/** The master leaves in good order: nobody is fenced, nothing is recovered, and hardly anything waits. */
async function showLeaving(): Promise<void> {
  const leaves = argument("--leaves", 101), limitMs = 50;
  const trio = new Trio({});
  const gaps: number[] = [], calm: number[] = [], unasked: string[] = [];
  try {
    for (const at of [0, 1, 2]) await trio.start([at]);
    for (let time = 0; time < leaves; time++) {
      const found = await trio.leave(time % 3);
      gaps.push(found.gapMs);
      calm.push(found.calmMs);
      unasked.push(...found.unasked);
      await trio.start([time % 3]);
    }
  } catch (error) {
    trio.problems.push(String(error));
  } finally {
    await trio.clear();
  }
  for (const problem of [...trio.problems, ...unasked]) console.log(`problem: ${problem}`);
  const text =
    `the master leaves in good order, ${gaps.length} times, having changed blocks: the longest set ` +
    `of a survivor meanwhile took ${spread(gaps)} (while nobody leaves ${spread(calm)})`;
  const ok = trio.problems.length === 0 && unasked.length === 0 && gaps.length === leaves &&
    quantile(gaps, 0.99) <= limitMs;
  result(text, "each found what the master had written; no fence, no recovery, no failed set", ok);
}

async function showCalm(): Promise<void> {
  const isFull = process.argv.includes("--full");
  const { seconds, stalls, evictions, idle, problems } = await watchCalm(
    isFull ? 600 : argument("--calm", 60),
  );
  for (const problem of problems) console.log(`problem: ${problem}`);
  const text = `${(seconds / 60).toFixed(1)} minutes${isFull ? "" : " (--full: ten)"} with all processors ` +
    `busy and ${stalls} stalls of a loop of a second, default timings: ${evictions} evictions`;
  const ok = evictions === 0 && problems.length === 0 && idle < 0.05;
  result(text, `the processors were idle for ${(idle * 100).toFixed(1)} % of the time`, ok);
}

const only = process.argv.indexOf("--only");
const plays: Record<string, () => Promise<void>> = {
  crash: showCrashes,
  silent: () => showSilence("default", {}, 5_000),
  tuned: () => showSilence("tuned", TUNED, 2_000),
  backlog: showBacklog,
  many: showMany,
  leave: showLeaving,
  calm: showCalm,
};
for (const [name, play] of Object.entries(plays)) {
  if (only < 0 || process.argv[only + 1] === name) await play();
}
