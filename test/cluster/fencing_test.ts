/** What the cluster makes of the fence's answers: a person's word, neighbours, and what is told. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { test } from "#test";
import { createSystemClock } from "../../adapters/clock_system.ts";
import { createMemoryStorage } from "../../adapters/storage_memory.ts";
import {
  fenceOwner,
  type FenceReport,
  type FenceWorld,
  isSameProcess,
  refuseUnshareable,
  unfenceable,
} from "../../src/cluster/fencing.ts";
import type { MembershipWorld } from "../../src/cluster/membership_world.ts";
import { probeName, Welcome } from "../../src/cluster/welcome.ts";
import { CohortError } from "../../src/ground/errors.ts";
import type { View } from "../../src/ground/view.ts";
import type {
  Facts,
  OwnerIdentity,
  OwnerState,
  StopReport,
  Storage,
  StorageTraits,
} from "../../src/ports/mod.ts";

const LOST = owner(100, "a".repeat(32));
const SELF = owner(200, "b".repeat(32));

function owner(pid: number, nonce: string): OwnerIdentity {
  return {
    host: "machine:1",
    hostName: "alpha",
    boot: "b",
    pidNamespace: 1,
    pid,
    startTime: "7",
    exec: "e",
    nonce,
  };
}

function refused(why: Extract<StopReport, { over: false }>["why"]): StopReport {
  return { over: false, why, reason: `the table says ${why}` };
}

/** A storage whose fence answers by a table. */
function storageOf(
  stop: StopReport,
  state: OwnerState = "alive",
  traits: Partial<StorageTraits> = {},
): Storage {
  const storage = createMemoryStorage();
  return {
    ...{ traits: { ...storage.traits, ...traits } },
    fence: {
      identify: (nonce: string) => owner(200, nonce),
      examine: () => ({ state, reason: `the table says ${state}` }),
      stop: () => Promise.resolve(stop),
      sharing: () => ({ allowed: false, reason: "it is on NFS" }),
    },
  } as unknown as Storage;
}

interface Event {
  readonly name: string;
  readonly severity: string;
  readonly facts: Facts;
}

async function fence(
  storage: Storage,
  confirmGone: string | boolean = false,
  living: readonly OwnerIdentity[] = [SELF],
  self: OwnerIdentity = SELF,
  isOver: boolean = false,
): Promise<[FenceReport, Event[]]> {
  const events: Event[] = [];
  const world: FenceWorld = {
    storage,
    clock: createSystemClock(),
    observer: {
      traits: { version: 1 },
      event: (name, severity, facts) => void events.push({ name, severity, facts }),
      measure: () => {},
    },
    self,
    patienceMs: 0,
    isOver: () => Promise.resolve(isOver),
  };
  const order = { name: "m1", owner: LOST, directories: ["/j"], living, confirmGone };
  return [await fenceOwner(world, order), events];
}

function outcome(report: FenceReport): string {
  return report.over ? report.means : report.why;
}

test("fenceOwner: what the fence did is told, with who it was and how", async () => {
  for (const means of ["gone", "gate", "kill"] as const) {
    const [report, events] = await fence(storageOf({ over: true, means, reason: "so it is" }));
    assertEquals(outcome(report), means);
    assertEquals(events.map((it) => [it.name, it.severity]), [["cluster.fenced", "info"]]);
    const { name, incarnation, pid, reason } = events[0]!.facts;
    assertEquals([name, incarnation, pid, reason, events[0]!.facts["means"]], [
      "m1",
      LOST.nonce,
      100,
      "so it is",
      means,
    ]);
  }
});

test("fenceOwner: who cannot be proven gone goes by a person's word alone, and that is logged", async () => {
  for (const why of ["unproven", "unreachable"] as const) {
    for (const word of [false, "c".repeat(32), ""]) {
      const [report, events] = await fence(storageOf(refused(why)), word);
      assertEquals(outcome(report), why, String(word));
      assertStringIncludes(report.reason, `confirmGone: "${LOST.nonce}"`);
      assertEquals(events.map((it) => [it.name, it.severity]), [["cluster.not_fenced", "warn"]]);
    }
    for (const word of [true, LOST.nonce]) {
      const [report, events] = await fence(storageOf(refused(why)), word);
      assertEquals(outcome(report), "confirmed");
      assertEquals(events.map((it) => [it.name, it.severity]), [["cluster.fence_confirmed", "warn"]]);
      assertStringIncludes(String(events[0]!.facts["reason"]), "a person says");
    }
  }
});

test("fenceOwner: no word counts against an owner that is seen to live", async () => {
  for (const why of ["busy", "unknown", "ending", "denied", "spared"] as const) {
    const [report, events] = await fence(storageOf(refused(why)), true);
    assertEquals([outcome(report), events[0]!.name, events[0]!.facts["why"]], [
      why,
      "cluster.not_fenced",
      why,
    ]);
  }
});

test("fenceOwner: a process in which another member lives is not killed from outside", async () => {
  const killed: StopReport = { over: true, means: "kill", reason: "it was killed" };
  const neighbour = owner(100, "d".repeat(32));
  const [shared] = await fence(storageOf(killed), true, [SELF, neighbour]);
  assertEquals(outcome(shared), "shared");
  assertStringIncludes(shared.reason, neighbour.nonce);
  assertEquals(outcome((await fence(storageOf(killed, "gone"), false, [SELF, neighbour]))[0]), "gone");
  // The neighbour itself stops it, and so does anybody once nobody else lives there.
  assertEquals(outcome((await fence(storageOf(killed), false, [SELF, neighbour], neighbour))[0]), "kill");
  assertEquals(outcome((await fence(storageOf(killed), false, [SELF, LOST]))[0]), "kill");
});

test("isSameProcess compares all that tells a process, and a program only where both are known", () => {
  const same: Partial<OwnerIdentity>[] = [{}, { nonce: "0" }, { exec: "" }, { host: "name:box" }, {
    hostName: "x",
  }];
  for (const change of same) assert(isSameProcess(LOST, { ...LOST, ...change }), JSON.stringify(change));
  const others: Partial<OwnerIdentity>[] = [
    { boot: "c" },
    { pidNamespace: 2 },
    { pid: 101 },
    { startTime: "8" },
    { exec: "f" },
  ];
  for (const change of others) assert(!isSameProcess(LOST, { ...LOST, ...change }), JSON.stringify(change));
  const noBoot = { ...LOST, boot: "" };
  assert(isSameProcess(noBoot, { ...noBoot }) && !isSameProcess(noBoot, { ...noBoot, host: "name:box" }));
});

test("unfenceable: only a storage that fences by itself takes members that none can judge", async () => {
  const storage = storageOf(refused("denied"));
  for (const state of ["gone", "alive", "self"] as const) {
    assertEquals(unfenceable(storage, "m1", LOST, { state, reason: "r" }), undefined, state);
  }
  for (const state of ["unreachable", "unproven"] as const) {
    const error = unfenceable(storage, "m1", LOST, { state, reason: "for a reason" });
    assertEquals([error?.code, error?.facts["incarnation"]], ["UNFENCEABLE", LOST.nonce]);
    assertStringIncludes(error!.message, "for a reason");
    const native = storageOf(refused("denied"), "alive", { fencing: "native" });
    assertEquals(unfenceable(native, "m1", LOST, { state, reason: "r" }), undefined);
  }
  const said = await refuseUnshareable(storage.fence, "/pij").then(() => undefined, (error) => error);
  assert(said instanceof CohortError && said.code === "UNFENCEABLE");
  assertStringIncludes(said.message, "/pij: it is on NFS");
});

test("welcome: the master refuses a newcomer that it could not fence", async () => {
  for (
    const [state, kind] of [["unreachable", "refuse"], ["unproven", "refuse"], ["alive", "join"]] as const
  ) {
    const storage = storageOf(refused("denied"), state);
    const files = createMemoryStorage();
    const probe = "5".repeat(32);
    await files.createRegister(`/pij/${probeName(LOST.nonce)}`, new TextEncoder().encode(probe));
    const seen = { ...storage, readRegister: (path: string) => files.readRegister(path) };
    const world = { storage: seen, settings: {}, directory: "/pij", owner: SELF };
    const members = [{ name: "m1", incarnation: SELF.nonce, owner: SELF }];
    const view = { number: 3, members, pending: [] } as unknown as View;
    const joiner = {
      name: "m9",
      incarnation: LOST.nonce,
      owner: LOST,
      address: "a",
      journal: "/j",
      votes: 1,
    };
    const welcome = new Welcome(world as unknown as MembershipWorld);
    const answer = await welcome.answer(view, true, { joiner, settings: {}, probe });
    assertEquals(answer.kind, kind, state);
    if (answer.kind === "refuse") assertEquals(answer.error.code, "UNFENCEABLE");
  }
});
