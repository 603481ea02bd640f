import { test } from "#test";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { crc32 } from "node:zlib";
import { putU16, putU32 } from "../../src/ground/bytes.ts";
import { blockStamp, setBlockStamp } from "../../src/ground/block.ts";
import { CohortError, InvariantError } from "../../src/ground/errors.ts";
import { encodeCycle, encodeRelease, ENTRY_BYTES, putEntry } from "../../src/storage/image_format.ts";
import { type ImageEntry, ImageJournal } from "../../src/storage/image_journal.ts";
import { imageApplies, type ImageScan, scanImages } from "../../src/storage/image_scan.ts";
import { hexOf, readGolden } from "./bytes_rig.ts";
import { INCARNATION, VOLUME } from "./journal_rig.ts";
import { ioError, RigClock, RigStorage } from "./rig.ts";

const PATH = "base/image";
const FACTS = { position: 4096, stamp: 900, segment: 1 };
/** Blocks are short here, so that every byte can be damaged in turn. */
const BLOCK_BYTES = 128;
const STRIDE = ENTRY_BYTES + BLOCK_BYTES;

function entry(block: number, stamp: number, size = BLOCK_BYTES): ImageEntry {
  const bytes = new Uint8Array(size).fill(block);
  setBlockStamp(bytes, 0, stamp);
  return { volumeId: VOLUME, volumeIncarnation: INCARNATION, block, bytes };
}

async function open(storage: RigStorage): Promise<ImageJournal> {
  const options = { storage, clock: new RigClock(), path: PATH, incarnation: INCARNATION };
  return await ImageJournal.open({ ...options, blocksMax: 1000, reserveBytes: 512 });
}

/** Storage after cycle 1 (four blocks) was sealed. */
async function sealOne(): Promise<{ storage: RigStorage; images: ImageJournal }> {
  const storage = new RigStorage();
  const images = await open(storage);
  await images.writeCycle(1, [10, 11, 12, 13].map((block) => entry(block, 100 + block)), FACTS);
  return { storage, images };
}

async function blocks(scan: ImageScan): Promise<string> {
  const found: string[] = [];
  for await (const { volumeId, block, stamp, bytes } of scan.images()) {
    assertEquals(volumeId, VOLUME);
    assertEquals(blockStamp(bytes, 0), stamp);
    assertEquals(bytes[bytes.length - 1], block);
    found.push(`${block}@${stamp}`);
  }
  return found.join(" ");
}

test("ImageJournal: a cycle is sealed by one sync, and released without one", async () => {
  const { storage, images } = await sealOne();
  assertEquals(storage.log.filter((line) => line.startsWith("sync")).length, 1);
  const sealed = await scanImages(storage, PATH, INCARNATION);
  assertEquals([sealed.state, sealed.sound, sealed.header!.cycle], ["sealed", 4, 1]);
  assertEquals([sealed.header!.position, sealed.header!.stamp, sealed.header!.segment], [4096, 900, 1]);
  assertEquals(await blocks(sealed), "10@110 11@111 12@112 13@113");
  await images.release(1);
  assertEquals(storage.log.filter((line) => line.startsWith("sync")).length, 1);
  const released = await scanImages(storage, PATH);
  assertEquals(released.state, "released");
  assertEquals(await blocks(released), "10@110 11@111 12@112 13@113");
  await images.close();
  assertEquals(storage.open, 0);
});

test("ImageJournal: a later cycle is sealed without the release of the one before", async () => {
  const { storage, images } = await sealOne();
  await images.writeCycle(2, [entry(20, 300), entry(10, 301)], FACTS);
  const scan = await scanImages(storage, PATH);
  assertEquals([scan.state, scan.header!.cycle, await blocks(scan)], ["sealed", 2, "20@300 10@301"]);
  await assertRejects(() => images.writeCycle(1, [], FACTS), InvariantError);
  await images.close();
});

test("ImageJournal: whatever part of a cycle survives a crash, it is sealed only when whole", async () => {
  const first = await sealOne();
  const before = first.storage.find(PATH).bytes.slice();
  await first.images.writeCycle(2, [20, 21, 22].map((block) => entry(block, 300 + block)), FACTS);
  const after = first.storage.find(PATH).bytes.slice();
  // The parts of one unsynced write set, any subset of which may have reached the disk: header, entries'
  // headers, images.
  const parts: [from: number, to: number][] = [[0, 128]];
  for (let i = 0; i < 3; i++) {
    const at = 4096 + i * STRIDE;
    parts.push([at, at + ENTRY_BYTES], [at + ENTRY_BYTES, at + STRIDE]);
  }
  const states = new Map<string, number>();
  for (let subset = 0; subset < 2 ** parts.length; subset++) {
    const bytes = before.slice();
    for (const [i, [from, to]] of parts.entries()) {
      if ((subset >> i) & 1) bytes.set(after.subarray(from, to), from);
    }
    const storage = first.storage.crash(() => bytes);
    const scan = await scanImages(storage, PATH);
    const isWhole = subset === 2 ** parts.length - 1;
    const isUntouched = subset === 0;
    const key = `${scan.state} ${scan.header?.cycle}`;
    if (isWhole) assertEquals(key, "sealed 2");
    else if (isUntouched) assertEquals(key, "sealed 1");
    else assert(key === "torn 2" || key === "released 1" || key === "torn 1", `${subset}: ${key}`);
    states.set(key, (states.get(key) ?? 0) + 1);
  }
  assertEquals(states.get("sealed 1"), 1);
  await first.images.close();
});

test("scanImages(): with any covered byte flipped a sealed cycle is torn", async () => {
  const { storage, images } = await sealOne();
  await images.close();
  const { bytes } = storage.find(PATH);
  const covered = (at: number) => at < 128 || (at >= 4096 && at < 4096 + 4 * STRIDE);
  for (let at = 0; at < bytes.length; at++) {
    bytes[at]! ^= 1 << (at % 8);
    const scan = await scanImages(storage, PATH);
    assertEquals(scan.state, covered(at) ? "torn" : "sealed", `byte ${at}`);
    if (at >= 4096 && covered(at)) assertEquals(scan.sound, 3);
    if (at < 128) assertEquals(await blocks(scan), "");
    bytes[at]! ^= 1 << (at % 8);
  }
});

test("scanImages(): cut at every byte a cycle is torn", async () => {
  const { storage, images } = await sealOne();
  await images.close();
  const file = storage.find(PATH);
  const whole = file.bytes;
  for (let length = 0; length < 4096 + 4 * STRIDE; length++) {
    file.bytes = whole.subarray(0, length);
    const { state } = await scanImages(storage, PATH);
    assertEquals(state, length === 0 ? "empty" : "torn", `${length} bytes`);
  }
});

test("scanImages(): nothing is empty; a newer format and another node's are refused", async () => {
  const storage = new RigStorage();
  assertEquals((await scanImages(storage, PATH)).state, "empty");
  const images = await open(storage);
  assertEquals((await scanImages(storage, PATH)).state, "empty");
  await images.writeCycle(1, [], FACTS);
  assertEquals((await scanImages(storage, PATH)).state, "sealed");
  const other = await assertRejects(() => scanImages(storage, PATH, VOLUME), CohortError);
  assertEquals(other.code, "CORRUPT");
  const { bytes } = storage.find(PATH);
  putU16(bytes, 8, 2);
  putU32(bytes, 4, crc32(bytes.subarray(8, 128)));
  const newer = await assertRejects(() => scanImages(storage, PATH), CohortError);
  assertEquals(newer.code, "FORMAT_NEWER");
  await images.close();
  assertEquals(storage.open, 0);
});

test("ImageJournal: what fails reaches the caller, who may try again", async () => {
  for (const operation of ["reserve", "write"]) {
    const { storage, images } = await sealOne();
    const entries = Array.from({ length: 20 }, (_, i) => entry(i, 500 + i));
    storage.fault = (call) => call === operation ? ioError("FULL") : undefined;
    await assertRejects(() => images.writeCycle(2, entries, FACTS), CohortError);
    storage.fault = () => undefined;
    await images.writeCycle(2, entries.slice(0, 10), FACTS);
    const scan = await scanImages(storage, PATH);
    assertEquals([scan.state, scan.sound], ["sealed", 10]);
    await images.close();
  }
  const { storage, images } = await sealOne();
  storage.fault = (call) => call === "sync" ? ioError() : undefined;
  const error = await assertRejects(() => images.writeCycle(2, [], FACTS), CohortError);
  assertEquals(error.code, "SYNC_FAILED");
  await images.close();
});

test("ImageJournal: a cycle larger than a chunk, of blocks of several sizes", async () => {
  const storage = new RigStorage();
  const images = await open(storage);
  const entries = Array.from({ length: 300 }, (_, i) => entry(i % 250, i + 1, i % 7 === 0 ? 16_384 : 8192));
  await images.writeCycle(1, entries, FACTS);
  const scan = await scanImages(storage, PATH);
  assertEquals([scan.state, scan.sound], ["sealed", 300]);
  let index = 0;
  for await (const { block, stamp, bytes } of scan.images()) {
    assertEquals([block, stamp, bytes.length], [index % 250, index + 1, entries[index]!.bytes.length]);
    index++;
  }
  const many = Array.from({ length: 1001 }, () => entries[0]!);
  await assertRejects(() => images.writeCycle(2, many, FACTS), InvariantError);
  await images.close();
});

test("image journal: golden bytes of cycle header, release mark and entry header", () => {
  const cycle = encodeCycle({
    incarnation: INCARNATION,
    cycle: 77,
    count: 3,
    stride: 8256,
    tableChecksum: 0xdeadbeef,
    position: 402_628_608,
    stamp: 2 ** 40 + 5,
    segment: 7,
    wallMs: 1_700_000_000_000,
  });
  assertEquals(hexOf(cycle), readGolden("image_cycle.hex"));
  assertEquals(hexOf(encodeRelease(INCARNATION, 77)), readGolden("image_release.hex"));
  const bytes = new Uint8Array(ENTRY_BYTES);
  const header = { index: 2, cycle: 77, block: 4_000_000_000, size: 8192, checksum: 0x12345678 };
  const identity = new Uint8Array(32).map((_, i) => i);
  putEntry(bytes, 0, header, identity);
  assertEquals(hexOf(bytes), readGolden("image_entry.hex"));
});

test("imageApplies(): over a bad block, and over one that is not newer", () => {
  assert(imageApplies(false, 0, 5));
  assert(imageApplies(false, 9, 5));
  assert(imageApplies(true, 4, 5));
  assert(imageApplies(true, 5, 5));
  assert(!imageApplies(true, 6, 5));
});
