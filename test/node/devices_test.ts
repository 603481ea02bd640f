import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "#test";
import { assertEquals, assertRejects } from "@std/assert";
import { CohortError, openNode } from "@cohort/db";

test("devices: every spelling of a directory is one database", async () => {
  const home = mkdtempSync(join(tmpdir(), "cohort-devices-"));
  try {
    const devices = { "TEST$DKA100": join(home, "100"), SYS: "DKA100:[SYS]" };
    await using node = await openNode({ dir: "SYS:[JOURNALS]", devices });
    const database = await node.createDatabase("DKA100:[HR]");
    assertEquals(database.directory.endsWith("/100/HR"), true, database.directory);
    for (const name of ["TEST$DKA100:[HR]", "test$dka100:[hr]", join(home, "100/HR"), database.directory]) {
      assertEquals(await node.mount(name), database, name);
    }
    const found = await node.resolve<string>('^|"DKA100:[HR]"|Patient(1)');
    assertEquals(found.database, database);
    await found.global.set(found.subscripts, "Ada");
    assertEquals(await database.global("Patient").get([1]), "Ada");
    assertEquals(node.status.databases, [database.directory]);
    assertEquals(readdirSync(join(home, "100")).sort(), ["HR", "SYS"], "dir is below the device, too");

    const mounted = await assertRejects(() => node.deleteDatabase("TEST$DKA100:[HR]"), CohortError);
    assertEquals([mounted.code, mounted.facts["directory"]], ["MOUNTED", database.directory]);
    await database.dismount();
    await node.deleteDatabase("dka100:[hr]");
    assertEquals(readdirSync(join(home, "100")), ["SYS"]);
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
});

test("devices: what names no directory is told before anything is made", async () => {
  await using node = await openNode({ devices: { "TEST$DKA100": "/100" } });
  const table = [["DKA100:[HR", "SYNTAX"], ["DKB1:[HR]", "NOT_FOUND"], ["$1$DKA100:[HR]", "NOT_FOUND"]];
  for (const [name, code] of table) {
    const calls = [
      () => node.mount(name!, { create: true }),
      () => node.createDatabase(name!),
      () => node.deleteDatabase(name!),
      () => node.resolve(`^|"${name}"|X`),
    ];
    for (const call of calls) assertEquals((await assertRejects(call, CohortError)).code, code, name);
  }
  assertEquals(node.status.databases, []);
  await assertRejects(() => openNode({ dir: "DKB1:[J]", devices: {} }), CohortError, "DKB1:");
  await assertRejects(() => openNode({ devices: { DKA100: "/100" } }), RangeError, "in full");
});
