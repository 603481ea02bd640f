/** Promises of names: list, remove, resolve, and what a path may be. */
import { expect, expectCode, expectEqual, expectError, pattern } from "../expect.ts";
import type { StorageCheck } from "../storage_suite.ts";

const NAMES = [
  "a",
  "Z",
  "10",
  "9",
  "with space",
  "ünï-çødé",
  "日本",
  "😀",
  "'quote\"",
  "%x#?&",
  ".dot",
  "a\\b",
  "-",
];

/** Registers the tests of names. */
export function nameTests(check: StorageCheck): void {
  listTests(check);
  removeTests(check);
  pathTests(check);
}

function listTests(check: StorageCheck): void {
  check("list answers names in the order of code units, directories among them", async (storage, at) => {
    for (const name of ["b", "a", "B", "ä", "a.b", "0"]) {
      await storage.createRegister(at(name), pattern(1, 1));
    }
    await storage.createRegister(at("sub/x"), pattern(1, 1));
    expectEqual(await storage.list(at(".")), ["0", "B", "a", "a.b", "b", "sub", "ä"], "names");
    expectEqual(await storage.list(at("sub")), ["x"], "names below");
  });

  check("list of no directory is empty", async (storage, at) => {
    expectEqual(await storage.list(at("none")), [], "no directory");
    expectEqual(await storage.list(at("no/such")), [], "nor one above");
  });

  check("unusual names work for every kind of file", async (storage, at) => {
    for (const name of [...NAMES, "n".repeat(200)]) {
      const path = at(`${name}/${name}`);
      await storage.createRegister(path, new Uint8Array(512));
      const volume = await storage.openVolume(path, { blockSize: 512, access: "write" });
      await volume.write([{ block: 0, bytes: pattern(512, 1) }]);
      const stream = await storage.openStream(path, { access: "read" });
      const into = new Uint8Array(512);
      expectEqual(await stream.read(0, into), 512, `bytes of ${name}`);
      expectEqual(into, pattern(512, 1), `content of ${name}`);
      expectEqual(await storage.list(at(name)), [name], `names in ${name}`);
      expectEqual(volume.path.endsWith(name), true, `the handle's path ends with ${name}`);
    }
    expectEqual((await storage.list(at("."))).length, NAMES.length + 1, "names");
  });
}

function removeTests(check: StorageCheck): void {
  check("remove answers true once, then false", async (storage, at) => {
    await storage.createRegister(at("one"), pattern(10, 1));
    expectEqual(await storage.remove(at("one")), true, "removed");
    expectEqual(await storage.remove(at("one")), false, "removed again");
    expectEqual(await storage.remove(at("no/such")), false, "in no directory");
    expectEqual(await storage.list(at(".")), [], "names");
    await expectCode(() => storage.openStream(at("one"), { access: "read" }), "NOT_FOUND");
  });

  check("remove takes an empty directory, and refuses one that holds something", async (storage, at) => {
    await storage.createRegister(at("d/one"), pattern(10, 1));
    await expectCode(() => storage.remove(at("d")), "IO");
    expectEqual(await storage.list(at("d")), ["one"], "names");
    await storage.remove(at("d/one"));
    expectEqual(await storage.remove(at("d")), true, "removed");
    expectEqual(await storage.list(at(".")), [], "names");
    expectEqual(await storage.createRegister(at("d/two"), pattern(10, 2)), true, "made again");
  });
}

function pathTests(check: StorageCheck): void {
  check("resolve answers one spelling of a path, whether or not it exists", async (storage, at) => {
    await storage.createRegister(at("d/one"), pattern(10, 1));
    for (const name of ["d/one", "d/two", "e/f", "d"]) {
      const resolved = await storage.resolve(at(name));
      for (const other of [`./${name}`, `/${name}`, `d/../${name}`, `${name.replace("/", "//")}`]) {
        expectEqual(await storage.resolve(at(other)), resolved, other);
      }
      expectEqual(await storage.resolve(resolved), resolved, "resolved again");
      expect(resolved.endsWith(`/${name}`), `${resolved} ends with /${name}`);
    }
  });

  check("a resolved path leads to the same file", async (storage, at) => {
    await storage.createRegister(at("d/one"), pattern(10, 1));
    expectEqual(await storage.readRegister(await storage.resolve(at("d/one"))), pattern(10, 1), "bytes");
  });

  check("a directory is no file and a file no directory: IO", async (storage, at) => {
    await storage.createRegister(at("d/one"), pattern(512, 1));
    await expectCode(() => storage.openVolume(at("d"), { blockSize: 512, access: "read" }), "IO");
    await expectCode(() => storage.openVolume(at("d"), { blockSize: 512, access: "write" }), "IO");
    await expectCode(() => storage.openStream(at("d"), { access: "read" }), "IO");
    await expectCode(() => storage.readRegister(at("d")), "IO");
    await expectCode(() => storage.list(at("d/one")), "IO");
    await expectCode(() => storage.createRegister(at("d/one/x"), pattern(1, 1)), "IO");
    await expectCode(() => storage.openStream(at("d/one/x"), { access: "write", create: true }), "IO");
    expectEqual(await storage.createRegister(at("d"), pattern(1, 1)), false, "a register named like it");
  });

  check("a path that is empty or holds NUL is a TypeError", async (storage, at) => {
    for (const path of ["", at("x\0y"), undefined as unknown as string]) {
      await expectError(() => storage.openVolume(path, { blockSize: 512, access: "read" }), TypeError);
      await expectError(() => storage.openStream(path, { access: "write", create: true }), TypeError);
      await expectError(() => storage.createRegister(path, new Uint8Array(1)), TypeError);
      await expectError(() => storage.readRegister(path), TypeError);
      await expectError(() => storage.list(path), TypeError);
      await expectError(() => storage.remove(path), TypeError);
      await expectError(() => storage.resolve(path), TypeError);
    }
    expectEqual(await storage.list(at(".")), [], "names");
  });
}
