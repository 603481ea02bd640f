import { assertEquals } from "@std/assert";
import { test } from "#test";
import { isCode, openNode } from "@cohort/db";
import { createMemoryStorage } from "../../adapters/storage_memory.ts";
import { CrashedFiles } from "../fuzz/sample_databases.ts";
import { withFaults } from "../../src/testing/mod.ts";

test("deleteDatabase: leaves the claims of whoever made the database anew meanwhile", async () => {
  const disk = createMemoryStorage();
  const stalled = Promise.withResolvers<void>();
  const reached = Promise.withResolvers<void>();
  let isReleased = false;
  // The deleting process sleeps between giving its claim back and looking for claims to remove.
  const slow = withFaults(disk, ({ operation, path }) => {
    if (operation === "remove" && path.startsWith("/v/lease.")) isReleased = true;
    if (!isReleased || operation !== "list" || path !== "/v") return undefined;
    reached.resolve();
    return { kind: "stall", until: stalled.promise };
  });
  await using first = await openNode({ dir: "/first" }, { storage: slow });
  await using second = await openNode({ dir: "/second" }, { storage: disk });
  await using third = await openNode({ dir: "/third" }, { storage: disk });
  await (await second.createDatabase("/v")).dismount();
  const deleting = first.deleteDatabase("/v");
  await reached.promise;
  const database = await second.mount("/v", { create: true });
  stalled.resolve();
  await deleting;
  const error = await third.mount("/v", { create: true }).catch((thrown) => thrown);
  assertEquals(isCode(error, "IN_USE"), true, String(error));
  await database.global<number>("A").set([1], 1);
});

test("deleteDatabase: beside a mount or another deletion of its node, one waits", async () => {
  const storage = withFaults(createMemoryStorage(), () => ({ kind: "delay", turns: 2 }));
  await using node = await openNode({ dir: "/node" }, { storage });
  await (await node.createDatabase("/v")).dismount();
  const ended = await Promise.all([
    node.deleteDatabase("/v").then(() => "deleted"),
    node.deleteDatabase("/v").catch((error) => error.code),
    node.mount("/v", { create: true }).then(() => "mounted"),
  ]);
  assertEquals(ended[0], "deleted");
  assertEquals(["MOUNTED", "NOT_FOUND"].includes(String(ended[1])), true, String(ended[1]));
  assertEquals(ended[2], "mounted");
});

test("deleteDatabase: the files of owners that died with it go, too", async () => {
  const files = new CrashedFiles();
  const node = await openNode({ dir: "/one" }, { storage: files });
  const database = await node.createDatabase("/v");
  await database.global<number>("A").set([1], 1);
  const left = CrashedFiles.of(files);
  await node.close();
  const next = await openNode({ dir: "/two" }, { storage: left });
  await next.deleteDatabase("/v");
  await next.close();
  assertEquals([...left.files.keys()], []);
});
