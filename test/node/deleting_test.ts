import { assert, assertEquals } from "@std/assert";
import { test } from "#test";
import { isCode, openNode } from "@cohort/db";
import { createMemoryStorage } from "../../adapters/storage_memory.ts";
import { CrashedFiles } from "../fuzz/sample_databases.ts";
import { claimName, type ClaimRecord, decodeClaim, encodeClaim } from "../../src/storage/claim_record.ts";
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

/** Storage with the closed database /v, whose newest claim is as `change` makes it of the last. */
async function withClaim(change: Partial<ClaimRecord>): Promise<ReturnType<typeof createMemoryStorage>> {
  const storage = createMemoryStorage();
  await using node = await openNode({ dir: "/maker" }, { storage });
  await (await node.createDatabase("/v")).dismount();
  await addClaim(storage, change);
  return storage;
}

async function addClaim(
  storage: ReturnType<typeof createMemoryStorage>,
  change: Partial<ClaimRecord>,
): Promise<void> {
  const names = await storage.list("/v");
  const last = Math.max(...names.map((name) => Number(/^claim\.(\d+)$/.exec(name)?.[1] ?? 0)));
  const path = `/v/${claimName(last)}`;
  const record = decodeClaim((await storage.readRegister(path))!, path, last);
  const next = { ...record, number: last + 1, owner: { ...record.owner, nonce: "c".repeat(32) }, ...change };
  assert(await storage.createRegister(`/v/${claimName(last + 1)}`, encodeClaim(next)));
}

const CLUSTERED: Partial<ClaimRecord> = { state: "held", mode: "clustered", cluster: "a".repeat(32) };

for (
  const [how, change] of [
    ["held", {}],
    ["being recovered", { state: "recovering", predecessors: ["/dead"] }],
    ["let go, not recovered", { state: "free", predecessors: ["/dead"] }],
    ["of a cluster that is not named", { cluster: "" }],
  ] as const
) {
  test(`deleteDatabase: of a database that is clustered, ${how}, is refused as in the model`, async () => {
    const storage = await withClaim({ ...CLUSTERED, ...change });
    const before = await storage.list("/v");
    await using node = await openNode({ dir: "/node" }, { storage });
    const error = await node.deleteDatabase("/v").catch((thrown) => thrown);
    assert(isCode(error, "MOUNTED"), String(error));
    assertEquals(error.message, "## ERROR while Deleting. Cannot delete a cluster-mounted database");
    assertEquals(error.facts, { directory: "/v", mode: "clustered" });
    assertEquals(await storage.list("/v"), before, "nothing is gone");
  });
}

test("deleteDatabase: a cluster that comes in between is not passed over", async () => {
  const disk = await withClaim({ state: "free" });
  let isLooking = false;
  const slow = withFaults(disk, ({ operation, path }) => {
    // Its own claim is about to be made: the cluster is one number ahead.
    if (operation !== "createRegister" || !path.startsWith("/v/claim.") || isLooking) return undefined;
    isLooking = true;
    return { kind: "stall", until: addClaim(disk, CLUSTERED) };
  });
  await using node = await openNode({ dir: "/node" }, { storage: slow });
  const error = await node.deleteDatabase("/v").catch((thrown) => thrown);
  assert(isLooking);
  assertEquals(error.message, "## ERROR while Deleting. Cannot delete a cluster-mounted database");
  assert((await disk.list("/v")).includes("cohort.dat"));
});

test("deleteDatabase: what a cluster has closed may be deleted", async () => {
  const storage = await withClaim({ ...CLUSTERED, state: "free" });
  await using node = await openNode({ dir: "/node" }, { storage });
  await node.deleteDatabase("/v");
  assertEquals(await storage.list("/v"), []);
});
