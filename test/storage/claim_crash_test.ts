import { assert, assertEquals } from "@std/assert";
import { test } from "#test";
import { acquireClaim } from "../../src/storage/claim.ts";
import { claimNumber } from "../../src/storage/claim_record.ts";
import { CohortError } from "../../src/ground/errors.ts";
import { newestClaim, nonceOf, refusal, World } from "./claim_rig.ts";

const A = nonceOf(0xa), B = nonceOf(0xb), C = nonceOf(0xc), D = nonceOf(0xd);

class Crash extends Error {}

/** A world in which A died with the volume, and B is to take it over, recover and give it back. */
async function afterDeathOfA(): Promise<World> {
  const world = new World();
  await world.acquire(A);
  world.clock.tasks.splice(0);
  world.states.set(A, "gone");
  return world;
}

/** The whole life of B; every port call of it runs `before`. */
async function lifeOfB(world: World): Promise<void> {
  const claim = await acquireClaim(world.options(B));
  assertEquals(claim.predecessors, [`/journals/${A}`]);
  await claim.recovered();
  await claim.release();
}

test("a crash at any call of an owner's life leaves a chain that the next one goes on with", async () => {
  const dry = await afterDeathOfA();
  let calls = 0;
  dry.before = () => void calls++;
  await dry.run(lifeOfB(dry));
  assert(calls > 15, `${calls} calls`);
  for (let at = 0; at < calls; at++) {
    for (const effect of ["before", "after"] as const) {
      const world = await afterDeathOfA();
      let count = 0;
      world.before = (operation, path) => {
        if (count < at || (count === at && effect === "after")) return void count++;
        count++;
        throw new Crash(`${operation} ${path}`);
      };
      await world.run(lifeOfB(world)).catch((error) => assert(error instanceof Crash, String(error)));
      // B's process is no more, whatever its last calls did.
      world.before = () => {};
      world.clock.tasks.splice(0);
      world.states.set(B, "gone");
      const left = await newestClaim(world);
      const claim = await world.acquire(C);
      const what = `call ${at}, ${effect}: ${left.owner.nonce.slice(-1)} ${left.state}`;
      assertEquals(claim.number, left.number + 1, what);
      const owed = left.state === "free" ? [] : [`/journals/${left.owner.nonce}`];
      assertEquals(claim.predecessors, [...left.predecessors, ...owed], what);
      await world.run(claim.recovered());
      await world.run(claim.release());
      assertEquals(world.names().filter((name) => claimNumber(name) === undefined), [], what);
      assertEquals((await world.acquire(D)).predecessors, [], what);
    }
  }
});

test("an I/O error at any call of a mount leaves the volume to others at once", async () => {
  const dry = await afterDeathOfA();
  let calls = 0;
  dry.before = () => void calls++;
  await dry.run(acquireClaim(dry.options(B)));
  for (let at = 0; at < calls; at++) {
    const world = await afterDeathOfA();
    let count = 0;
    world.before = (operation, path) => {
      if (count++ === at) throw new CohortError("IO", `${operation} failed with EIO: ${path}`);
    };
    const outcome = await world.run(acquireClaim(world.options(B))).catch((error) => error);
    world.before = () => {};
    if (!(outcome instanceof Error)) {
      await world.run(outcome.release());
      continue;
    }
    assertEquals((outcome as CohortError).code, "IO", `call ${at}: ${outcome}`);
    // B lives on, and does not hold it.
    assertEquals((await world.acquire(C)).predecessors, [`/journals/${A}`], `call ${at}`);
  }
});

test("a register that comes about though its creation failed is given back too", async () => {
  const world = await afterDeathOfA();
  const options = world.options(B);
  const { storage } = options;
  let failed = false;
  const failing = {
    ...storage,
    createRegister: async (path: string, bytes: Uint8Array) => {
      const created = await storage.createRegister(path, bytes);
      if (failed) return created;
      failed = true;
      throw new CohortError("IO", `create a register (sync of the directory) failed with EIO: ${path}`);
    },
  };
  const outcome = await refusal(world.run(acquireClaim({ ...options, storage: failing })));
  assertEquals(outcome.code, "IO");
  const claim = await world.acquire(C);
  assertEquals([claim.number, claim.predecessors], [4, [`/journals/${A}`]]);
});

test("purging fails in silence, and is made up for later", async () => {
  const world = new World();
  world.before = (operation) => {
    if (operation === "remove") throw new CohortError("IO", "remove failed with EIO");
  };
  for (let n = 1; n <= 3; n++) {
    const claim = await world.acquire(nonceOf(n));
    await world.run(claim.release()).catch(() => {});
  }
  assert(world.events.includes("claim.purge_failed"));
  world.before = () => {};
  await world.run((await world.acquire(A)).release());
  assertEquals(world.names(), ["claim.7", "claim.8"]);
});
