import { test } from "#test";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { createMemoryStorage } from "../../adapters/storage_memory.ts";
import { CohortError } from "../../src/ground/errors.ts";
import type { Answer, StreamFile, VolumeFile } from "../../src/ports/mod.ts";
import { pattern } from "../../src/testing/expect.ts";
import { type Fault, faultList, type FaultOperation } from "../../src/testing/fault_plan.ts";
import { type FaultStorage, withFaults } from "../../src/testing/fault_storage.ts";

const BLOCK = 512;

interface Ground {
  readonly storage: FaultStorage;
  readonly volume: VolumeFile;
  readonly stream: StreamFile;
}

/**
 * A volume of 8 blocks and a stream of 4096 bytes, each block and each 512 bytes filled with their number.
 */
async function ground(operation: FaultOperation, fault: Fault, nth: number = 0): Promise<Ground> {
  const inner = createMemoryStorage();
  const image = new Uint8Array(8 * BLOCK).map((_, index) => Math.floor(index / BLOCK));
  await inner.createRegister("v", image);
  await inner.createRegister("s", image);
  const plan = faultList([{ operation, nth, fault }]);
  const storage = withFaults(inner, plan, { remember: fault.kind === "staleRead" });
  const volume = await storage.openVolume("v", { blockSize: BLOCK, access: "write" });
  const stream = await storage.openStream("s", { access: "write" });
  return { storage, volume, stream };
}

function block(fill: number): Uint8Array {
  return new Uint8Array(BLOCK).fill(fill);
}

async function read(volume: VolumeFile, number: number): Promise<Uint8Array> {
  const into = new Uint8Array(BLOCK);
  return into.subarray(0, await volume.read(number, into));
}

async function readStream(stream: StreamFile, position: number, length: number): Promise<Uint8Array> {
  const into = new Uint8Array(length);
  return into.subarray(0, await stream.read(position, into));
}

async function assertCode(call: () => Answer<unknown>, code: string): Promise<void> {
  assertEquals((await assertRejects(async () => await call(), CohortError)).code, code);
}

test("withFaults: what passes answers as the storage does, values as values", async () => {
  const storage = withFaults(createMemoryStorage(), () => undefined);
  assertEquals(storage.createRegister("v", block(1)), true);
  const volume = await storage.openVolume("v", { blockSize: BLOCK, access: "write" });
  assertEquals(volume.write([{ block: 0, bytes: block(2) }]), undefined);
  assertEquals(volume.read(0, block(0)), BLOCK);
  assertEquals(volume.sync(), undefined);
  assertEquals(storage.struck, []);
});

test("withFaults: delay answers a promise, the call already made", async () => {
  const { volume } = await ground("write", { kind: "delay", turns: 3 });
  const answer = volume.write([{ block: 1, bytes: block(9) }]);
  assert(answer instanceof Promise);
  assertEquals(await read(volume, 1), block(9));
  await answer;
});

test("withFaults: stall holds the call back until released", async () => {
  let release = (): void => {};
  const until = new Promise<void>((resolve) => release = resolve);
  const { stream } = await ground("write", { kind: "stall", until });
  let answered = false;
  const written = (async () => {
    await stream.write(0, block(9));
    answered = true;
  })();
  for (let turn = 0; turn < 20; turn++) await undefined;
  assertEquals(answered, false);
  assertEquals(await readStream(stream, 0, BLOCK), block(0));
  release();
  await written;
  assertEquals(await readStream(stream, 0, BLOCK), block(9));
});

test("withFaults: error is not made, and told with operation, path and errno", async () => {
  const { storage, volume } = await ground("write", { kind: "error", code: "FULL", errno: "ENOSPC" });
  const error = await assertRejects(
    async () => await volume.write([{ block: 1, bytes: block(9) }]),
    CohortError,
  );
  assertEquals(error.code, "FULL");
  assertEquals(error.facts, { operation: "write", path: "v", errno: "ENOSPC" });
  assertEquals(await read(volume, 1), block(1));
  await volume.write([{ block: 1, bytes: block(9) }]);
  assertEquals(await read(volume, 1), block(9));
  assertEquals(storage.struck.map(({ operation, nth, path }) => [operation, nth, path]), [["write", 0, "v"]]);
});

test("withFaults: each call of a storage can fail", async () => {
  const fault: Fault = { kind: "error", code: "IO", errno: "EIO" };
  const calls: Record<string, (ground: Ground) => Answer<unknown>> = {
    openVolume: ({ storage }) => storage.openVolume("v", { blockSize: BLOCK, access: "read" }),
    openStream: ({ storage }) => storage.openStream("s", { access: "read" }),
    createRegister: ({ storage }) => storage.createRegister("r", block(1)),
    readRegister: ({ storage }) => storage.readRegister("v"),
    list: ({ storage }) => storage.list("."),
    remove: ({ storage }) => storage.remove("v"),
    resolve: ({ storage }) => storage.resolve("v"),
    read: ({ stream }) => stream.read(0, block(0)),
    write: ({ stream }) => stream.write(0, block(9)),
    sync: ({ stream }) => stream.sync(true),
    size: ({ volume }) => volume.size(),
    grow: ({ volume }) => volume.grow(99),
    reserve: ({ stream }) => stream.reserve(99_999),
  };
  for (const [operation, call] of Object.entries(calls)) {
    const nth = operation.startsWith("open") ? 1 : 0;
    const made = await ground(operation as FaultOperation, fault, nth);
    await assertCode(() => call(made), "IO");
    await call(made);
  }
});

test("withFaults: shortRead answers fewer bytes", async () => {
  const { volume, stream } = await ground("read", { kind: "shortRead", bytes: 100 });
  assertEquals((await read(volume, 3)).length, 100);
  assertEquals(await read(volume, 3), block(3));
  assertEquals((await readStream(stream, 0, BLOCK)).length, BLOCK);
});

test("withFaults: staleRead answers what the last write replaced, once", async () => {
  const { volume } = await ground("read", { kind: "staleRead" }, 2);
  await volume.write([{ block: 3, bytes: block(30) }, { block: 4, bytes: block(40) }]);
  await volume.write([{ block: 3, bytes: block(31) }]);
  assertEquals(await read(volume, 3), block(31));
  assertEquals(await read(volume, 4), block(40));
  const into = new Uint8Array(3 * BLOCK);
  await volume.read(3, into);
  assertEquals([into[0], into[BLOCK], into[2 * BLOCK]], [30, 4, 5]);
  assertEquals(await read(volume, 3), block(31));
});

test("withFaults: staleRead of a stream cuts what was replaced to what is read", async () => {
  const { stream } = await ground("read", { kind: "staleRead" });
  await stream.write(100, new Uint8Array(600).fill(7));
  const stale = await readStream(stream, 600, 200);
  assertEquals(stale, new Uint8Array(200).fill(1));
  const now = await readStream(stream, 600, 200);
  assertEquals(now, new Uint8Array(200).map((_, index) => index < 100 ? 7 : 1));
});

test("withFaults: bitFlip turns one bit of what is read, not of what is stored", async () => {
  const { volume } = await ground("read", { kind: "bitFlip", bit: 8 * BLOCK + 8 * 5 + 6 });
  const flipped = await read(volume, 2);
  assertEquals(flipped[5], 2 ^ 64);
  flipped[5] = 2;
  assertEquals(flipped, block(2));
  assertEquals(await read(volume, 2), block(2));
});

test("withFaults: lostWrite is answered and not made", async () => {
  const { volume } = await ground("write", { kind: "lostWrite" });
  await volume.write([{ block: 2, bytes: block(9) }]);
  assertEquals(await read(volume, 2), block(2));
});

test("withFaults: misdirectedWrite lands further on, round the end of a volume", async () => {
  const made = await ground("write", { kind: "misdirectedWrite", by: 3 });
  await made.volume.write([{ block: 2, bytes: block(9) }, { block: 7, bytes: block(8) }]);
  assertEquals((await Promise.all([2, 5, 7].map((n) => read(made.volume, n)))).map((b) => b[0]), [8, 9, 7]);
  const { stream } = await ground("write", { kind: "misdirectedWrite", by: 3 });
  await stream.write(0, new Uint8Array(2).fill(9));
  assertEquals(await readStream(stream, 0, 6), new Uint8Array([0, 0, 0, 9, 9, 0]));
});

test("withFaults: tornWrite puts down the first bytes and fails", async () => {
  const { volume } = await ground("write", { kind: "tornWrite", bytes: BLOCK + 100 });
  const set = [5, 6, 7].map((number) => ({ block: number, bytes: block(90 + number) }));
  await assertCode(() => volume.write(set), "IO");
  assertEquals(await read(volume, 5), block(95));
  assertEquals(await read(volume, 6), block(6).fill(96, 0, 100));
  assertEquals(await read(volume, 7), block(7));
  const { stream } = await ground("write", { kind: "tornWrite", bytes: 10 });
  await assertCode(() => stream.write(0, block(9)), "IO");
  assertEquals(await readStream(stream, 0, BLOCK), block(0).fill(9, 0, 10));
});

test("withFaults: after syncFailure every sync of the handle fails", async () => {
  const { storage, stream, volume } = await ground("sync", { kind: "syncFailure" });
  await assertCode(() => stream.sync(true), "SYNC_FAILED");
  await assertCode(() => stream.sync(false), "SYNC_FAILED");
  await volume.sync();
  await (await storage.openStream("s", { access: "write" })).sync(true);
});

test("withFaults: a stale read passes unless told to remember", async () => {
  const inner = createMemoryStorage();
  await inner.createRegister("v", pattern(BLOCK, 1));
  const plan = faultList([{ operation: "read", fault: { kind: "staleRead" } }]);
  const storage = withFaults(inner, plan);
  const volume = await storage.openVolume("v", { blockSize: BLOCK, access: "write" });
  await volume.write([{ block: 0, bytes: block(9) }]);
  assertEquals(await read(volume, 0), block(9));
});
