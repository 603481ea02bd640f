import { test } from "#test";
import { assert } from "@std/assert";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createFileStorage } from "../../adapters/storage_file.ts";

/** Writes that would take seconds; the loop turns long before. */
const WRITES_MAX = 1_000_000;

test("file storage: who awaits one stream write after the other leaves the loop its turns", async () => {
  const directory = mkdtempSync(join(tmpdir(), "cohort-loop-"));
  const storage = createFileStorage();
  try {
    const stream = await storage.openStream(join(directory, "s"), { access: "write", create: true });
    let fired = false;
    setTimeout(() => fired = true, 1);
    let writes = 0;
    while (!fired && writes < WRITES_MAX) {
      await stream.write(8 * (writes++ % 1000), new Uint8Array(8));
    }
    assert(fired, `A timer of a millisecond has not fired within ${writes} writes`);
    await stream.close();
  } finally {
    await storage.close();
    rmSync(directory, { recursive: true });
  }
});
