/** Promises of registers: whole, durable, by exactly one caller ever. */
import { expect, expectEqual, pattern } from "../expect.ts";
import type { StorageCheck } from "../storage_suite.ts";

/** Callers at once in the race; one of them wins. */
const RACERS = 20;

/** Registers the tests of registers. */
export function registerTests(check: StorageCheck): void {
  onceTests(check);
  bytesTests(check);
}

function onceTests(check: StorageCheck): void {
  check("createRegister answers true, and the register holds all its bytes", async (storage, at) => {
    expectEqual(await storage.createRegister(at("one"), pattern(300, 1)), true, "created");
    expectEqual(await storage.readRegister(at("one")), pattern(300, 1), "bytes");
  });

  check("createRegister of a name that exists answers false and changes nothing", async (storage, at) => {
    await storage.createRegister(at("one"), pattern(300, 1));
    expectEqual(await storage.createRegister(at("one"), pattern(200, 2)), false, "created again");
    expectEqual(await storage.readRegister(at("one")), pattern(300, 1), "bytes");
  });

  check("createRegister of the name of a stream answers false and changes nothing", async (storage, at) => {
    const stream = await storage.openStream(at("s"), { access: "write", create: true });
    await stream.write(0, pattern(50, 1));
    expectEqual(await storage.createRegister(at("s"), pattern(200, 2)), false, "created");
    expectEqual(await storage.readRegister(at("s")), pattern(50, 1), "bytes");
  });

  check(`createRegister by ${RACERS} callers at once is done by exactly one`, async (storage, at) => {
    for (let round = 0; round < 3; round++) {
      const path = at(`race/${round}`);
      const answers = await Promise.all(
        Array.from({ length: RACERS }, async (_, index) => {
          return await storage.createRegister(path, pattern(1000 + index, index));
        }),
      );
      expectEqual(answers.filter((answer) => answer).length, 1, "winners");
      const winner = answers.indexOf(true);
      expectEqual(await storage.readRegister(path), pattern(1000 + winner, winner), "the winner's bytes");
    }
    expectEqual(await storage.list(at("race")), ["0", "1", "2"], "names left behind");
  });

  check("createRegister makes the directories above", async (storage, at) => {
    expectEqual(await storage.createRegister(at("a/b/c/d"), pattern(10, 1)), true, "created");
    expectEqual(await storage.list(at("a/b")), ["c"], "names");
  });
}

function bytesTests(check: StorageCheck): void {
  check("createRegister takes no bytes, and many", async (storage, at) => {
    for (const length of [0, 1, 8192, 300_001]) {
      await storage.createRegister(at(`r${length}`), pattern(length, length));
      expectEqual(await storage.readRegister(at(`r${length}`)), pattern(length, length), `${length} bytes`);
    }
  });

  check("createRegister no longer needs its bytes once it has answered", async (storage, at) => {
    const bytes = pattern(500, 3);
    await storage.createRegister(at("one"), bytes);
    bytes.fill(0);
    expectEqual(await storage.readRegister(at("one")), pattern(500, 3), "bytes");
  });

  check("a register for its owner alone is as any other to its owner", async (storage, at) => {
    const options = { ownerOnly: true };
    expectEqual(await storage.readRegister(at("secret"), options), undefined, "no file");
    expectEqual(await storage.createRegister(at("secret"), pattern(40, 1), options), true, "created");
    expectEqual(await storage.createRegister(at("secret"), pattern(40, 2), options), false, "created again");
    expectEqual(await storage.readRegister(at("secret"), options), pattern(40, 1), "bytes");
    expectEqual(await storage.readRegister(at("secret")), pattern(40, 1), "bytes, without asking for more");
  });

  check("readRegister answers undefined where there is none, nor a directory", async (storage, at) => {
    expectEqual(await storage.readRegister(at("none")), undefined, "no file");
    expectEqual(await storage.readRegister(at("no/such/directory")), undefined, "no directory");
  });

  check("readRegister answers bytes that are the caller's", async (storage, at) => {
    await storage.createRegister(at("one"), pattern(100, 4));
    const bytes = await storage.readRegister(at("one"));
    expect(bytes !== undefined, "the register is there");
    bytes.fill(0);
    expectEqual(await storage.readRegister(at("one")), pattern(100, 4), "read again");
  });

  check("a removed register can be created again", async (storage, at) => {
    await storage.createRegister(at("one"), pattern(100, 5));
    expectEqual(await storage.remove(at("one")), true, "removed");
    expectEqual(await storage.readRegister(at("one")), undefined, "after the removal");
    expectEqual(await storage.createRegister(at("one"), pattern(100, 6)), true, "created again");
  });
}
