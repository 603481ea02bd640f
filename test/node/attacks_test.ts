/** Schedules of the attacks on the design that one member must already stand (stamps, images, readers). */
import { test } from "#test";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { CohortError, type NodeOptions, openNode } from "../../mod.ts";
import { blockKind, blockStamp, KIND_LEAF } from "../../src/ground/block.ts";
import { scanImages } from "../../src/storage/image_scan.ts";
import { SEGMENT_HEADER_UNIT } from "../../src/storage/journal_segment.ts";
import { decodeVolumeHeader } from "../../src/storage/volume_header.ts";
import { type Fault, type FaultCall, withFaults } from "../../src/testing/mod.ts";
import { CrashedFiles } from "../fuzz/sample_databases.ts";
import { Witness } from "../global/rig.ts";

const BLOCK_BYTES = 8192;
const SMALL: NodeOptions = { poolBytes: 48 * BLOCK_BYTES, segmentBytes: 65_536 };

/** Which header slot of a volume is the newer one. */
function newestSlot(bytes: Uint8Array): number {
  const [a, b] = [0, 1].map((slot) =>
    decodeVolumeHeader(bytes.subarray(slot * BLOCK_BYTES, (slot + 1) * BLOCK_BYTES), slot)!
  );
  return b!.sequence > a!.sequence ? 1 : 0;
}

test("stamps: a damaged header slot lets no block fall back below what it was", async () => {
  const files = new CrashedFiles();
  const first = await openNode({ ...SMALL, dir: "/one" }, { storage: files });
  const before = await first.mount("/db", { create: true });
  await before.global<number>("A").set([1], 0);
  await before.dismount();
  const again = (await first.mount("/db")).global<number>("A");
  for (let i = 1; i <= 50; i++) await again.set([1], i);
  await first.close();

  const { bytes } = files.find("/db/cohort.dat");
  bytes[newestSlot(bytes) * BLOCK_BYTES + 200]! ^= 1;
  const second = await openNode({ ...SMALL, dir: "/two" }, { storage: files });
  const values = (await second.mount("/db")).global<number>("A");
  assertEquals(await values.get([1]), 50);
  await values.set([1], 51);
  const left = CrashedFiles.of(files);
  await second.close();

  const third = await openNode({ ...SMALL, dir: "/three" }, { storage: left });
  assertEquals(await (await third.mount("/db")).global<number>("A").get([1]), 51);
  await third.close();
});

test("images: one of an earlier mount is not taken for a block that others have changed since", async () => {
  const files = new CrashedFiles();
  const [one, two] = await Promise.all(
    ["/one", "/two"].map((dir) => openNode({ ...SMALL, dir }, { storage: files })),
  );
  for (const [turn, node] of [one!, two!].entries()) {
    const database = await node.mount("/db", { create: true });
    await database.global<string>("A").set(["name"], `of ${turn}`);
    await database.dismount();
  }
  // The first node's image journal still has the leaf as it left it.
  await one!.mount("/db");
  const left = CrashedFiles.of(files);
  for (const node of [one!, two!]) await node.close();
  const { bytes } = left.find("/db/cohort.dat");
  let damaged = 0;
  for (let at = 5 * BLOCK_BYTES; at < bytes.length; at += BLOCK_BYTES) {
    if (blockKind(bytes, at) !== KIND_LEAF || blockStamp(bytes, at) === 0) continue;
    bytes[at + 100]! ^= 1;
    damaged++;
  }
  assert(damaged > 0);
  const three = await openNode({ ...SMALL, dir: "/three" }, { storage: left });
  const answer = await three.mount("/db").then((it) => it.global<string>("A").get(["name"])).catch(
    (error) => error.code,
  );
  await three.close();
  assertEquals(answer, "CORRUPT");
});

test("a reader let go of by a node that stopped is in nobody's way", async () => {
  const disk = new CrashedFiles();
  const plan: { of: (call: FaultCall) => Fault | undefined } = { of: () => undefined };
  const node = await openNode({ ...SMALL, dir: "/one" }, {
    storage: withFaults(disk, (call) => plan.of(call)),
  });
  await (await node.mount("/read", { create: true })).dismount();
  const reader = await node.mount("/read", { readOnly: true });
  const other = await node.mount("/written", { create: true });
  plan.of = ({ operation, path }) =>
    operation === "sync" && path.includes("/journal.") ? { kind: "syncFailure" } : undefined;
  await assertRejects(() => other.global<number>("A").set([1], 1), CohortError);
  await reader.dismount();
  assertEquals(disk.list("/read").filter((name) => name.startsWith("reader.")), []);
  await node.close();
});

test("images: what a failed mount left half home can still be mended", async () => {
  const files = new CrashedFiles();
  const first = await openNode({ ...SMALL, dir: "/one", poolBytes: 256 * BLOCK_BYTES }, { storage: files });
  const values = (await first.mount("/db", { create: true })).global<string>("A");
  const set = (i: number, text: string) => values.set([i], text.padEnd(3_000, "."));
  for (let i = 0; i < 60; i++) await set(i, "old");
  await first.checkpoint();
  await values.set(["other"], "alone in the last cycle");
  await first.checkpoint();
  for (let i = 0; i < 60; i++) await set(i, "new");
  const disk = CrashedFiles.of(files);
  await first.close();

  let isIll = true;
  let isTorn = false;
  const failed = Promise.withResolvers<void>();
  const storage = withFaults(disk, ({ operation, path }) => {
    if (!isIll || path !== "/db/cohort.dat") return undefined;
    if (operation === "write") {
      // The first block goes home, half of the second.
      isTorn = true;
      return { kind: "tornWrite", bytes: BLOCK_BYTES + 1_024 };
    }
    if (!isTorn || operation !== "read") return undefined;
    failed.resolve();
    return { kind: "error", code: "IO", errno: "EIO" };
  });
  const options = { ...SMALL, dir: "/two", poolBytes: 16 * BLOCK_BYTES };
  const second = await openNode(options, { storage, observer: new Witness() });
  const beside = (await second.mount("/beside", { create: true })).global<number>("B");
  const mounting = assertRejects(() => second.mount("/db"), CohortError, "EIO");
  await failed.promise;
  await new Promise((done) => setTimeout(done, 20));
  isIll = false;
  await mounting;
  for (let round = 0; round < 3; round++) {
    await beside.set([round], round).catch(() => {});
    await second.checkpoint().catch(() => {});
  }
  const left = CrashedFiles.of(disk);
  await second.close();

  const third = await openNode({ ...SMALL, dir: "/three" }, { storage: left });
  const found = (await third.mount("/db")).global<string>("A");
  for (let i = 0; i < 60; i++) assertEquals((await found.get([i]))?.slice(0, 3), "new");
  await third.close();
});

/** A node's life whose last cycle loses a home write or not; what a crash then leaves. */
async function livedWith(isLosing: boolean): Promise<CrashedFiles> {
  const disk = new CrashedFiles();
  let isLost = false;
  const storage = withFaults(
    disk,
    ({ operation, path }) =>
      isLost && operation === "write" && path === "/db/cohort.dat" ? { kind: "lostWrite" } : undefined,
  );
  const node = await openNode({ ...SMALL, dir: "/one" }, { storage });
  const values = (await node.mount("/db", { create: true })).global<number>("A");
  for (let i = 0; i < 20; i++) await values.set([i], 0);
  await node.checkpoint();
  for (let i = 0; i < 20; i++) await values.set([i], 1);
  isLost = isLosing;
  await node.checkpoint();
  const left = CrashedFiles.of(disk);
  await node.close();
  return left;
}

test("images: a block of a finished cycle that the disk lost is told, and mended (R4)", async () => {
  for (const isLosing of [false, true]) {
    const left = await livedWith(isLosing);
    const witness = new Witness();
    const node = await openNode({ ...SMALL, dir: "/two" }, { storage: left, observer: witness });
    const values = (await node.mount("/db")).global<number>("A");
    for (let i = 0; i < 20; i++) assertEquals(await values.get([i]), 1);
    assertEquals(witness.complaints.some((it) => it.startsWith("volume.mismatch")), isLosing);
    await node.close();
  }
});

test("images: without the image journal the redo is replayed all the same (R7)", async () => {
  const left = await livedWith(false);
  for (const path of [...left.files.keys()]) if (path.endsWith("/image")) left.files.delete(path);
  const node = await openNode({ ...SMALL, dir: "/two" }, { storage: left });
  assertEquals(await (await node.mount("/db")).global<number>("A").get([19]), 1);
  await node.close();
});

test("a claim lost while its volume is given back takes nothing from the taker", async () => {
  const files = new CrashedFiles();
  const { promise, resolve } = Promise.withResolvers<void>();
  let isStalling = false;
  const removed: string[] = [];
  const storage = withFaults(files, ({ operation, path }) => {
    if (operation === "remove") removed.push(path);
    return isStalling && operation === "sync" && path === "/db/cohort.dat"
      ? { kind: "stall", until: promise }
      : undefined;
  });
  const node = await openNode({ ...SMALL, dir: "/one", leaseMs: 20 }, { storage, observer: new Witness() });
  const database = await node.mount("/db", { create: true });
  await database.global<number>("A").set([1], 1);
  await node.checkpoint();
  isStalling = true;
  const dismounted = database.dismount().catch(() => {});
  await new Promise((done) => setTimeout(done, 10));
  // As after a person's wrong word: the taker believes the holder gone.
  const other = await openNode({ ...SMALL, dir: "/two" }, { storage: files.sharedBy() });
  const taken = await other.mount("/db");
  while (node.status.state !== "stopped") await new Promise((done) => setTimeout(done, 5));
  resolve();
  await dismounted;
  await node.close();
  assertEquals(removed.filter((path) => path.includes("/mount.")), []);
  assertEquals(await taken.global<number>("A").get([1]), 1);
  await other.close();
});

test("images: a journal that ends below what they name as synced is a gap, not a tail", async () => {
  const left = await livedWith(false);
  const [path] = [...left.files.keys()].filter((name) => /\/journal\.[0-9]+$/.test(name));
  const image = [...left.files.keys()].find((name) => name.endsWith("/image"))!;
  const { header } = await scanImages(left, image);
  // The drive has lost the end of the journal, which nothing in it names yet.
  const { bytes } = left.find(path!);
  bytes.fill(0, SEGMENT_HEADER_UNIT + header!.position / 2);
  const node = await openNode({ ...SMALL, dir: "/two" }, { storage: left });
  const before = left.find("/db/cohort.dat").bytes.slice();
  await assertRejects(() => node.mount("/db"), CohortError, "is named as synced elsewhere");
  // Nothing was done on its word: what reads it better may still recover the volume.
  assertEquals([...left.files.keys()].filter((name) => name.endsWith("/journal.end")), []);
  assertEquals(left.find("/db/cohort.dat").bytes, before);
  await node.close();
});
