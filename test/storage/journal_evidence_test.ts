import { assert, assertEquals } from "@std/assert";
import { test } from "#test";
import { createMemoryStorage } from "../../adapters/storage_memory.ts";
import { Prng } from "../support/prng.ts";
import { laterNames } from "../../src/storage/journal_evidence.ts";
import { incarnationTag } from "../../src/storage/journal_frame.ts";
import { StreamWindow } from "../../src/storage/journal_window.ts";
import { append, INCARNATION, listFrames, makeJournal } from "./journal_rig.ts";

/** A whole frame of segment 1 that names a synced position. */
async function namingFrame(): Promise<{ bytes: Uint8Array; synced: number }> {
  const { storage, journal } = await makeJournal();
  for (let stamp = 101; stamp < 104; stamp++) await journal.ackOf(await append(journal, stamp));
  const frame = (await listFrames(storage)).find(({ synced }) => synced > 0);
  assert(frame !== undefined);
  const file = await storage.openStream(`base/j/${frame.name}`, { access: "read" });
  const bytes = new Uint8Array(frame.length);
  await file.read(frame.offset, bytes);
  return { bytes, synced: frame.synced };
}

test("journal evidence: a name is found wherever it stands in megabytes of zeros", async () => {
  const { bytes, synced } = await namingFrame();
  const random = new Prng(7);
  const storage = createMemoryStorage();
  const places = [0, 8, 32_760, 32_768, 65_528, 1_048_568, 1_048_576, 2_000_000].map((at) => at - at % 8);
  for (let draws = 0; draws < 12; draws++) places.push(random.below(2_300_000) & ~7);
  for (const [i, place] of places.entries()) {
    const file = await storage.openStream(`/file${i}`, { access: "write", create: true });
    await file.write(0, new Uint8Array(2_400_000));
    const none = await laterNames(new StreamWindow(file), 0, incarnationTag(INCARNATION), 1);
    assertEquals([none.synced, none.bytes], [-1, 0]);
    await file.write(place, bytes);
    const found = await laterNames(new StreamWindow(file), 0, incarnationTag(INCARNATION), 1);
    assertEquals(found.synced, synced, `at ${place}`);
    assert(found.bytes > place && found.bytes <= place + bytes.length, `${found.bytes} bytes from ${place}`);
    await file.close();
  }
  await storage.close();
});
