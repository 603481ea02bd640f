import { assert, assertEquals } from "@std/assert";
import { test } from "#test";
import { CohortError } from "../../src/ground/errors.ts";
import { acquireClaim } from "../../src/storage/claim.ts";
import { decodeClaim, encodeClaim } from "../../src/storage/claim_record.ts";
import { identity, newestClaim, nonceOf, refusal, VOLUME, World } from "./claim_rig.ts";

const A = nonceOf(0xa), B = nonceOf(0xb), C = nonceOf(0xc);

test("acquireClaim takes a new volume, keeps its lease, and gives it back", async () => {
  const world = new World();
  const claim = await world.acquire(A);
  assertEquals([claim.number, claim.predecessors, claim.lost], [1, [], false]);
  assertEquals((await newestClaim(world)).state, "held");
  assertEquals(world.names(), ["claim.1", `lease.${A}`]);
  await world.run(claim.recovered()); // nothing to recover: nothing happens
  assertEquals(claim.number, 1);
  await world.run(claim.release());
  const { state, predecessors } = await newestClaim(world);
  assertEquals([state, predecessors], ["free", []]);
  assertEquals(world.names(), ["claim.1", "claim.2"]);
  assertEquals(claim.gate.enter(), false);
  assertEquals(world.clock.tasks.length, 0);
});

test("acquireClaim numbers rise for ever and the two newest stay", async () => {
  const world = new World();
  for (let n = 1; n <= 20; n++) {
    const claim = await world.acquire(nonceOf(n));
    assertEquals(claim.number, 2 * n - 1);
    await world.run(claim.release());
  }
  assertEquals(world.names(), ["claim.39", "claim.40"]);
});

test("acquireClaim refuses or takes over by what the fence says of the holder", async () => {
  const rows = [
    ["alive", "IN_USE"],
    ["unreachable", "FOREIGN_OWNER"],
    ["unproven", "FOREIGN_OWNER"],
    ["gone", ""],
  ] as const;
  for (const [state, code] of rows) {
    const world = new World();
    await world.acquire(A);
    world.clock.turn(37_000);
    world.states.set(A, state);
    if (code === "") {
      const begun = world.clock.now;
      const claim = await world.acquire(B);
      assertEquals([claim.number, claim.predecessors], [2, [`/journals/${A}`]]);
      assertEquals(world.clock.now - begun, 0, "a dead holder costs no wait");
      assertEquals((await newestClaim(world)).state, "recovering");
      assert(world.events.includes("claim.takeover"));
      continue;
    }
    const error = await refusal(world.acquire(B));
    assertEquals(error.code, code, state);
    assert(error.message.includes(`process ${identity(A).pid} on host alpha for 37 s`), error.message);
    assert(error.message.includes(`the table says ${state}`), error.message);
    const { pid, nonce, claim, path } = error.facts;
    assertEquals([pid, nonce, claim, path], [identity(A).pid, A, 1, VOLUME]);
    if (code === "FOREIGN_OWNER") assert(error.message.includes(`confirmGone: "${A}"`), error.message);
    assertEquals(world.names().filter((name) => name.startsWith("claim.")), ["claim.1"]);
  }
});

test("acquireClaim goes by a person's word only for whom it was given", async () => {
  const world = new World();
  await world.acquire(A);
  world.states.set(A, "unreachable");
  assertEquals((await refusal(world.acquire(B, { confirmGone: C }))).code, "FOREIGN_OWNER");
  assertEquals(world.events.includes("claim.confirmed_gone"), false);
  const claim = await world.acquire(B, { confirmGone: A });
  assertEquals(claim.predecessors, [`/journals/${A}`]);
  assert(world.events.includes("claim.confirmed_gone"));
  world.states.set(B, "alive");
  assertEquals((await refusal(world.acquire(C, { confirmGone: true }))).code, "IN_USE");
});

test("acquireClaim of a node that holds the volume already is IN_USE", async () => {
  const world = new World();
  await world.acquire(A);
  const error = await refusal(world.run(acquireClaim(world.options(A))));
  assertEquals(error.code, "IN_USE");
  assert(error.message.includes("this node holds it already"));
});

test("predecessors are passed on by owners that die while they recover", async () => {
  const world = new World();
  await world.acquire(A);
  world.states.set(A, "gone");
  await world.acquire(B);
  world.states.set(B, "gone");
  const claim = await world.acquire(C);
  assertEquals(claim.predecessors, [`/journals/${A}`, `/journals/${B}`]);
  await world.run(claim.recovered());
  assertEquals([claim.number, claim.predecessors.length], [4, 2]);
  const { state, predecessors } = await newestClaim(world);
  assertEquals([state, predecessors], ["held", []]);
  world.states.set(C, "gone");
  const next = await world.acquire(nonceOf(0xd));
  assertEquals(next.predecessors, [`/journals/${C}`]);
});

test("release before recovery leaves the predecessors to the next owner, and no more", async () => {
  const world = new World();
  await world.acquire(A);
  world.states.set(A, "gone");
  await world.run((await world.acquire(B)).release());
  const claim = await world.acquire(C);
  assertEquals(claim.predecessors, [`/journals/${A}`]);
});

test("abandon leaves the volume as a dead owner does", async () => {
  const world = new World();
  const claim = await world.acquire(A);
  await world.run(claim.abandon());
  assertEquals((await refusal(world.acquire(B))).code, "IN_USE");
  world.states.set(A, "self");
  world.ended.add(A);
  assertEquals((await world.acquire(B)).predecessors, [`/journals/${A}`]);
});

test("a node of the same process: renewed is IN_USE, ended is taken over at once", async () => {
  const world = new World();
  const claim = await world.acquire(A);
  world.states.set(A, "self");
  const begun = world.clock.now;
  assertEquals((await refusal(world.acquire(B))).code, "IN_USE");
  assert(world.clock.now - begun <= 300, `${world.clock.now - begun} ms to see a renewal`);
  assertEquals([claim.lost, claim.gate.enter()], [false, true]);
  claim.gate.leave();
  world.ended.add(A);
  const from = world.clock.now;
  assertEquals((await world.acquire(B)).predecessors, [`/journals/${A}`]);
  assertEquals(world.clock.now - from, 0);
});

test("a silent node of the same process is taken over after a lease, its gates shut", async () => {
  const world = new World();
  const lost: string[] = [];
  const claim = await world.acquire(A, { onLost: (error) => lost.push(error.code) });
  world.states.set(A, "self");
  // Its loop stalls: none of its timers runs.
  const stalled = world.clock.tasks.splice(0);
  const begun = world.clock.now;
  const taken = await world.acquire(B);
  const took = world.clock.now - begun;
  assert(took >= 1000 && took <= 1250, `${took} ms`);
  assertEquals(taken.predecessors, [`/journals/${A}`]);
  // It wakes.
  assertEquals(claim.gate.enter(), false);
  assertEquals(world.gate(`/journals/${A}`, A).enter(), false);
  for (const { task } of stalled) task();
  await world.run(Promise.resolve());
  assertEquals([claim.lost, lost], [true, ["FENCED"]]);
  await world.run(claim.release()); // nothing is left to give back
  assertEquals((await newestClaim(world)).owner.nonce, B);
});

test("a silent node of the same process keeps the volume while writes of it are inside", async () => {
  const world = new World();
  const claim = await world.acquire(A);
  world.states.set(A, "self");
  world.clock.tasks.splice(0);
  assert(claim.gate.enter());
  const error = await refusal(world.acquire(B));
  assertEquals(error.code, "IN_USE");
  assert(error.message.includes(`free again once process ${identity(A).pid} ends`), error.message);
  claim.gate.leave();
  assertEquals((await world.acquire(B)).predecessors, [`/journals/${A}`]);
});

test("a silent node of the same process whose gate is out of reach keeps the volume", async () => {
  const world = new World();
  await world.acquire(A);
  world.states.set(A, "self");
  world.clock.tasks.splice(0);
  world.gates.clear();
  const error = await refusal(world.acquire(B));
  assertEquals(error.code, "IN_USE");
  assert(error.message.includes("free again once process"), error.message);
});

test("a lease is judged by successful looks only", async () => {
  const world = new World();
  await world.acquire(A);
  world.states.set(A, "self");
  world.clock.tasks.splice(0);
  const from = world.clock.now;
  world.before = (operation) => {
    if (operation === "openStream" && world.clock.now - from < 3000) {
      throw new CohortError("IO", "openStream: EIO");
    }
  };
  await world.acquire(B);
  const took = world.clock.now - from;
  assert(took >= 4000 && took < 4300, `${took} ms`);
});

test("an acquirer whose own loop stood still concludes nothing from that time", async () => {
  const world = new World();
  await world.acquire(A);
  world.states.set(A, "self");
  let looks = 0;
  world.before = (operation, _path, nonce) => {
    // Everything stops for 5 s after the second look: neither renewal nor look.
    if (operation === "openStream" && nonce === B && ++looks === 3) world.clock.now += 5000;
  };
  // Its tasks are late now, but run before the next look decides.
  const error = await refusal(world.acquire(B));
  assertEquals(error.code, "IN_USE");
});

test("a claim hears of its loss by its next renewal", async () => {
  const world = new World();
  const lost: CohortError[] = [];
  const claim = await world.acquire(A, { onLost: (error) => lost.push(error) });
  world.states.set(A, "gone");
  await world.acquire(B);
  const from = world.clock.now;
  while (lost.length === 0 && world.clock.now - from < 1000) {
    world.clock.turn(10);
    await world.run(Promise.resolve());
  }
  assert(world.clock.now - from <= 250, `${world.clock.now - from} ms`);
  assertEquals([lost[0]!.code, claim.lost], ["FENCED", true]);
  assert(world.events.includes("claim.lost"));
});

test("a renewal that fails once is made up for, and the lease goes on", async () => {
  const world = new World();
  await world.acquire(A);
  world.states.set(A, "self");
  let failures = 2;
  world.before = (operation, _path, nonce) => {
    if (operation === "list" && nonce === A && failures-- > 0) throw new CohortError("IO", "list: EIO");
  };
  for (let turn = 0; turn < 8; turn++) {
    world.clock.turn(250);
    await world.run(Promise.resolve());
  }
  assertEquals((await refusal(world.acquire(B))).code, "IN_USE");
});

test("damaged, misnamed, newer and empty claims are refused by name", async () => {
  const rows: [string, (bytes: Uint8Array) => Uint8Array][] = [
    ["CORRUPT", (bytes) => bytes.map((byte, at) => at === 20 ? byte ^ 1 : byte)],
    ["CORRUPT", () => new Uint8Array(0)],
    ["CORRUPT", (bytes) => bytes.slice(0, 40)],
    ["CORRUPT", (bytes) => encodeClaim({ ...decodeClaim(bytes, "x", 2), number: 3 })],
  ];
  for (const [code, damage] of rows) {
    const world = new World();
    await world.run((await world.acquire(A)).release());
    const path = `${VOLUME}/claim.2`;
    const bytes = await world.files.readRegister(path);
    await world.files.remove(path);
    await world.files.createRegister(path, damage(bytes!));
    const error = await refusal(world.acquire(B));
    assertEquals(error.code, code);
    assert(error.message.includes(path), error.message);
    assertEquals(world.names(), ["claim.1", "claim.2"]);
  }
});

test("a claim of a cluster that was not closed is its members' to recover", async () => {
  const world = new World();
  await world.acquire(A, { mode: "clustered", cluster: "dev" });
  world.states.set(A, "gone");
  assertEquals((await refusal(world.acquire(B))).code, "FOREIGN_OWNER");
  const other = await refusal(world.acquire(B, { mode: "clustered", cluster: "prod" }));
  assertEquals(other.code, "FOREIGN_OWNER");
  assert(other.message.includes("cluster dev"));
  const claim = await world.acquire(B, { mode: "clustered", cluster: "dev" });
  await world.run(claim.recovered());
  await world.run(claim.release());
  await world.acquire(C, { mode: "clustered", cluster: "prod" });
});

test("an aborted signal gives back what was taken", async () => {
  const calls: string[] = [];
  const dry = new World();
  dry.before = (operation) => void calls.push(operation);
  await dry.acquire(B);
  for (let at = 0; at < calls.length; at++) {
    const world = new World();
    const abort = new AbortController();
    let count = 0;
    world.before = () => {
      if (count++ === at) abort.abort(new RangeError("enough"));
    };
    const outcome = await world.acquire(B, { signal: abort.signal }).catch((error) => error);
    world.before = () => {};
    if (outcome instanceof RangeError) {
      const claim = await world.acquire(C);
      assertEquals(claim.predecessors, [], `call ${at}`);
    } else assertEquals(outcome.lost, false, `call ${at}`);
  }
});
