import { test } from "#test";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createFileStorage } from "../../adapters/storage_file.ts";
import { CohortError } from "../../src/ground/errors.ts";
import type { Answer, Storage } from "../../src/ports/mod.ts";
import { pattern } from "../../src/testing/expect.ts";

/** Runs on a file system of one megabyte, where mounting one is allowed; elsewhere it says so and passes. */
function smallDiskTest(
  name: string,
  run: (storage: Storage, directory: string) => Promise<void>,
  options: string = "size=1m",
): void {
  test(`file storage on a small disk: ${name}`, async () => {
    const directory = fs.mkdtempSync(join(tmpdir(), "cohort-full-"));
    const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", options, "tmpfs", directory]).status === 0;
    try {
      if (!mounted) return console.log(`skipped, no tmpfs may be mounted here: ${name}`);
      const storage = createFileStorage();
      await run(storage, directory);
      await storage.close();
    } finally {
      if (mounted) spawnSync("umount", [directory]);
      fs.rmSync(directory, { recursive: true });
    }
  });
}

async function assertCode(call: () => Answer<unknown>, code: string): Promise<CohortError> {
  const error = await assertRejects(async () => await call(), CohortError);
  assertEquals(error.code, code);
  return error;
}

smallDiskTest("grow beyond it is FULL at once and gives back what it took", async (storage, directory) => {
  await storage.createRegister(`${directory}/v`, pattern(8192 * 2, 1));
  const volume = await storage.openVolume(`${directory}/v`, { blockSize: 8192, access: "write" });
  const error = await assertCode(() => volume.grow(1024), "FULL");
  assertEquals(error.facts["errno"], "ENOSPC");
  assertEquals(error.facts["operation"], "grow a volume");
  assert(error.retryable);
  assertEquals(await volume.size(), 2);
  await volume.grow(64);
  assertEquals(await volume.size(), 64);
  await volume.write([{ block: 63, bytes: pattern(8192, 2) }]);
  await volume.sync();
});

smallDiskTest("shared growth beyond it is FULL and cuts nothing off", async (storage, directory) => {
  await storage.createRegister(`${directory}/v`, pattern(8192 * 2, 1));
  const volume = await storage.openVolume(`${directory}/v`, { blockSize: 8192, access: "write" });
  const other = await storage.openVolume(`${directory}/v`, { blockSize: 8192, access: "write" });
  const growing = assertCode(() => volume.grow(1024, true), "FULL");
  await other.grow(40, true);
  await other.write([{ block: 39, bytes: pattern(8192, 2) }]);
  const error = await growing;
  assertEquals(error.facts["errno"], "ENOSPC");
  assertEquals(error.facts["operation"], "grow a volume");
  assert(await volume.size() >= 40);
  const into = new Uint8Array(8192);
  await other.read(39, into);
  assertEquals(into, pattern(8192, 2));
});

smallDiskTest("reserve beyond it is FULL and gives back what it took", async (storage, directory) => {
  const stream = await storage.openStream(`${directory}/s`, { access: "write", create: true });
  await stream.write(0, pattern(1000, 1));
  await assertCode(() => stream.reserve(2_000_000), "FULL");
  assertEquals(await stream.size(), 1000);
  await stream.reserve(500_000);
  const into = new Uint8Array(1000);
  await stream.read(0, into);
  assertEquals(into, pattern(1000, 1));
});

for (const [kind, onLoop] of [["on", true], ["off", false]] as const) {
  smallDiskTest(`a write that fits in part is FULL, ${kind} the loop`, async (_storage, directory) => {
    const storage = createFileStorage({ onLoop });
    const stream = await storage.openStream(`${directory}/s`, { access: "write", create: true });
    await stream.write(0, pattern(60_000, 1));
    const error = await assertCode(async () => {
      for (let position = 60_000;; position += 60_000) await stream.write(position, pattern(60_000, 1));
    }, "FULL");
    assertEquals(error.facts["operation"], "write a stream");
    assert(typeof error.facts["position"] === "number");
    await assertCode(() => stream.write(2_000_000, pattern(300_000, 1)), "FULL");
    const into = new Uint8Array(60_000);
    await stream.read(0, into);
    assertEquals(into, pattern(60_000, 1));
    await storage.close();
  });
}

smallDiskTest("a register that does not fit is FULL and leaves nothing", async (storage, directory) => {
  await assertCode(() => storage.createRegister(`${directory}/r`, pattern(2_000_000, 1)), "FULL");
  assertEquals(fs.readdirSync(directory), []);
  assertEquals(await storage.readRegister(`${directory}/r`), undefined);
  assertEquals(await storage.createRegister(`${directory}/r`, pattern(500_000, 1)), true);
});

smallDiskTest("what is read-only by mounting is PERMISSION", async (storage, directory) => {
  await assertCode(() => storage.createRegister(`${directory}/r`, pattern(1, 1)), "PERMISSION");
  await assertCode(
    () => storage.openStream(`${directory}/s`, { access: "write", create: true }),
    "PERMISSION",
  );
}, "size=1m,ro");
