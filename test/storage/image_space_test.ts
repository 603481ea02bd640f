import { assertEquals, assertRejects } from "@std/assert";
import { test } from "#test";
import { createSystemClock } from "../../adapters/clock_system.ts";
import { createMemoryStorage } from "../../adapters/storage_memory.ts";
import { CohortError } from "../../src/ground/errors.ts";
import type { Storage, StreamFile } from "../../src/ports/mod.ts";
import { ImageJournal } from "../../src/storage/image_journal.ts";

const INCARNATION = "1".repeat(32);

/** A storage whose streams have room for `most` bytes; tells what was asked for. */
function smallStorage(most: number, asked: number[]): Storage {
  const storage = createMemoryStorage();
  const openStream: Storage["openStream"] = async (path, options) => {
    const file = await storage.openStream(path, options);
    const small: StreamFile = {
      path,
      write: (position, bytes) => file.write(position, bytes),
      read: (position, into) => file.read(position, into),
      sync: (lone) => file.sync(lone),
      size: () => file.size(),
      identity: () => file.identity(),
      close: () => file.close(),
      reserve: (bytes) => {
        asked.push(bytes);
        if (bytes > most) throw new CohortError("FULL", `reserve failed with ENOSPC: ${path}`);
        return file.reserve(bytes);
      },
    };
    return small;
  };
  return { ...storage, openStream } as Storage;
}

function entries(count: number) {
  return Array.from({ length: count }, (_, block) => ({
    volumeId: "2".repeat(32),
    volumeIncarnation: "3".repeat(32),
    block,
    bytes: new Uint8Array(8192),
  }));
}

test("image journal: takes what a cycle needs where there is no room for more ahead of need", async () => {
  const asked: number[] = [];
  const journal = await ImageJournal.open({
    storage: smallStorage(100_000, asked),
    clock: createSystemClock(),
    path: "/images",
    incarnation: INCARNATION,
    blocksMax: 100,
    reserveBytes: 1_000_000,
  });
  const facts = { position: 1, stamp: 1, segment: 1 };
  const total = await journal.writeCycle(1, entries(4), facts);
  assertEquals(asked, [1_000_000, total]);
  const error = await assertRejects(
    async () => void await journal.writeCycle(2, entries(20), facts),
    CohortError,
  );
  assertEquals(error.code, "FULL");
  await journal.writeCycle(2, entries(5), facts);
  await journal.close();
});

test("image journal: a cycle has the space it was opened with, however full the disk", async () => {
  const options = {
    storage: smallStorage(100_000, []),
    clock: createSystemClock(),
    path: "/images",
    incarnation: INCARNATION,
    blocksMax: 100,
  };
  const journal = await ImageJournal.open({ ...options, ready: { blocks: 4, blockBytes: 8192 } });
  assertEquals(await journal.makeRoom(4, 8192), 4);
  assertEquals(await journal.makeRoom(11, 8192), 11);
  assertEquals(await journal.makeRoom(12, 8192), 11);
  await journal.writeCycle(1, entries(11), { position: 1, stamp: 1, segment: 1 });
  await journal.close();
  const error = await assertRejects(
    async () => void await ImageJournal.open({ ...options, ready: { blocks: 12, blockBytes: 8192 } }),
    CohortError,
  );
  assertEquals(error.code, "FULL");
});
