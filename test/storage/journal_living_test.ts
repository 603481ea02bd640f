/** Journals that are scanned while their authors write on and drop what they need no more. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { test } from "#test";
import { CohortError } from "../../src/ground/errors.ts";
import { Journal } from "../../src/storage/journal.ts";
import { segmentName } from "../../src/storage/journal_segment.ts";
import { scanJournal } from "../../src/storage/journal_scan.ts";
import { SimHost } from "../../src/testing/sim/host.ts";
import { drawLatencies } from "../../src/testing/sim/latencies.ts";
import { Prng } from "../../src/testing/sim/prng.ts";
import { Scheduler } from "../../src/testing/sim/scheduler.ts";
import { SimStorage } from "../../src/testing/sim/sim_storage.ts";
import { SimClock, SimObserver } from "../../src/testing/sim/small_ports.ts";
import { Trace } from "../../src/testing/sim/trace.ts";
import { nativeDrain } from "../sim/drain.ts";
import { append, DIRECTORY, INCARNATION, VOLUME } from "./journal_rig.ts";

interface Living {
  readonly journal: Journal;
  /** Storage of the author, and of the one who scans. */
  readonly own: SimStorage;
  readonly other: SimStorage;
  readonly chance: Prng;
  readonly scheduler: Scheduler;
}

/** Runs a play in a simulated world with a journal of some segments. */
async function inWorld(seed: number, play: (living: Living) => Promise<void>): Promise<void> {
  const trace = new Trace();
  const scheduler = new Scheduler(seed, trace, await nativeDrain());
  const latencies = drawLatencies(new Prng(seed, "disk"));
  const host = new SimHost({ seed, scheduler, trace, latencies });
  const author = host.spawn(), reader = host.spawn();
  let failure: unknown;
  let isDone = false;
  const run = async (): Promise<void> => {
    const own = new SimStorage(author);
    const journal = await Journal.create({
      storage: own,
      clock: new SimClock(author),
      observer: new SimObserver(trace, () => scheduler.now),
      directory: DIRECTORY,
      incarnation: INCARNATION,
      durability: "sync",
      syncIntervalMs: 1000,
      firstStamp: 100,
      onStop: () => {},
      reserveBytes: 2048,
      segmentBytes: 16_384,
    });
    await journal.addVolume(VOLUME, INCARNATION, "hr");
    for (let stamp = 101; journal.segments().length < 6; stamp++) {
      await journal.ackOf(await append(journal, stamp, 1900));
    }
    await play({ journal, own, other: new SimStorage(reader), chance: new Prng(seed, "play"), scheduler });
  };
  run().then(() => isDone = true, (error) => {
    failure = error;
    isDone = true;
  });
  await scheduler.run(() => isDone, { eventsMax: 100_000, timeMax: 100_000_000 });
  assert(isDone, `seed ${seed} came to no end`);
  if (failure !== undefined) throw new Error(`seed ${seed}`, { cause: failure });
}

test("scanJournal() of a living journal passes over what its author drops meanwhile", async () => {
  let dropped = 0;
  for (let seed = 1; seed <= 60; seed++) {
    await inWorld(seed, async ({ journal, other, chance, scheduler }) => {
      const third = journal.segments()[2]!;
      const until = journal.safe;
      const stamps: number[] = [];
      const drop = scheduler.sleep(chance.below(4_000)).then(() => journal.drop(third.number));
      let last = 0;
      for await (const { stamp, position } of scanJournal(other, DIRECTORY, { until })) {
        stamps.push(stamp);
        last = position;
        if (chance.chance(1, 4)) await scheduler.sleep(chance.below(400));
      }
      await drop;
      assert(until - last < 16, `the last group ends at ${last}, not ${until}`);
      assertEquals(stamps, [...new Set(stamps)].sort((a, b) => a - b));
      // All groups behind what was dropped.
      assertEquals(stamps.filter((stamp) => stamp > stamps.at(-1)! - 11).length, 11);
      if (stamps[0]! > 101 || stamps.length < stamps.at(-1)! - 100) dropped++;
    });
  }
  assert(dropped > 5, `${dropped} scans met segments that were dropped`);
});

test("scanJournal() of a living journal is loud about what is gone and was not dropped", async () => {
  for (let seed = 1; seed <= 20; seed++) {
    await inWorld(seed, async ({ journal, own, other }) => {
      await own.remove(`${DIRECTORY}/${segmentName(journal.segments()[0]!.number)}`);
      const scan = async (): Promise<void> => {
        for await (const _ of scanJournal(other, DIRECTORY, { until: journal.safe }));
      };
      const error = await assertRejects(scan, CohortError);
      assertEquals(error.code, "JOURNAL_GAP");
    });
  }
});
