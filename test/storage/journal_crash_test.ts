import { test } from "#test";
import { assert, assertEquals } from "@std/assert";
import { CohortError } from "../../src/ground/errors.ts";
import { groupBytes } from "../../src/storage/journal_frame.ts";
import { makeDurable } from "../../src/storage/journal_durable.ts";
import {
  appendAdmitted,
  DIRECTORY,
  INCARNATION,
  type JournalRig,
  makeJournal,
  scan,
  VOLUME,
} from "./journal_rig.ts";
import { ioError, type RigFile, settle } from "./rig.ts";

/** Whole numbers below `bound`, the same for the same seed. */
function makeDraw(seed: number): (bound: number) => number {
  let state = seed * 2654435761 + 1;
  return (bound) => {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9 | 0;
    state ^= state >>> 13;
    return (state >>> 0) % bound;
  };
}

/** What a lost host leaves: what was synced, and of the rest any sectors, torn at 512 bytes. */
function tear(file: RigFile, draw: (bound: number) => number): Uint8Array {
  const left = file.bytes.slice();
  left.fill(0);
  left.set(file.durable.subarray(0, left.length));
  const odds = draw(4);
  for (let at = 0; at < left.length; at += 512) {
    if (draw(4) <= odds) left.set(file.bytes.subarray(at, at + 512), at);
  }
  return draw(3) === 0 ? left.subarray(0, Math.max(file.durable.length, draw(left.length + 1))) : left;
}

interface Run extends JournalRig {
  readonly durability: "sync" | "relaxed";
  /** True when segments were dropped, or were about to be: their groups may be missing. */
  readonly isDropped: boolean;
  readonly appended: number[];
  readonly acknowledged: number[];
  readonly draw: (bound: number) => number;
}

/** Random work: groups of random size, answers held back at random, failing writes, idle time, drops. */
async function work(seed: number): Promise<Run> {
  const draw = makeDraw(seed);
  const durability = draw(2) === 0 ? "sync" : "relaxed";
  const rig = await makeJournal({
    durability,
    segmentBytes: 16_384,
    reserveBytes: 2048 + draw(3) * 2048,
    bufferBytes: 2048 + draw(2) * 8192,
    syncIntervalMs: 50,
  });
  const { storage, clock, journal } = rig;
  const appended: number[] = [];
  const acknowledged: number[] = [];
  let isDropped = false;
  await journal.addVolume(VOLUME, INCARNATION, "hr");
  let stamp = 100;
  const commit = async () => {
    const ops = draw(6) === 0 ? 1500 : draw(200);
    const bytes = groupBytes(1, ops);
    await journal.admit(bytes, stamp + 100);
    for (let wait = draw(3); wait > 0; wait--) await null;
    if (draw(12) === 0) return journal.withdraw(bytes);
    const mine = ++stamp;
    const end = appendAdmitted(journal, mine, ops);
    appended.push(mine);
    await journal.ackOf(end);
    acknowledged.push(mine);
  };
  const steps = 30 + draw(150);
  for (let step = 0; step < steps; step++) {
    const kind = draw(20);
    if (kind < 11) commit().catch(() => {});
    else if (kind < 13) storage.held = new Set(["write", "sync", "reserve"].filter(() => draw(2) === 0));
    else if (kind === 13) {
      storage.fault = (call) => /write|reserve/.test(call) && draw(2) === 0 ? ioError("FULL") : undefined;
    } else if (kind === 14) storage.fault = () => undefined;
    else if (kind === 15) clock.turn(draw(100));
    else if (kind === 16) journal.makeSafe().catch(() => {});
    else if (kind === 17 && journal.segments().length > 1) {
      isDropped = true;
      journal.drop(journal.segments()[0]!.number).catch(() => {});
    } else storage.answer();
    if (draw(3) > 0) await settle();
  }
  return { ...rig, durability, isDropped, appended, acknowledged, draw };
}

function isPrefix(found: number[], appended: number[]): boolean {
  return found.length <= appended.length && found.every((stamp, i) => stamp === appended[i]);
}

/**
 * Groups of dropped segments are gone from the front; what is left must be one piece that begins where they
 * end.
 */
function withoutDropped(appended: number[], found: number[]): number[] {
  return found.length === 0 ? appended : appended.slice(appended.indexOf(found[0]!));
}

test("Journal: after any crash no hole, and all that was acknowledged", async () => {
  const seen = { rotated: 0, torn: 0, frozen: 0, dropped: 0 };
  for (let seed = 1; seed <= 150; seed++) {
    const run = await work(seed);
    const { storage, journal, durability, isDropped, appended, acknowledged, draw, observer } = run;
    const name = `seed ${seed}`;
    const firstKept = journal.segments()[0]!.number;
    const last = Math.max(0, ...acknowledged);
    const killed = storage.kill();
    const lost = storage.crash((_, file) => tear(file, draw));
    const afterKill = await scan(killed);
    assertEquals(afterKill.code, "", `${name}, process lost: ${afterKill.error?.message}`);
    assert(isPrefix(afterKill.stamps, withoutDropped(appended, afterKill.stamps)), name);
    const holds = (stamps: number[]) => (stamps.at(-1) ?? (isDropped ? Infinity : 0)) >= last;
    assert(holds(afterKill.stamps), `${name}, process lost: what was acknowledged`);
    const afterLoss = await scan(lost);
    assertEquals(afterLoss.code, "", `${name}, host lost: ${afterLoss.error?.message}`);
    assert(isPrefix(afterLoss.stamps, withoutDropped(appended, afterLoss.stamps)), name);
    assert(durability !== "sync" || holds(afterLoss.stamps), `${name}, host lost: what was acknowledged`);
    // The process is lost, its journal made durable, and only then the host: nothing that was read may go.
    await makeDurable(killed, DIRECTORY);
    const lostLater = killed.crash((_, file) => tear(file, draw));
    const afterBoth = await scan(lostLater);
    assertEquals(afterBoth.code, "", `${name}, both lost: ${afterBoth.error?.message}`);
    // A floor that only a prepared header named may be lost with it: dropped segments are then read again.
    const { length } = afterKill.stamps;
    assertEquals(length === 0 ? [] : afterBoth.stamps.slice(-length), afterKill.stamps, `${name}, both lost`);
    assert(isPrefix(afterBoth.stamps, withoutDropped(appended, afterBoth.stamps)), name);
    await makeDurable(lost, DIRECTORY);
    assertEquals((await scan(lost)).stamps, afterLoss.stamps, name);
    seen.rotated += journal.stats.rotations;
    seen.torn += afterLoss.report!.tailBytesIgnored > 0 ? 1 : 0;
    seen.frozen += observer.events.filter((event) => event === "journal.frozen").length;
    seen.dropped += firstKept > 1 ? 1 : 0;
    await finish(run);
  }
  assert(seen.rotated > 20 && seen.torn > 10 && seen.frozen > 10 && seen.dropped > 3, JSON.stringify(seen));
});

/** Lets everything succeed and closes; every append must be there. */
async function finish({ storage, clock, journal, appended, isDropped }: Run): Promise<void> {
  storage.fault = () => undefined;
  storage.held.clear();
  let isClosed = false;
  const closing = journal.close().finally(() => isClosed = true);
  closing.catch(() => {});
  for (let i = 0; i < 200 && !isClosed; i++) {
    while (storage.answer());
    await settle();
    clock.turn(2000);
  }
  assert(isClosed, "close() ends once I/O succeeds");
  await closing;
  const found = await scan(storage);
  assertEquals(found.code, "");
  const mayBeGone = isDropped && found.stamps.length === 0;
  if (!mayBeGone) assertEquals(found.stamps.at(-1), appended.at(-1));
  assertEquals(found.report!.closed, true);
  assertEquals(storage.open, 0);
}

test("Journal: abandoned at any point it closes its files and answers everyone", async () => {
  for (let seed = 200; seed < 240; seed++) {
    const { storage, clock, journal } = await work(seed);
    const waiting = Promise.allSettled([journal.makeSafe(), journal.ackOf(journal.position)]);
    journal.abandon(new CohortError("FENCED", "test"));
    storage.fault = () => undefined;
    storage.held.clear();
    const closing = journal.close();
    for (let i = 0; i < 50; i++) {
      while (storage.answer());
      await settle();
    }
    await closing;
    await waiting;
    assertEquals(storage.open, 0);
    assertEquals(clock.tasks.length, 0, `seed ${seed}`);
  }
});
