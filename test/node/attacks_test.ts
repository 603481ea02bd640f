/** Schedules of the attacks on the design that one member must already stand (stamps, images, readers). */
import { test } from "#test";
import { assertEquals } from "@std/assert";
import { type NodeOptions, openNode } from "../../mod.ts";
import { decodeVolumeHeader } from "../../src/storage/volume_header.ts";
import { CrashedFiles } from "../fuzz/sample_databases.ts";

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
