import { test } from "#test";
import { assert, assertEquals, assertRejects } from "@std/assert";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { createFileStorage } from "../../adapters/storage_file.ts";
import { CohortError } from "../../src/ground/errors.ts";
import type { Storage } from "../../src/ports/mod.ts";
import { pattern } from "../../src/testing/expect.ts";

const TEMPORARY = ".cohort-99999-1-0123456789abcdef.tmp";

function fileTest(name: string, run: (storage: Storage, directory: string) => Promise<void>): void {
  test(`file storage: ${name}`, async () => {
    const directory = fs.mkdtempSync(join(tmpdir(), "cohort-names-"));
    const storage = createFileStorage();
    try {
      await run(storage, directory);
      await storage.close();
    } finally {
      fs.rmSync(directory, { recursive: true });
    }
  });
}

fileTest("files get mode 0660 and directories 0770, less the umask", async (storage, directory) => {
  const umask = process.umask();
  await storage.createRegister(`${directory}/a/b/r`, pattern(10, 1));
  await storage.openStream(`${directory}/a/b/s`, { access: "write", create: true });
  for (const name of ["r", "s"]) {
    assertEquals(fs.statSync(`${directory}/a/b/${name}`).mode & 0o777, 0o660 & ~umask);
  }
  for (const name of ["a", "a/b"]) {
    assertEquals(fs.statSync(`${directory}/${name}`).mode & 0o777, 0o770 & ~umask);
  }
});

fileTest("modes can be chosen", async (_storage, directory) => {
  const storage = createFileStorage({ fileMode: 0o600, directoryMode: 0o700 });
  await storage.createRegister(`${directory}/a/r`, pattern(10, 1));
  assertEquals(fs.statSync(`${directory}/a/r`).mode & 0o777, 0o600);
  assertEquals(fs.statSync(`${directory}/a`).mode & 0o777, 0o700);
  await storage.close();
});

fileTest("a register leaves one name behind, with one link", async (storage, directory) => {
  await storage.createRegister(`${directory}/r`, pattern(10, 1));
  await storage.createRegister(`${directory}/r`, pattern(10, 2));
  assertEquals(fs.readdirSync(directory), ["r"]);
  assertEquals(fs.statSync(`${directory}/r`).nlink, 1);
});

fileTest(
  "temporaries of dead processes are cleaned, young ones kept, none listed",
  async (storage, directory) => {
    fs.mkdirSync(`${directory}/d`);
    fs.writeFileSync(`${directory}/d/${TEMPORARY}`, "old");
    fs.utimesSync(`${directory}/d/${TEMPORARY}`, 1, 1);
    const young = TEMPORARY.replace("99999", "99998");
    fs.writeFileSync(`${directory}/d/${young}`, "young");
    assertEquals(await storage.list(`${directory}/d`), []);
    await storage.createRegister(`${directory}/d/r`, pattern(10, 1));
    assertEquals(fs.readdirSync(`${directory}/d`).sort(), [young, "r"]);
    assertEquals(await storage.list(`${directory}/d`), ["r"]);
  },
);

fileTest(
  "a directory that holds but temporaries can be removed, old ones or young",
  async (storage, directory) => {
    for (const ageMs of [Date.now(), 0]) {
      fs.mkdirSync(`${directory}/d`);
      fs.writeFileSync(`${directory}/d/${TEMPORARY}`, "left by a killed process");
      const at = (Date.now() - ageMs) / 1000;
      fs.utimesSync(`${directory}/d/${TEMPORARY}`, at, at);
      assertEquals(await storage.remove(`${directory}/d`), true);
      assertEquals(fs.readdirSync(directory), []);
    }
  },
);

fileTest("a directory that holds more than temporaries keeps them all", async (storage, directory) => {
  fs.mkdirSync(`${directory}/d`);
  fs.writeFileSync(`${directory}/d/${TEMPORARY}`, "young");
  fs.writeFileSync(`${directory}/d/s`, "");
  await assertRejects(async () => await storage.remove(`${directory}/d`), CohortError, "ENOTEMPTY");
  assertEquals(fs.readdirSync(`${directory}/d`).sort(), [TEMPORARY, "s"]);
});

fileTest("resolve follows links, as far as the path exists", async (storage, directory) => {
  const real = fs.realpathSync(directory);
  fs.mkdirSync(`${directory}/real/deep`, { recursive: true });
  fs.symlinkSync(`${directory}/real/deep`, `${directory}/link`);
  fs.symlinkSync(`${directory}/nowhere`, `${directory}/dangling`);
  assertEquals(await storage.resolve(`${directory}/link/x/y`), `${real}/real/deep/x/y`);
  assertEquals(await storage.resolve(`${directory}/link`), `${real}/real/deep`);
  assertEquals(await storage.resolve(`${directory}/link/..`), `${real}/real`);
  assertEquals(await storage.resolve(`${directory}/dangling`), `${real}/dangling`);
});

fileTest("relative paths are relative to where the process stands", async (storage, directory) => {
  const before = process.cwd();
  process.chdir(directory);
  try {
    await storage.createRegister("a/r", pattern(10, 1));
    assertEquals(await storage.resolve("./a/../a/r"), `${fs.realpathSync(directory)}/a/r`);
  } finally {
    process.chdir(before);
  }
  assertEquals(fs.readFileSync(`${directory}/a/r`).length, 10);
});

fileTest("a removed stream goes on until closed, for writes of every length", async (storage, directory) => {
  const stream = await storage.openStream(`${directory}/s`, { access: "write", create: true });
  await storage.remove(`${directory}/s`);
  for (const length of [100, 300_000]) {
    await stream.write(0, pattern(length, length));
    const into = new Uint8Array(length);
    assertEquals(await stream.read(0, into), length);
    assertEquals(into, pattern(length, length));
  }
  await stream.sync(true);
  await stream.close();
  assertEquals(fs.readdirSync(directory), []);
});

fileTest("a stream whose name another file took never writes to that", async (storage, directory) => {
  const stream = await storage.openStream(`${directory}/s`, { access: "write", create: true });
  await storage.remove(`${directory}/s`);
  const other = await storage.openStream(`${directory}/s`, { access: "write", create: true });
  await stream.write(0, pattern(300_000, 1));
  assertEquals(await other.size(), 0);
  assertEquals(await stream.size(), 300_000);
});

fileTest("a directory that was removed is made again", async (storage, directory) => {
  await storage.createRegister(`${directory}/a/b/r`, pattern(10, 1));
  fs.rmSync(`${directory}/a`, { recursive: true });
  assert(await storage.createRegister(`${directory}/a/b/r`, pattern(10, 2)));
  fs.rmSync(`${directory}/a`, { recursive: true });
  await storage.openStream(`${directory}/a/b/s`, { access: "write", create: true });
  assertEquals(fs.readdirSync(`${directory}/a/b`), ["s"]);
});

fileTest("two storages race for registers as two processes would", async (storage, directory) => {
  const other = createFileStorage();
  for (let round = 0; round < 20; round++) {
    const path = `${directory}/race/${round}`;
    const answers = await Promise.all([
      storage.createRegister(path, pattern(100, 1)),
      other.createRegister(path, pattern(100, 2)),
    ]);
    assertEquals(answers.filter(Boolean).length, 1);
  }
  await other.close();
});
