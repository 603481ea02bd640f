import { test } from "#test";
import { assertEquals } from "@std/assert";
import { createMemoryStorage } from "../../adapters/storage_memory.ts";
import { MountRegisters, mountsOf } from "../../src/node/mount_registers.ts";

const OWN = "/pij/journals/own";
const FACTS = { id: "1".repeat(32), incarnation: "2".repeat(32) };

/** The registers of an incarnation, and how many volumes they name now. */
function open() {
  const storage = createMemoryStorage();
  return {
    registers: new MountRegisters(storage, OWN),
    named: async () => (await mountsOf({ storage }, OWN)).length,
  };
}

test("registers: a mount that fails leaves the name that a recovery relies on", async () => {
  const { registers, named } = open();
  assertEquals(await registers.take("mount", "/db", FACTS), true);
  // The master of a view takes the volume up while the mount is under way; then the mount is undone.
  assertEquals(await registers.take("recovery", "/db", FACTS), true);
  assertEquals(await named(), 2);
  await registers.giveBack("mount", FACTS.id);
  assertEquals(await named(), 1);
  await registers.giveBack("recovery", FACTS.id);
  assertEquals(await named(), 0);
});

test("registers: a recovery that ends leaves the name to a mount, one begun anew has it still", async () => {
  const { registers, named } = open();
  assertEquals(await registers.take("recovery", "/db", FACTS), true);
  assertEquals(await registers.take("recovery", "/db", FACTS), false);
  assertEquals(await registers.take("mount", "/db", FACTS), true);
  await registers.giveBack("recovery", FACTS.id);
  await registers.giveBack("recovery", FACTS.id);
  assertEquals(await named(), 1);
  // A second mount that fails takes away nothing: it has taken nothing.
  assertEquals(await registers.take("mount", "/db", FACTS), false);
  await registers.giveBack("mount", FACTS.id);
  assertEquals(await named(), 0);
});

test("registers: uses that cross come one after the other", async () => {
  const { registers, named } = open();
  const taken = [registers.take("mount", "/db", FACTS), registers.giveBack("mount", FACTS.id)];
  await Promise.all([...taken, registers.take("recovery", "/db", FACTS)]);
  assertEquals(await named(), 1);
});
