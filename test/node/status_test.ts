import { assert, assertEquals, assertRejects } from "@std/assert";
import { test } from "#test";
import { isCode, openNode } from "@cohort/db";

test("node.status tells mounts and the end, iterated", async () => {
  const node = await openNode();
  const seen: string[] = [];
  const following = (async () => {
    for await (const status of node.status) seen.push(`${status.state} ${status.databases.length}`);
  })();
  const database = await node.mount("/one", { create: true });
  await database.dismount();
  await node.close();
  await following;
  assertEquals(seen[0], "active 0");
  assert(seen.includes("active 1"), seen.join(", "));
  assertEquals(seen.at(-1), "closed 0");
});

test("node.resolve mounts the database of a reference at its first use", async () => {
  await using node = await openNode();
  await (await node.createDatabase("/hr")).dismount();
  const { global, subscripts, database } = await node.resolve<string>('^|"/hr"|Patient(123,"name")');
  await global.set(subscripts, "Ada");
  assertEquals(subscripts, [123, "name"]);
  assertEquals(database, await node.mount("/hr"));
  assertEquals(await database.global("Patient").get([123, "name"]), "Ada");
});

test("node.resolve refuses references that name no database, or a member without a cluster", async () => {
  await using node = await openNode();
  await assertRejects(() => node.resolve("^Patient(1)"), RangeError);
  await assertRejects(() => node.resolve('^|"beta","/hr"|Patient(1)'), TypeError, "pij");
  const error = await node.resolve("^Patient(").catch((thrown) => thrown);
  assert(isCode(error, "SYNTAX"));
});
