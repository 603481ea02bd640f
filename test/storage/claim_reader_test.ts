import { assert, assertEquals } from "@std/assert";
import { test } from "#test";
import type { Claim } from "../../src/storage/claim.ts";
import { Prng } from "../support/prng.ts";
import { identity, nonceOf, refusal, VOLUME, World } from "./claim_rig.ts";

const A = nonceOf(0xa), B = nonceOf(0xb), C = nonceOf(0xc);
const READ = { mode: "read", journalDirectory: "" } as const;

test("readers share a volume, and keep writers out until the last has gone", async () => {
  const world = new World();
  await world.run((await world.acquire(C)).release());
  const a = await world.acquire(A, READ), b = await world.acquire(B, READ);
  assertEquals([a.number, a.predecessors, await world.run(a.check())], [0, [], true]);
  const error = await refusal(world.acquire(C));
  assertEquals(error.code, "IN_USE");
  assert(error.message.includes(`open read-only by process ${identity(A).pid}`), error.message);
  await world.run(a.release());
  assertEquals((await refusal(world.acquire(C))).code, "IN_USE");
  await world.run(b.release());
  await world.acquire(C);
  assertEquals(world.names().filter((name) => name.startsWith("reader.")), []);
});

test("a writer keeps readers out; so does a volume that needs recovery, with the remedy", async () => {
  const world = new World();
  const writer = await world.acquire(A);
  assertEquals((await refusal(world.acquire(B, READ))).code, "IN_USE");
  world.states.set(A, "unproven");
  assertEquals((await refusal(world.acquire(B, READ))).code, "FOREIGN_OWNER");
  world.states.set(A, "gone");
  const error = await refusal(world.acquire(B, READ));
  assertEquals(error.code, "READ_ONLY");
  assert(error.message.includes("mount it for writing once"), error.message);
  assertEquals(world.names(), ["claim.1", `lease.${A}`]);
  await world.run(writer.release());
  await world.acquire(B, READ);
});

test("a volume given back with something left to recover is not opened read-only", async () => {
  const world = new World();
  await world.acquire(A);
  world.states.set(A, "gone");
  await world.run((await world.acquire(B)).release());
  assertEquals((await refusal(world.acquire(C, READ))).code, "READ_ONLY");
});

test("dead readers are in nobody's way; readers that cannot be judged are", async () => {
  const world = new World();
  await world.acquire(A, READ);
  world.states.set(A, "unreachable");
  assertEquals((await refusal(world.acquire(B))).code, "FOREIGN_OWNER");
  world.states.set(A, "gone");
  const claim = await world.acquire(B);
  assertEquals([claim.number, claim.predecessors], [1, []]);
  assertEquals(world.names(), ["claim.1", `lease.${B}`]);
});

test("a silent reader of the same process is put out after a lease, and hears of it", async () => {
  const world = new World();
  let lost = 0;
  const reader = await world.acquire(A, { ...READ, onLost: () => lost++ });
  world.states.set(A, "self");
  const stalled = world.clock.tasks.splice(0);
  await world.acquire(B);
  assertEquals([reader.gate.enter(), reader.lost, lost], [false, true, 1]);
  for (const { task } of stalled) task();
  await world.run(reader.release());
});

test("readers and writers at once: never both, whatever order their calls take", async () => {
  let readers = 0, writers = 0;
  for (let seed = 0; seed < 60; seed++) {
    const chance = new Prng(seed);
    const world = new World();
    world.before = async () => {
      for (let turns = chance.below(10); turns > 0; turns--) await null;
    };
    const tries = Array.from(
      { length: 6 },
      (_, n) => world.acquire(nonceOf(100 + n), n % 2 === 0 ? READ : {}).catch((error) => error),
    );
    const results = await Promise.all(tries);
    const held = results.filter((result) => !(result instanceof Error)) as Claim[];
    for (const result of results) {
      if (result instanceof Error) {
        assertEquals((result as { code?: unknown }).code, "IN_USE", String(result));
      }
    }
    const modes = held.map((claim) => claim.mode);
    assert(!modes.includes("private") || modes.length === 1, `seed ${seed}: ${modes}`);
    for (const claim of held) assertEquals(await world.run(claim.check()), true, `seed ${seed}`);
    readers += modes.filter((mode) => mode === "read").length;
    writers += modes.filter((mode) => mode === "private").length;
    assertEquals(
      world.names().filter((name) => name.startsWith("reader.")).length,
      modes.filter((mode) => mode === "read").length,
    );
  }
  assert(readers > 0 && writers > 0, `${readers} readers, ${writers} writers`);
});

test("a reader's damaged register is told by name", async () => {
  const world = new World();
  await world.files.createRegister(`${VOLUME}/reader.${A}`, new Uint8Array(3));
  const error = await refusal(world.acquire(B));
  assertEquals(error.code, "CORRUPT");
  assert(error.message.includes(`reader.${A}`), error.message);
});
