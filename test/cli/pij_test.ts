/** `cohort pij adopt`, as a user runs it. */
import { test } from "#test";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { cpSync, existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { createSystemClock } from "../../adapters/clock_system.ts";
import { createSystemEntropy } from "../../adapters/entropy_system.ts";
import { createFileStorage } from "../../adapters/storage_file.ts";
import { openPij } from "../../src/cluster/pij.ts";
import { cohort, withFolder } from "./run_cohort.ts";

async function clusterOf(directory: string): Promise<string> {
  const storage = createFileStorage();
  try {
    const world = { storage, clock: createSystemClock(), entropy: createSystemEntropy() };
    return (await openPij(world, directory)).cluster;
  } finally {
    await storage.close();
  }
}

test("cohort pij adopt: a copy becomes a cluster of its own, or the one that was moved", () =>
  withFolder(async (folder) => {
    const original = join(folder, "pij");
    const cluster = await clusterOf(original);
    for (const name of ["copy", "moved"]) cpSync(original, join(folder, name), { recursive: true });
    const copy = cohort(["pij", "adopt", join(folder, "copy")]);
    assertEquals([copy.code, copy.err], [0, ""]);
    const own = await clusterOf(join(folder, "copy"));
    assert(own !== cluster);
    assertMatch(copy.out, new RegExp(`copy is cluster ${own} from now on\n$`));
    const moved = cohort(["pij", "adopt", "--moved", "--json", join(folder, "moved")]);
    assertEquals(moved.code, 0);
    const told = JSON.parse(moved.out);
    assertEquals([told.cluster, told.number], [cluster, 2]);
    assertEquals(await clusterOf(join(folder, "moved")), cluster);
  }));

test("cohort pij adopt: what is no copy is left as it is", () =>
  withFolder(async (folder) => {
    const original = join(folder, "pij");
    await clusterOf(original);
    const own = cohort(["pij", "adopt", original]);
    assertEquals([own.code, own.out], [3, ""]);
    assertMatch(own.err, /^cohort: EXISTS: .* is no copy/);
    assertEquals(readdirSync(original).sort(), ["anchor", "cluster.1"]);
    mkdirSync(join(folder, "empty"));
    for (const name of ["empty", "none"]) {
      const { code, err } = cohort(["pij", "adopt", join(folder, name)]);
      assertEquals(code, 3);
      assertMatch(err, /^cohort: NOT_FOUND: There is no cluster in /);
    }
    assertEquals([readdirSync(join(folder, "empty")), existsSync(join(folder, "none"))], [[], false]);
  }));
