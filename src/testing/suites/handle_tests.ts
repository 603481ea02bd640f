/** Promises of traits, errors and closing. */
import type { StorageTraits, StreamFile, VolumeFile } from "../../ports/storage.ts";
import { expect, expectCode, expectEqual } from "../expect.ts";
import type { StorageCheck } from "../storage_suite.ts";

/** Registers the tests of traits, errors and closing. */
export function handleTests(check: StorageCheck, traits: Partial<StorageTraits>): void {
  closeTests(check);
  check("traits are complete and fixed", async (storage) => {
    await undefined;
    const found = storage.traits;
    expectEqual(found.version, 1, "version");
    expect(found.name.length > 0, "there is a name");
    for (const trait of ["shared", "durable", "synchronousReads"] as const) {
      expectEqual(typeof found[trait], "boolean", trait);
    }
    expect(
      ["native", "gate", "kill", "none", "unproven"].includes(found.fencing),
      `fencing ${found.fencing}`,
    );
    for (const [trait, value] of Object.entries(traits)) {
      expectEqual(found[trait as keyof StorageTraits], value, trait);
    }
    expectEqual(storage.traits, found, "traits asked again");
  });

  check(
    "answers are values or promises: reads are promises unless the traits say so",
    async (storage, at) => {
      const stream = await storage.openStream(at("s"), { access: "write", create: true });
      await stream.write(0, new Uint8Array(100));
      const answer = stream.read(0, new Uint8Array(100));
      const value = !(answer instanceof Promise);
      expect(
        !value || storage.traits.synchronousReads,
        "only synchronousReads may answer a read with a value",
      );
      expectEqual(await answer, 100, "bytes");
    },
  );

  check("errors name the operation and the path", async (storage, at) => {
    const options = { blockSize: 512, access: "read" } as const;
    const error = await expectCode(() => storage.openVolume(at("none"), options), "NOT_FOUND");
    expect(typeof error.facts["operation"] === "string", "facts.operation is told");
    expectEqual(String(error.facts["path"]).endsWith("/none"), true, "facts.path ends with the name");
    expect(error.message.includes("none"), "the message names the path");
  });
}

function closeTests(check: StorageCheck): void {
  check("a handle is closed once, and no use follows: CLOSED", async (storage, at) => {
    await storage.createRegister(at("v"), new Uint8Array(1024));
    const volume = await storage.openVolume(at("v"), { blockSize: 512, access: "write" });
    const stream = await storage.openStream(at("s"), { access: "write", create: true });
    await volume.close();
    await stream.close();
    await expectClosed(volume, stream);
    const again = await storage.openVolume(at("v"), { blockSize: 512, access: "write" });
    expectEqual(await again.size(), 2, "blocks through a new handle");
  });

  check("close of a handle lets what is in flight end", async (storage, at) => {
    await storage.createRegister(at("v"), new Uint8Array(512 * 64));
    const volume = await storage.openVolume(at("v"), { blockSize: 512, access: "write" });
    const written = volume.write(
      Array.from(
        { length: 32 },
        (_, index) => ({ block: index * 2, bytes: new Uint8Array(512).fill(index) }),
      ),
    );
    const closed = volume.close();
    await written;
    await closed;
    const bytes = await storage.readRegister(at("v"));
    for (let index = 0; index < 32; index++) expectEqual(bytes?.[index * 1024], index, `block ${index * 2}`);
  });

  check("close of the storage closes its handles, once, and no use follows: CLOSED", async (storage, at) => {
    await storage.createRegister(at("v"), new Uint8Array(1024));
    const volume = await storage.openVolume(at("v"), { blockSize: 512, access: "write" });
    const stream = await storage.openStream(at("s"), { access: "write", create: true });
    await storage.close();
    await expectClosed(volume, stream);
    await expectCode(() => storage.openVolume(at("v"), { blockSize: 512, access: "read" }), "CLOSED");
    await expectCode(() => storage.openStream(at("s"), { access: "read" }), "CLOSED");
    await expectCode(() => storage.createRegister(at("r"), new Uint8Array(1)), "CLOSED");
    await expectCode(() => storage.readRegister(at("v")), "CLOSED");
    await expectCode(() => storage.list(at(".")), "CLOSED");
    await expectCode(() => storage.remove(at("v")), "CLOSED");
    await expectCode(() => storage.resolve(at("v")), "CLOSED");
    await expectCode(() => storage.close(), "CLOSED");
  });
}

async function expectClosed(volume: VolumeFile, stream: StreamFile): Promise<void> {
  const block = new Uint8Array(512);
  await expectCode(() => volume.read(0, block), "CLOSED");
  await expectCode(() => volume.write([{ block: 0, bytes: block }]), "CLOSED");
  await expectCode(() => volume.sync(), "CLOSED");
  await expectCode(() => volume.size(), "CLOSED");
  await expectCode(() => volume.grow(9), "CLOSED");
  await expectCode(() => volume.close(), "CLOSED");
  await expectCode(() => stream.write(0, block), "CLOSED");
  await expectCode(() => stream.read(0, block), "CLOSED");
  await expectCode(() => stream.sync(true), "CLOSED");
  await expectCode(() => stream.reserve(9), "CLOSED");
  await expectCode(() => stream.size(), "CLOSED");
  await expectCode(() => stream.close(), "CLOSED");
}
