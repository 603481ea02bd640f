import { assert, assertEquals } from "@std/assert";
import { test } from "#test";
import { CohortError } from "../../src/ground/errors.ts";
import { acquireClaim, type Claim } from "../../src/storage/claim.ts";
import { Prng } from "../support/prng.ts";
import { newestClaim, nonceOf, VOLUME, World } from "./claim_rig.ts";

const A = nonceOf(0xa), B = nonceOf(0xb), C = nonceOf(0xc);

test("20 acquirers at once: exactly one wins, whatever order their calls take", async () => {
  for (let seed = 0; seed < 25; seed++) {
    const chance = new Prng(seed);
    const world = new World();
    if (seed % 2 === 1) { // after a dead owner
      await world.acquire(A);
      world.states.set(A, "gone");
    }
    world.before = async () => {
      for (let turns = chance.below(12); turns > 0; turns--) await null;
    };
    const tries = Array.from(
      { length: 20 },
      (_, n) => world.acquire(nonceOf(100 + n)).catch((error) => error),
    );
    const results = await Promise.all(tries);
    const winners = results.filter((result) => !(result instanceof Error)) as Claim[];
    assertEquals(winners.length, 1, `seed ${seed}`);
    for (const result of results) {
      if (result instanceof Error) assertEquals((result as CohortError).code, "IN_USE", String(result));
    }
    assertEquals(await world.run(winners[0]!.check()), true);
    assertEquals(winners[0]!.predecessors, seed % 2 === 1 ? [`/journals/${A}`] : []);
  }
});

test("a process that slept before creating its claim wins nothing, though its number is free", async () => {
  const world = new World();
  await world.run((await world.acquire(A)).release());
  let wake: () => void = () => {};
  world.before = (operation, path, nonce) => {
    if (operation !== "createRegister" || !path.endsWith("claim.3") || nonce !== B) return;
    return new Promise((resolve) => wake = resolve);
  };
  const sleeper = acquireClaim(world.options(B)).catch((error) => error);
  await world.run(Promise.resolve());
  for (let n = 0; n < 4; n++) await world.run((await world.acquire(nonceOf(50 + n))).release());
  const holder = await world.acquire(C);
  assertEquals(world.names().includes("claim.3"), false);
  wake();
  const outcome = await world.run(sleeper);
  assert(outcome instanceof CohortError && outcome.code === "IN_USE", String(outcome));
  assertEquals([await world.run(holder.check()), holder.number], [true, 11]);
});

test("a process that slept while the chain was begun anew takes its claim back", async () => {
  const world = new World();
  for (let n = 0; n < 3; n++) await world.run((await world.acquire(nonceOf(50 + n))).release());
  let wake: () => void = () => {};
  world.before = (operation, path, nonce) => {
    if (operation !== "createRegister" || !path.endsWith("claim.7") || nonce !== B) return;
    return new Promise((resolve) => wake = resolve);
  };
  const sleeper = acquireClaim(world.options(B)).catch((error) => error);
  await world.run(Promise.resolve());
  for (const name of world.names()) await world.files.remove(`${VOLUME}/${name}`);
  await world.acquire(C);
  wake();
  const outcome = await world.run(sleeper);
  assert(outcome instanceof CohortError && outcome.code === "IN_USE", String(outcome));
  assertEquals(world.names().filter((name) => name.startsWith("claim.")), ["claim.1"]);
});

test("a process that slept while another chain came as far is not taken in by the number", async () => {
  const world = new World();
  for (let n = 0; n < 3; n++) await world.run((await world.acquire(nonceOf(50 + n))).release());
  let wake: () => void = () => {};
  world.before = (operation, path, nonce) => {
    if (operation !== "createRegister" || !path.endsWith("claim.7") || nonce !== B) return;
    return new Promise((resolve) => wake = resolve);
  };
  const sleeper = acquireClaim(world.options(B)).catch((error) => error);
  await world.run(Promise.resolve());
  for (const name of world.names()) await world.files.remove(`${VOLUME}/${name}`);
  await world.run((await world.acquire(nonceOf(60))).release());
  for (const nonce of [nonceOf(61), nonceOf(62)]) {
    await world.acquire(nonce);
    world.states.set(nonce, "gone");
  }
  const holder = await world.acquire(C);
  await world.run(holder.recovered());
  assertEquals([holder.number, await world.run(holder.check())], [6, true]);
  wake();
  const outcome = await world.run(sleeper);
  assert(outcome instanceof CohortError && outcome.code === "IN_USE", String(outcome));
  assertEquals((await newestClaim(world)).number, 6);
});

test("an owner that slept through its own eviction does not come back", async () => {
  const world = new World();
  const claim = await world.acquire(A);
  world.states.set(A, "gone"); // a person was wrong
  const taken = await world.acquire(B);
  assertEquals(await world.run(claim.check()), false);
  assertEquals(claim.lost, true);
  assertEquals(claim.gate.enter(), false);
  await world.run(claim.release());
  assertEquals((await newestClaim(world)).owner.nonce, B);
  assertEquals(await world.run(taken.check()), true);
});
