/** Promises of streams: bytes at positions, written mostly at the end. */
import type { Storage, StreamFile } from "../../ports/storage.ts";
import { expect, expectCode, expectEqual, expectError, pattern } from "../expect.ts";
import type { StorageCheck } from "../storage_suite.ts";

async function newStream(storage: Storage, path: string): Promise<StreamFile> {
  return await storage.openStream(path, { access: "write", create: true });
}

async function readBytes(stream: StreamFile, position: number, length: number): Promise<Uint8Array> {
  const into = new Uint8Array(length);
  return into.subarray(0, await stream.read(position, into));
}

/** Registers the tests of streams. */
export function streamTests(check: StorageCheck): void {
  openTests(check);
  writeTests(check);
  orderTests(check);
  reserveTests(check);
  refusalTests(check);
}

function openTests(check: StorageCheck): void {
  check("openStream of no file is NOT_FOUND, unless it may create it", async (storage, at) => {
    await expectCode(() => storage.openStream(at("none"), { access: "write" }), "NOT_FOUND");
    await expectCode(() => storage.openStream(at("none"), { access: "read", create: false }), "NOT_FOUND");
    const stream = await newStream(storage, at("some/where/s"));
    expectEqual(await stream.size(), 0, "bytes");
    expectEqual(await storage.list(at("some/where")), ["s"], "names");
  });

  check("openStream that may create keeps what is there", async (storage, at) => {
    const stream = await newStream(storage, at("s"));
    await stream.write(0, pattern(100, 1));
    const again = await newStream(storage, at("s"));
    expectEqual(await readBytes(again, 0, 200), pattern(100, 1), "bytes");
  });

  check("identity tells a file from any other and from its copy, whoever asks", async (storage, at) => {
    const stream = await newStream(storage, at("s"));
    const identity = await stream.identity();
    expect(identity.length >= 1 && identity.length <= 255, `an identity of ${identity.length} characters`);
    await stream.write(0, pattern(3000, 1));
    await stream.sync(true);
    expectEqual(await stream.identity(), identity, "after a write");
    const again = await storage.openStream(at("./s"), { access: "read" });
    expectEqual(await again.identity(), identity, "by another spelling, to be read");
    const seen = new Set([identity]);
    for (const name of ["t", "d/s"]) {
      const copy = await newStream(storage, at(name));
      await copy.write(0, await readBytes(stream, 0, 3000));
      seen.add(await copy.identity());
      // One made by another kind of call is a file as well.
      await storage.createRegister(at(`${name}.register`), pattern(3000, 1));
      const register = await storage.openStream(at(`${name}.register`), { access: "read" });
      seen.add(await register.identity());
    }
    expectEqual(seen.size, 5, "identities of five files");
  });

  check("openStream by several at once makes one file", async (storage, at) => {
    const streams = await Promise.all(
      Array.from({ length: 8 }, async () => await newStream(storage, at("d/s"))),
    );
    await Promise.all(streams.map(async (stream, index) => {
      await stream.write(index * 10, pattern(10, index));
    }));
    for (let index = 0; index < 8; index++) {
      expectEqual(await readBytes(streams[0]!, index * 10, 10), pattern(10, index), `part ${index}`);
    }
  });
}

function writeTests(check: StorageCheck): void {
  check("writes land at their positions, over what is there and behind it", async (storage, at) => {
    const stream = await newStream(storage, at("s"));
    await stream.write(0, pattern(1000, 1));
    await stream.write(1000, pattern(500, 2));
    await stream.write(300, pattern(100, 3));
    const all = await readBytes(stream, 0, 5000);
    expectEqual(all.length, 1500, "bytes");
    expectEqual(all.subarray(0, 300), pattern(1000, 1).subarray(0, 300), "before");
    expectEqual(all.subarray(300, 400), pattern(100, 3), "overwritten");
    expectEqual(all.subarray(400, 1000), pattern(1000, 1).subarray(400), "between");
    expectEqual(all.subarray(1000), pattern(500, 2), "behind");
  });

  check("a read at the end is short, and beyond it 0 bytes", async (storage, at) => {
    const stream = await newStream(storage, at("s"));
    await stream.write(0, pattern(1000, 1));
    expectEqual(await readBytes(stream, 900, 500), pattern(1000, 1).subarray(900), "the last 100");
    expectEqual(await stream.read(1000, new Uint8Array(10)), 0, "at the end");
    expectEqual(await stream.read(99_999, new Uint8Array(10)), 0, "far beyond");
    expectEqual(await stream.read(0, new Uint8Array(0)), 0, "no bytes asked");
  });

  check("what was skipped by a write reads as zeros", async (storage, at) => {
    const stream = await newStream(storage, at("s"));
    await stream.write(70_000, pattern(10, 1));
    expectEqual(await stream.size(), 70_010, "bytes");
    expectEqual(await readBytes(stream, 0, 70_000), new Uint8Array(70_000), "skipped");
  });

  check("writes of every length land whole, from the middle of a buffer too", async (storage, at) => {
    const stream = await newStream(storage, at("s"));
    let position = 0;
    for (const length of [1, 511, 4096, 65_536, 65_537, 1_500_000]) {
      const buffer = pattern(length + 20, length);
      await stream.write(position, buffer.subarray(10, length + 10));
      const written = buffer.slice(10, length + 10);
      expectEqual(await readBytes(stream, position, length), written, `${length} bytes`);
      position += length;
    }
    expectEqual(await stream.size(), position, "bytes in all");
    await stream.write(position, new Uint8Array(0));
    expectEqual(await stream.size(), position, "bytes after a write of none");
  });
}

function orderTests(check: StorageCheck): void {
  check("the bytes of an answered write may be used again", async (storage, at) => {
    const stream = await newStream(storage, at("s"));
    for (const length of [100, 200_000]) {
      const bytes = pattern(length, 5);
      await stream.write(0, bytes);
      bytes.fill(0);
      expectEqual(await readBytes(stream, 0, length), pattern(length, 5), `${length} bytes`);
    }
  });

  check("an answered write is read before any sync, through every handle", async (storage, at) => {
    const stream = await newStream(storage, at("s"));
    const other = await storage.openStream(at("s"), { access: "read" });
    for (let round = 0; round < 5; round++) {
      await stream.write(round * 100, pattern(100, round));
      expectEqual(await readBytes(stream, round * 100, 100), pattern(100, round), "own handle");
      expectEqual(await readBytes(other, round * 100, 100), pattern(100, round), "other handle");
    }
  });

  check("writes at many positions go on together with syncs", async (storage, at) => {
    const stream = await newStream(storage, at("s"));
    await Promise.all(Array.from({ length: 60 }, async (_, index) => {
      const length = index % 5 === 0 ? 100_000 : 100;
      await stream.write(index * 100_000, pattern(length, index));
      await stream.sync(index % 2 === 0);
    }));
    for (let index = 0; index < 60; index++) {
      const length = index % 5 === 0 ? 100_000 : 100;
      expectEqual(await readBytes(stream, index * 100_000, length), pattern(length, index), `part ${index}`);
    }
  });

  check("sync is answered, alone or among others, before and after a write", async (storage, at) => {
    const stream = await newStream(storage, at("s"));
    await stream.sync(true);
    await stream.write(0, pattern(10, 1));
    await Promise.all([stream.sync(false), stream.sync(true), stream.sync(false)]);
  });
}

function reserveTests(check: StorageCheck): void {
  check("reserve lengthens with zeros and keeps what is there", async (storage, at) => {
    const stream = await newStream(storage, at("s"));
    await stream.write(0, pattern(5000, 1));
    await stream.reserve(1_200_000);
    expectEqual(await stream.size(), 1_200_000, "bytes");
    expectEqual(await readBytes(stream, 0, 5000), pattern(5000, 1), "written before");
    expectEqual(
      await readBytes(stream, 5000, 2_000_000),
      new Uint8Array(1_200_000 - 5000),
      "reserved",
    );
  });

  check("reserve of no more than there is changes nothing", async (storage, at) => {
    const stream = await newStream(storage, at("s"));
    await stream.write(0, pattern(5000, 1));
    for (const bytes of [0, 100, 5000]) await stream.reserve(bytes);
    expectEqual(await readBytes(stream, 0, 9000), pattern(5000, 1), "bytes");
  });

  check("what is written while space is reserved is kept", async (storage, at) => {
    const stream = await newStream(storage, at("s"));
    const reserved = [stream.reserve(3_000_000), stream.reserve(2_000_000)];
    const positions = [0, 100, 65_000, 1_048_570, 2_999_000, 3_100_000];
    await Promise.all(positions.map(async (position) => {
      await stream.write(position, pattern(100, position));
    }));
    await Promise.all(reserved);
    for (const position of positions) {
      expectEqual(await readBytes(stream, position, 100), pattern(100, position), `at ${position}`);
    }
    expectEqual(await stream.size(), 3_100_100, "bytes");
    expect((await readBytes(stream, 200, 64_000)).every((byte) => byte === 0), "between are zeros");
  });
}

function refusalTests(check: StorageCheck): void {
  check("positions, lengths and accesses that make no sense are RangeErrors", async (storage, at) => {
    const stream = await newStream(storage, at("s"));
    for (const bad of [-1, 0.5, NaN, Infinity, 2 ** 53]) {
      await expectError(() => stream.write(bad, pattern(10, 1)), RangeError);
      await expectError(() => stream.read(bad, new Uint8Array(10)), RangeError);
      await expectError(() => stream.reserve(bad), RangeError);
    }
    const access = "append" as "write";
    await expectError(() => storage.openStream(at("s"), { access }), RangeError);
    expectEqual(await stream.size(), 0, "bytes");
  });

  check("a stream opened to read refuses to write and reserve with READ_ONLY", async (storage, at) => {
    await newStream(storage, at("s"));
    const stream = await storage.openStream(at("s"), { access: "read" });
    await expectCode(() => stream.write(0, pattern(10, 1)), "READ_ONLY");
    await expectCode(() => stream.reserve(100), "READ_ONLY");
    expectEqual(await stream.size(), 0, "bytes");
  });
}
