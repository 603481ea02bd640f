import { test } from "#test";
import { assertEquals, assertRejects } from "@std/assert";
import { CohortError } from "../../src/ground/errors.ts";
import type { Answer, VolumeFile } from "../../src/ports/mod.ts";
import { Volume } from "../../src/storage/volume.ts";

const ID = "0".repeat(32);
const FACTS = { blockSize: 8192, extentBlocks: 64, tag: 1, id: ID, incarnation: ID };

/** A volume over a file whose syncs answer one after the other as told. */
function volumeWith(...answers: Array<() => Answer<void>>): { volume: Volume; syncs: () => number } {
  let syncs = 0;
  const file = { path: "/v", sync: () => answers[syncs++]!() } as unknown as VolumeFile;
  return { volume: new Volume(file, FACTS, 0, 64, false), syncs: () => syncs };
}

const failure = (): CohortError => new CohortError("IO", "sync of /v: EIO");
const thrown = (): never => {
  throw failure();
};

for (const [how, fails] of [["thrown", thrown], ["rejected", () => Promise.reject(failure())]] as const) {
  test(`Volume: a sync that failed (${how}) is not tried again, nor is any later one`, async () => {
    const { volume, syncs } = volumeWith(() => undefined, fails, () => undefined);
    await volume.sync();
    for (let i = 0; i < 2; i++) {
      const error = await assertRejects(async () => await volume.sync(), CohortError, "Could not sync /v");
      assertEquals(error.code, "SYNC_FAILED");
      assertEquals((error.cause as CohortError).code, "IO");
    }
    assertEquals(syncs(), 2);
  });
}

test("Volume: a sync refused because the file is closed says so, and is no failed sync", async () => {
  const { volume } = volumeWith(() => {
    throw new CohortError("CLOSED", "The file is closed");
  }, () => undefined);
  assertEquals((await assertRejects(async () => await volume.sync(), CohortError)).code, "CLOSED");
  await volume.sync();
});
