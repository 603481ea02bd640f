/** The cluster journal log: its bytes, its files, and that it names what a journal has whatever happens. */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { test } from "#test";
import { CohortError, type Storage } from "@cohort/db";
import { createMemoryStorage } from "../../adapters/storage_memory.ts";
import { JournalLog, journalLogName, journalLogOf, removeJournalLog } from "../../src/cluster/journal_log.ts";
import { readJournalLogs, segmentsInOrder } from "../../src/cluster/journal_log_read.ts";
import {
  decodeJournalLog,
  encodeLogRecord,
  journalLogHead,
  type LogRecord,
} from "../../src/cluster/journal_log_record.ts";
import { lookAtJournals, removeOldLogs } from "../../src/node/cluster_journals.ts";
import { Journal } from "../../src/storage/journal.ts";
import { groupBytes } from "../../src/storage/journal_frame.ts";
import { type FaultCall, withFaults } from "../../src/testing/mod.ts";
import { RigClock, RigObserver } from "../storage/rig.ts";

const PIJ = "/pij";
const INCARNATION = "00112233445566778899aabbccddeeff";
const OTHER = "ff112233445566778899aabbccddeeff";
const CLUSTER = "c".repeat(32), SESSION = "5".repeat(32);
const OWNER = { name: "alpha", incarnation: INCARNATION, cluster: CLUSTER, journal: `${PIJ}/journals/a` };

const RECORDS: readonly LogRecord[] = [
  { kind: "owner", wallMs: 1, snapshot: 2, owner: OWNER },
  { kind: "view", wallMs: 2, entered: { view: 7, session: SESSION, stamp: 9, position: 8 } },
  { kind: "begun", wallMs: 3, segment: { number: 1, base: 0, stamp: 10, ceiling: 90 }, view: 7 },
  { kind: "ended", wallMs: 4, number: 1, end: 4096 },
  { kind: "floor", wallMs: 5, floor: 2 },
  {
    kind: "round",
    wallMs: 6,
    round: { round: 3, view: 7, needs: [{ incarnation: INCARNATION, from: 5, position: 6 }] },
  },
  { kind: "left", wallMs: 7, view: 8, position: 5000 },
];

function bytesOf(records: readonly LogRecord[]): Uint8Array {
  return new Uint8Array([journalLogHead(), ...records.map(encodeLogRecord)].flatMap((it) => [...it]));
}

test("Journal log record: what is put is read; what is not whole ends it", () => {
  const bytes = bytesOf(RECORDS);
  assertEquals(decodeJournalLog(bytes, "log"), { records: RECORDS, tailBytes: 0 });
  const snapshot = bytesOf(RECORDS.slice(0, 3)).length;
  for (let at = 0; at < bytes.length; at++) {
    const torn = decodeJournalLog(bytes.subarray(0, at), "log");
    if (at < snapshot) assertEquals(torn, undefined);
    else assert(torn!.records.length < RECORDS.length && bytesOf(torn!.records).length <= at);
    if (at === 4 || at === 5) continue;
    const damaged = bytes.slice();
    damaged[at] = damaged[at]! ^ 0x10;
    const { records = [] } = decodeJournalLog(damaged, "log") ?? {};
    // Two bytes behind the format are nothing's.
    if (at !== 6 && at !== 7) assert(records.length < RECORDS.length, `byte ${at}`);
    assertEquals(records, RECORDS.slice(0, records.length));
  }
  const newer = bytes.slice();
  newer[4] = 2;
  assertThrows(() => decodeJournalLog(newer, "log"), CohortError, "its format 2 is newer");
});

test("Journal log record: every byte is where ARCHITECTURE says", () => {
  const hex = (record: LogRecord): string =>
    [...encodeLogRecord(record).subarray(4)].map((it) => it.toString(16).padStart(2, "0")).join("");
  const [, entered, begun, ended, floor, round, left] = RECORDS;
  assertEquals([...journalLogHead()], [0x43, 0x4a, 0x4c, 0x31, 1, 0, 0, 0]);
  assertEquals(hex(entered!), `2f0002020000000000070000000000${SESSION}090000000000080000000000`);
  assertEquals(
    hex(begun!),
    "29000303000000000001000000" + "000000000000" + "0a0000000000" + "5a0000000000" + "070000000000",
  );
  assertEquals(hex(ended!), "1700040400000000000100000000" + "1000000000");
  assertEquals(hex(floor!), "11000505000000000002000000");
  assertEquals(
    hex(round!),
    `37000606000000000003000000000007000000000001 00${INCARNATION}050000000000060000000000`.replace(" ", ""),
  );
  assertEquals(hex(left!), "190007070000000000080000000000881300000000");
});

test("Journal log: names of files", () => {
  assertEquals(journalLogOf(journalLogName(INCARNATION, 12)), { incarnation: INCARNATION, generation: 12 });
  for (
    const name of ["journal_log", `journal_log.${INCARNATION}`, `journal_log.${INCARNATION}.0`, "journal.1"]
  ) {
    assertEquals(journalLogOf(name), undefined);
  }
});

interface Rig {
  readonly journal: Journal;
  readonly log: JournalLog;
  readonly observer: RigObserver;
  stamp: number;
}

async function rigOn(storage: Storage, incarnation = INCARNATION, name = "alpha"): Promise<Rig> {
  const clock = new RigClock(), observer = new RigObserver();
  const directory = `${PIJ}/journals/${incarnation}`;
  const journal = await Journal.create({
    storage,
    clock,
    observer,
    directory,
    incarnation,
    durability: "sync",
    syncIntervalMs: 1000,
    firstStamp: 100,
    segmentBytes: 16_384,
    onStop: (error) => {
      throw error;
    },
  });
  const owner = { name, incarnation, cluster: CLUSTER, journal: directory };
  const log = new JournalLog({ storage, clock, observer, directory: PIJ, owner });
  await log.start(journal.follow(log));
  log.entered({ view: 3, session: SESSION, stamp: 100, position: 0 });
  return { journal, log, observer, stamp: 100 };
}

/** Appends groups until the journal has so many segments beyond those it has. */
async function rotate(rig: Rig, segments: number): Promise<void> {
  const { journal } = rig;
  const until = journal.segments().at(-1)!.number + segments;
  while (journal.segments().at(-1)!.number < until) {
    await journal.admit(groupBytes(1, 1000), ++rig.stamp);
    journal.beginGroup(rig.stamp, groupBytes(1, 1000));
    journal.beginRecord(0, 7, rig.stamp - 1);
    journal.writer.append(new Uint8Array(1000));
    journal.endRecord();
    await journal.ackOf(journal.endGroup());
  }
}

test("Journal log: names the files that there are, dropped ones as such", async () => {
  const storage = createMemoryStorage();
  const rig = await rigOn(storage);
  await rotate(rig, 4);
  await rig.journal.drop(2);
  const { journals: [journal], disagreements, unlogged } = await lookAtJournals(storage, PIJ);
  assertEquals([disagreements, unlogged], [[], []]);
  assertEquals([journal!.name, journal!.joined, journal!.session, journal!.floor], ["alpha", 3, SESSION, 3]);
  const needed = journal!.segments.filter((it) => !it.isDropped);
  assertEquals(needed.slice(0, 3).map((it) => it.number), [3, 4, 5]);
  assertEquals(needed.slice(0, 2).map((it) => it.end === undefined), [false, false]);
  for (const { number, base, end } of rig.journal.segments()) {
    const named = needed.find((it) => it.number === number)!;
    assertEquals([named.base, named.end], [base, number < 5 ? end : undefined]);
  }
  rig.log.left(4, rig.journal.position);
  await rig.log.close();
  await rig.journal.close();
  assertEquals((await readJournalLogs(storage, PIJ)).journals[0]!.left, 4);
  await storage.remove(`${PIJ}/journals/${INCARNATION}/journal.000004`);
  const directory = `${PIJ}/journals/${INCARNATION}`;
  // What no volume names is being removed, file by file.
  assertEquals((await lookAtJournals(storage, PIJ)).disagreements, []);
  await storage.createRegister(`${directory}/mount.x`, new Uint8Array(1));
  assertEquals((await lookAtJournals(storage, PIJ)).disagreements, [
    { journal: directory, segment: 4, what: "missing" },
  ]);
  await (await storage.openStream(`${directory}/journal.000099`, { access: "write", create: true })).close();
  assertEquals((await lookAtJournals(storage, PIJ)).disagreements[0], {
    journal: directory,
    segment: 99,
    what: "unnamed",
  });
});

test("Journal log: a journal that is gone is not shown; one without its files is missed", async () => {
  const storage = createMemoryStorage();
  const rig = await rigOn(storage);
  await rotate(rig, 2);
  await rig.log.close();
  await rig.journal.close();
  const directory = `${PIJ}/journals/${INCARNATION}`;
  await storage.createRegister(`${directory}/mount.x`, new Uint8Array(1));
  for (const name of await storage.list(directory)) {
    if (name.startsWith("journal.")) await storage.remove(`${directory}/${name}`);
  }
  const { journals, disagreements } = await lookAtJournals(storage, PIJ);
  assertEquals(journals.length, 1);
  // The last one may not have been made yet.
  assertEquals(disagreements.map((it) => [it.segment, it.what]), [[1, "missing"], [2, "missing"]]);
  await storage.remove(`${directory}/mount.x`);
  assertEquals((await lookAtJournals(storage, PIJ)).journals, []);
  await removeOldLogs(storage, PIJ);
  assertEquals((await storage.list(PIJ)).filter((it) => journalLogOf(it) !== undefined), []);
});

test("Journal log: is bounded, and begins anew with what stands", async () => {
  const storage = createMemoryStorage();
  const rig = await rigOn(storage);
  for (let round = 0; round < 2_000; round++) {
    await rig.log.round({
      round,
      view: 3,
      needs: [{ incarnation: INCARNATION, from: round, position: round }],
    });
  }
  const names = (await storage.list(PIJ)).filter((it) => journalLogOf(it) !== undefined);
  assertEquals(names, [journalLogName(INCARNATION, 2)]);
  const { journals: [journal], round } = await readJournalLogs(storage, PIJ);
  assertEquals([journal!.joined, journal!.neededFrom, round!.round], [3, 1_999, 1_999]);
  assertEquals((await lookAtJournals(storage, PIJ)).disagreements, []);
  await removeJournalLog(storage, PIJ, INCARNATION);
  assertEquals((await readJournalLogs(storage, PIJ)).journals, []);
});

test("Journal log: a disk that refuses it holds nobody up, and it is made good", async () => {
  const storage = createMemoryStorage();
  let refuses = false;
  const faulty = withFaults(
    storage,
    ({ operation, path }: FaultCall) =>
      refuses && path.includes("journal_log") && operation !== "list"
        ? { kind: "error", code: "FULL", errno: "ENOSPC" }
        : undefined,
  );
  const rig = await rigOn(faulty);
  refuses = true;
  await rotate(rig, 3);
  await rig.journal.drop(1);
  assert((await lookAtJournals(storage, PIJ)).disagreements.length > 0);
  assertEquals(rig.observer.events.filter((it) => it === "journal_log.failed").length, 1);
  refuses = false;
  await rotate(rig, 1);
  assertEquals((await lookAtJournals(storage, PIJ)).disagreements, []);
});

test("Journal log: a file that was being begun does not count; the one before it does", async () => {
  const storage = createMemoryStorage();
  const rig = await rigOn(storage);
  await rotate(rig, 1);
  const path = `${PIJ}/${journalLogName(INCARNATION, 2)}`;
  const torn = await storage.openStream(path, { access: "write", create: true });
  await torn.write(0, bytesOf(RECORDS).subarray(0, 100));
  await torn.close();
  assertEquals((await lookAtJournals(storage, PIJ)).disagreements, []);
  assertEquals((await readJournalLogs(storage, PIJ)).journals.length, 1);
});

/** A storage that lists the PIJ directory once more as it was. */
async function listedEarlier(storage: Storage): Promise<Storage> {
  let names: readonly string[] | undefined = await storage.list(PIJ);
  const list = (path: string): ReturnType<Storage["list"]> => {
    if (path !== PIJ || names === undefined) return storage.list(path);
    const earlier = [...names];
    names = undefined;
    return earlier;
  };
  return new Proxy(storage, {
    get(of, key) {
      const value: unknown = key === "list" ? list : Reflect.get(of, key, of);
      return typeof value === "function" ? value.bind(of) : value;
    },
  });
}

test("Journal log: one that is begun anew, or removed, meanwhile, is read as it is then", async () => {
  const storage = createMemoryStorage();
  const rig = await rigOn(storage), other = await rigOn(storage, OTHER, "beta");
  await rotate(rig, 1);
  const earlier = await listedEarlier(storage);
  // Its first file goes, its second is there; of the other nothing is left.
  await rig.log.start(rig.journal.follow(rig.log));
  await rotate(rig, 1);
  await other.log.close();
  await removeJournalLog(storage, PIJ, OTHER);
  const { journals } = await readJournalLogs(earlier, PIJ);
  assertEquals(journals.map(({ name, segments }) => [name, segments.length]), [["alpha", 3]]);
});

test("Journal log: one that is listed and never found is an error", async () => {
  const storage = createMemoryStorage();
  const rig = await rigOn(storage);
  await rotate(rig, 1);
  const lost = withFaults(
    storage,
    ({ operation, path }: FaultCall) =>
      operation === "openStream" && path.includes("journal_log")
        ? { kind: "error", code: "NOT_FOUND", errno: "ENOENT" }
        : undefined,
  );
  await assertRejects(() => readJournalLogs(lost, PIJ), CohortError, "journal_log");
});

test("Journal log: the journals of all members are in the order of their stamps", async () => {
  const storage = createMemoryStorage();
  const alpha = await rigOn(storage), beta = await rigOn(storage, OTHER, "beta");
  await rotate(alpha, 1);
  beta.stamp = alpha.stamp;
  await rotate(beta, 1);
  alpha.stamp = beta.stamp;
  await rotate(alpha, 1);
  const order = segmentsInOrder(await readJournalLogs(storage, PIJ));
  const stamps = order.map((it) => it.stamp);
  assertEquals(stamps, [...stamps].sort((a, b) => a - b));
  assertEquals(new Set(order.map((it) => it.member)), new Set(["alpha", "beta"]));
});
