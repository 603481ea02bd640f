/** The PIJ directory: one cluster however it is named and whoever comes first, and a copy of it is none. */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { test } from "#test";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CohortError } from "@cohort/db";
import { createSystemClock } from "../../adapters/clock_system.ts";
import { createSystemEntropy } from "../../adapters/entropy_system.ts";
import { createFileStorage } from "../../adapters/storage_file.ts";
import { createMemoryStorage } from "../../adapters/storage_memory.ts";
import { foundingView } from "../../src/cluster/next_view.ts";
import { adoptPij, openPij, type PijWorld } from "../../src/cluster/pij.ts";
import { decodePij, encodePij, pijNumber } from "../../src/cluster/pij_record.ts";
import { clusterSecret, secretName } from "../../src/cluster/secret.ts";
import { ViewChain } from "../../src/cluster/view_chain.ts";
import type { Storage } from "../../src/ports/mod.ts";
import { runPijRace } from "./pij_world.ts";
import { nativeDrain } from "../sim/drain.ts";
import { joiner, viewOf } from "./view_rig.ts";

function worldOf(storage: Storage): PijWorld {
  return { storage, clock: createSystemClock(), entropy: createSystemEntropy() };
}

/** Copies every file of a directory, as a tool would that knows nothing of them. */
async function copyDirectory(storage: Storage, from: string, to: string): Promise<void> {
  for (const name of await storage.list(from)) {
    await storage.createRegister(`${to}/${name}`, (await storage.readRegister(`${from}/${name}`))!);
  }
}

async function withFiles(body: (world: PijWorld, folder: string) => Promise<void>): Promise<void> {
  const folder = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), "cohort-pij-")));
  const world = worldOf(createFileStorage());
  try {
    await body(world, folder);
  } finally {
    await world.storage.close();
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

test("PIJ record: what is put is read; every damaged byte is told", () => {
  const record = { number: 300, cluster: "0f".repeat(16), madeMs: 1_700_000_000_123, anchor: "1c8-ä€" };
  const bytes = encodePij(record);
  assertEquals(decodePij(bytes, "/pij/cluster.300", 300), record);
  for (let at = 0; at < bytes.length; at++) {
    const damaged = bytes.slice();
    damaged[at]! ^= 4;
    assertThrows(() => decodePij(damaged, "/pij/cluster.300", 300), CohortError, "/pij/cluster.300");
    assertThrows(() => decodePij(bytes.subarray(0, at), "/pij/cluster.300", 300), CohortError);
  }
  assertThrows(() => decodePij(bytes, "/pij/cluster.2", 2), CohortError, "not of number 2");
  assertEquals(["cluster.1", "cluster.0", "cluster.01", "cluster.", "clusters.1"].map(pijNumber), [
    1,
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
});

test("PIJ: whatever dies while many begin at once, all who come through are of one cluster", async () => {
  let died = 0;
  for (let seed = 1; seed <= 60; seed++) {
    const { clusters, secrets, problems, kills } = await runPijRace(seed, await nativeDrain());
    assertEquals(problems, [], `seed ${seed}`);
    assertEquals([clusters.size, secrets.size], [1, 1], `seed ${seed}`);
    died += kills;
  }
  assert(died > 60, `${died} died`);
});

test("PIJ: a copy is refused with the way out, and adopted is a cluster of its own", async () => {
  const world = worldOf(createMemoryStorage());
  const { storage } = world;
  const pij = await openPij(world, "/a/../pij");
  assertEquals([pij.directory, pij.number], ["/pij", 1]);
  assertEquals((await openPij(world, "/pij/.")).cluster, pij.cluster);
  await copyDirectory(storage, "/pij", "/copy");
  const error = await assertRejects(() => openPij(world, "/copy"), CohortError, "cohort pij adopt /copy");
  assertEquals([error.code, error.facts["cluster"]], ["COPIED", pij.cluster]);
  const adopted = await adoptPij(world, "/copy", { isMoved: false });
  assertEquals((await openPij(world, "/copy")).cluster, adopted.cluster);
  assert(adopted.cluster !== pij.cluster);
  assertEquals((await openPij(world, "/pij")).cluster, pij.cluster, "the original is what it was");
  const again = await assertRejects(() => adoptPij(world, "/copy", { isMoved: false }), CohortError);
  assertEquals(again.code, "EXISTS");
  await copyDirectory(storage, "/copy", "/copy2");
  await assertRejects(() => openPij(world, "/copy2"), CohortError, "is a copy");
  const moved = await adoptPij(world, "/copy2", { isMoved: true });
  assertEquals([moved.cluster, moved.number], [adopted.cluster, 3]);
  const nowhere = await assertRejects(() => adoptPij(world, "/none", { isMoved: false }), CohortError);
  assertEquals([nowhere.code, await storage.list("/none")], ["NOT_FOUND", []]);
});

test("PIJ: a directory that has lost its anchor is taken for a copy, and makes no other", async () => {
  const world = worldOf(createMemoryStorage());
  await openPij(world, "/pij");
  await world.storage.remove("/pij/anchor");
  await assertRejects(() => openPij(world, "/pij"), CohortError, "anchor is missing");
  assertEquals(await world.storage.list("/pij"), ["cluster.1"]);
});

test("PIJ: views that came with a copy are another cluster's, and leave nothing to recover", async () => {
  const storage = createMemoryStorage();
  const chain = new ViewChain(storage, "/copy");
  assert(await chain.decide(viewOf(["a"])));
  const before = await chain.newest();
  const founding = { cluster: "d".repeat(32), session: "5".repeat(32), storageVotes: "auto" as const };
  const view = foundingView(before, joiner("d"), new Set(), founding);
  assertEquals([view.number, view.cluster, view.pending], [2, founding.cluster, []]);
  assert(await chain.decide(view));
});

test("PIJ in files: by links, by other spellings and after a move it is one cluster; a copy is not", () =>
  withFiles(async (world, folder) => {
    const original = join(folder, "pij");
    const all = await Promise.all(Array.from({ length: 8 }, () => openPij(world, original)));
    const { cluster } = all[0]!;
    assertEquals(new Set(all.map((it) => it.cluster)).size, 1);
    fs.symlinkSync("pij", join(folder, "link"));
    for (const path of [join(folder, "link"), `${folder}/./pij/`, `${folder}/link/../pij`]) {
      const { directory, cluster: found } = await openPij(world, path);
      assertEquals([directory, found], [original, cluster], path);
    }
    const copy = join(folder, "copy");
    fs.cpSync(original, copy, { recursive: true, preserveTimestamps: true });
    const error = await assertRejects(() => openPij(world, copy), CohortError, "is a copy of cluster");
    assertEquals(error.code, "COPIED");
    fs.renameSync(original, join(folder, "moved"));
    assertEquals((await openPij(world, join(folder, "moved"))).cluster, cluster, "moved by its name");
    assertEquals((await adoptPij(world, copy, { isMoved: true })).cluster, cluster);
  }));

test("secret in files: its owner's alone, one for all; one that others may read is refused", () =>
  withFiles(async (world, folder) => {
    const { storage, entropy } = world;
    const pij = await openPij(world, join(folder, "pij"));
    const all = await Promise.all(Array.from({ length: 8 }, () => clusterSecret(storage, entropy, pij)));
    assertEquals(new Set(all.map((it) => it.join())).size, 1);
    assertEquals(all[0]!.length, 32);
    const path = join(pij.directory, secretName(pij.cluster));
    assertEquals(fs.statSync(path).mode & 0o777, 0o600);
    for (const mode of [0o640, 0o604, 0o620]) {
      fs.chmodSync(path, mode);
      const error = await assertRejects(
        () => clusterSecret(storage, entropy, pij),
        CohortError,
        "its mode is 06",
      );
      assertEquals([error.code, error.facts["mode"]], ["PERMISSION", mode]);
    }
    fs.chmodSync(path, 0o600);
    assertEquals(await clusterSecret(storage, entropy, pij), all[0]);
    fs.renameSync(path, join(folder, "elsewhere"));
    fs.symlinkSync(join(folder, "elsewhere"), path);
    await assertRejects(() => clusterSecret(storage, entropy, pij), CohortError);
    fs.rmSync(path);
    fs.writeFileSync(path, "short", { mode: 0o600 });
    const short = await assertRejects(() => clusterSecret(storage, entropy, pij), CohortError, "has 5 bytes");
    assertEquals(short.code, "CORRUPT");
  }));
