/** Promises of volumes: equal blocks, in place. */
import type { Storage, VolumeFile } from "../../ports/storage.ts";
import { expect, expectCode, expectEqual, expectError, pattern } from "../expect.ts";
import type { StorageCheck } from "../storage_suite.ts";

const BLOCK = 8192;

/** A new volume of zeros, open for writing. */
async function newVolume(storage: Storage, path: string, blocks: number): Promise<VolumeFile> {
  await storage.createRegister(path, new Uint8Array(BLOCK * blocks));
  return await storage.openVolume(path, { blockSize: BLOCK, access: "write" });
}

async function readBlock(volume: VolumeFile, block: number): Promise<Uint8Array> {
  const into = new Uint8Array(volume.blockSize);
  expectEqual(await volume.read(block, into), into.length, `bytes of block ${block}`);
  return into;
}

/** Registers the tests of volumes. */
export function volumeTests(check: StorageCheck): void {
  openTests(check);
  writeTests(check);
  readTests(check);
  growTests(check);
  sharedGrowTests(check);
  refusalTests(check);
}

function openTests(check: StorageCheck): void {
  check("openVolume of no file is NOT_FOUND", async (storage, at) => {
    const options = { blockSize: BLOCK, access: "write" } as const;
    await expectCode(() => storage.openVolume(at("none"), options), "NOT_FOUND");
    await expectCode(() => storage.openVolume(at("no/such"), options), "NOT_FOUND");
    expectEqual(await storage.list(at(".")), [], "names made");
  });

  check("openVolume shows the bytes of the register it was created as", async (storage, at) => {
    await storage.createRegister(at("v"), pattern(BLOCK * 3, 7));
    const volume = await storage.openVolume(at("v"), { blockSize: BLOCK, access: "read" });
    expectEqual(await volume.size(), 3, "blocks");
    expectEqual(volume.blockSize, BLOCK, "block size");
    expectEqual(await readBlock(volume, 2), pattern(BLOCK * 3, 7).subarray(BLOCK * 2), "block 2");
  });

  check("openVolume counts whole blocks only", async (storage, at) => {
    await storage.createRegister(at("v"), pattern(BLOCK * 2 + 100, 7));
    const volume = await storage.openVolume(at("v"), { blockSize: BLOCK, access: "write" });
    expectEqual(await volume.size(), 2, "blocks");
    expectEqual(await volume.read(2, new Uint8Array(BLOCK)), 100, "bytes of the rest");
    await volume.grow(3);
    const rest = await readBlock(volume, 2);
    expectEqual(rest.subarray(0, 100), pattern(BLOCK * 2 + 100, 7).subarray(BLOCK * 2), "kept");
    expectEqual(rest.subarray(100), new Uint8Array(BLOCK - 100), "filled");
  });

  check("openVolume takes other block sizes", async (storage, at) => {
    await storage.createRegister(at("v"), pattern(65_536, 8));
    for (const blockSize of [512, 16_384, 32_768]) {
      const volume = await storage.openVolume(at("v"), { blockSize, access: "read" });
      expectEqual(await volume.size(), 65_536 / blockSize, "blocks");
      await volume.close();
    }
  });
}

function writeTests(check: StorageCheck): void {
  check("a write set lands on its blocks, in any order, and on no others", async (storage, at) => {
    const volume = await newVolume(storage, at("v"), 64);
    const blocks = [9, 3, 40, 41, 8, 63, 0, 42, 10, 20];
    await volume.write(blocks.map((block) => ({ block, bytes: pattern(BLOCK, block) })));
    for (let block = 0; block < 64; block++) {
      const expected = blocks.includes(block) ? pattern(BLOCK, block) : new Uint8Array(BLOCK);
      expectEqual(await readBlock(volume, block), expected, `block ${block}`);
    }
  });

  check("an empty write set is answered", async (storage, at) => {
    const volume = await newVolume(storage, at("v"), 2);
    await volume.write([]);
    await volume.sync();
  });

  check("a large write set lands whole", async (storage, at) => {
    const volume = await newVolume(storage, at("v"), 600);
    const blocks = Array.from({ length: 500 }, (_, index) => (index * 7) % 600);
    await volume.write(blocks.map((block) => ({ block, bytes: pattern(BLOCK, block) })));
    await volume.sync();
    for (const block of blocks) {
      expectEqual(await readBlock(volume, block), pattern(BLOCK, block), `block ${block}`);
    }
  });

  check("blocks that are views into one buffer are written as they stand there", async (storage, at) => {
    const volume = await newVolume(storage, at("v"), 8);
    const pool = pattern(BLOCK * 6, 11);
    await volume.write([4, 1, 5, 3].map((block) => ({
      block,
      bytes: pool.subarray(block * BLOCK, (block + 1) * BLOCK),
    })));
    for (const block of [1, 3, 4, 5]) {
      expectEqual(await readBlock(volume, block), pool.slice(block * BLOCK, (block + 1) * BLOCK), `${block}`);
    }
  });
}

function readTests(check: StorageCheck): void {
  check("consecutive blocks are read in one call, into the middle of a buffer", async (storage, at) => {
    await storage.createRegister(at("v"), pattern(BLOCK * 6, 12));
    const volume = await storage.openVolume(at("v"), { blockSize: BLOCK, access: "read" });
    const buffer = new Uint8Array(BLOCK * 5).fill(0xee);
    expectEqual(await volume.read(2, buffer.subarray(BLOCK, 4 * BLOCK)), 3 * BLOCK, "bytes");
    expectEqual(
      buffer.slice(BLOCK, 4 * BLOCK),
      pattern(BLOCK * 6, 12).slice(2 * BLOCK, 5 * BLOCK),
      "blocks 2 to 4",
    );
    expectEqual(buffer.slice(0, BLOCK), new Uint8Array(BLOCK).fill(0xee), "before");
    expectEqual(buffer.slice(4 * BLOCK), new Uint8Array(BLOCK).fill(0xee), "behind");
  });

  check("a read at the end of the volume is short, and beyond it 0 bytes", async (storage, at) => {
    const volume = await newVolume(storage, at("v"), 4);
    expectEqual(await volume.read(3, new Uint8Array(BLOCK * 3)), BLOCK, "one block is left");
    expectEqual(await volume.read(4, new Uint8Array(BLOCK)), 0, "at the end");
    expectEqual(await volume.read(1000, new Uint8Array(BLOCK)), 0, "far beyond");
  });

  check("an answered write is read before any sync, through every handle", async (storage, at) => {
    const volume = await newVolume(storage, at("v"), 4);
    const other = await storage.openVolume(at("v"), { blockSize: BLOCK, access: "read" });
    for (let round = 1; round <= 3; round++) {
      await volume.write([{ block: 1, bytes: pattern(BLOCK, round) }]);
      expectEqual(await readBlock(volume, 1), pattern(BLOCK, round), "own handle");
      expectEqual(await readBlock(other, 1), pattern(BLOCK, round), "other handle");
    }
  });

  check("write sets and reads of other blocks go on together", async (storage, at) => {
    const volume = await newVolume(storage, at("v"), 128);
    await Promise.all(Array.from({ length: 16 }, async (_, part) => {
      const set = Array.from({ length: 8 }, (_, index) => {
        const block = index * 16 + part;
        return { block, bytes: pattern(BLOCK, block) };
      });
      await volume.write(set);
      for (const { block } of set) {
        expectEqual(await readBlock(volume, block), pattern(BLOCK, block), `${block}`);
      }
      await volume.sync();
    }));
  });

  check(
    "sync is answered before the first write, after some, and by several at once",
    async (storage, at) => {
      const volume = await newVolume(storage, at("v"), 4);
      await volume.sync();
      await volume.write([{ block: 0, bytes: pattern(BLOCK, 1) }]);
      await Promise.all([volume.sync(), volume.sync(), volume.sync()]);
    },
  );
}

function growTests(check: StorageCheck): void {
  check("grow fills with zeros and keeps what is there", async (storage, at) => {
    await storage.createRegister(at("v"), pattern(BLOCK * 2, 13));
    const volume = await storage.openVolume(at("v"), { blockSize: BLOCK, access: "write" });
    await volume.grow(300);
    expectEqual(await volume.size(), 300, "blocks");
    expectEqual(await readBlock(volume, 1), pattern(BLOCK * 2, 13).subarray(BLOCK), "block 1");
    for (const block of [2, 3, 150, 299]) {
      expectEqual(await readBlock(volume, block), new Uint8Array(BLOCK), `block ${block}`);
    }
    await volume.write([{ block: 299, bytes: pattern(BLOCK, 1) }]);
    await volume.sync();
    expectEqual(await readBlock(volume, 299), pattern(BLOCK, 1), "a new block, written");
  });

  check("grow to as many blocks as there are, or fewer, changes nothing", async (storage, at) => {
    const volume = await newVolume(storage, at("v"), 5);
    await volume.write([{ block: 4, bytes: pattern(BLOCK, 1) }]);
    await volume.grow(5);
    await volume.grow(2);
    expectEqual(await volume.size(), 5, "blocks");
    expectEqual(await readBlock(volume, 4), pattern(BLOCK, 1), "block 4");
  });

  check("grow by several at once ends at the longest, and loses no write", async (storage, at) => {
    const volume = await newVolume(storage, at("v"), 2);
    await Promise.all([volume.grow(10), volume.grow(40), volume.grow(20)]);
    expectEqual(await volume.size(), 40, "blocks");
    await volume.write([{ block: 39, bytes: pattern(BLOCK, 2) }]);
    await volume.grow(80);
    expectEqual(await readBlock(volume, 39), pattern(BLOCK, 2), "block 39");
  });

  check("growth is seen through every handle", async (storage, at) => {
    const volume = await newVolume(storage, at("v"), 2);
    const other = await storage.openVolume(at("v"), { blockSize: BLOCK, access: "write" });
    await volume.grow(10);
    expectEqual(await other.size(), 10, "blocks");
    await volume.grow(20);
    await other.write([{ block: 19, bytes: pattern(BLOCK, 3) }]);
    expectEqual(await readBlock(volume, 19), pattern(BLOCK, 3), "block 19");
  });
}

function sharedGrowTests(check: StorageCheck): void {
  check("shared growth by two handles at once keeps every block that either wrote", async (storage, at) => {
    const set = (from: number, to: number) =>
      Array.from({ length: to - from }, (_, i) => ({ block: from + i, bytes: pattern(BLOCK, from + i) }));
    for (let round = 0; round < 8; round++) {
      const volume = await newVolume(storage, at(`v${round}`), 2);
      const other = await storage.openVolume(at(`v${round}`), { blockSize: BLOCK, access: "write" });
      let isGrown = false;
      const growth = Promise.resolve(volume.grow(600, true)).then(() => isGrown = true);
      await other.grow(10 + round, true);
      let written = 2;
      do {
        // What is counted is whole: whoever sees it may write there, though more is on its way.
        const blocks = await other.size();
        await other.write(set(written, blocks));
        written = blocks;
      } while (!isGrown);
      await growth;
      expect(await volume.size() >= 600, "it is as long as was asked");
      for (const { block, bytes } of set(2, written)) {
        expectEqual(await readBlock(volume, block), bytes, `block ${block} of ${written}, round ${round}`);
      }
    }
  });
}

function refusalTests(check: StorageCheck): void {
  check(
    "a write beyond the end, or of no whole block, is a RangeError and changes nothing",
    async (storage, at) => {
      const volume = await newVolume(storage, at("v"), 4);
      const good = { block: 0, bytes: pattern(BLOCK, 1) };
      for (
        const bad of [
          { block: 4, bytes: pattern(BLOCK, 1) },
          { block: -1, bytes: pattern(BLOCK, 1) },
          { block: 1.5, bytes: pattern(BLOCK, 1) },
          { block: NaN, bytes: pattern(BLOCK, 1) },
          { block: 1, bytes: pattern(BLOCK - 1, 1) },
          { block: 1, bytes: pattern(BLOCK * 2, 1) },
          { block: 1, bytes: pattern(0, 1) },
        ]
      ) await expectError(() => volume.write([good, bad]), RangeError);
      expectEqual(await volume.size(), 4, "blocks");
      for (let block = 0; block < 4; block++) {
        expectEqual(await readBlock(volume, block), new Uint8Array(BLOCK), `block ${block}`);
      }
    },
  );

  check("a read of no whole blocks, or of no block, is a RangeError", async (storage, at) => {
    const volume = await newVolume(storage, at("v"), 4);
    await expectError(() => volume.read(0, new Uint8Array(BLOCK - 1)), RangeError);
    for (const block of [-1, 0.5, NaN, Infinity]) {
      await expectError(() => volume.read(block, new Uint8Array(BLOCK)), RangeError);
    }
  });

  check("block sizes, accesses and growths that make no sense are RangeErrors", async (storage, at) => {
    const volume = await newVolume(storage, at("v"), 4);
    for (const blockSize of [0, -8192, 100, 8192.5, NaN]) {
      await expectError(() => storage.openVolume(at("v"), { blockSize, access: "read" }), RangeError);
    }
    const access = "append" as "write";
    await expectError(() => storage.openVolume(at("v"), { blockSize: BLOCK, access }), RangeError);
    for (const blocks of [-1, 1.5, NaN, Infinity]) await expectError(() => volume.grow(blocks), RangeError);
  });

  check("a volume opened to read refuses to write and grow with READ_ONLY", async (storage, at) => {
    await newVolume(storage, at("v"), 2);
    const volume = await storage.openVolume(at("v"), { blockSize: BLOCK, access: "read" });
    await expectCode(() => volume.write([{ block: 0, bytes: pattern(BLOCK, 1) }]), "READ_ONLY");
    await expectCode(() => volume.grow(9), "READ_ONLY");
    expect((await readBlock(volume, 0)).every((byte) => byte === 0), "block 0 is unchanged");
  });
}
