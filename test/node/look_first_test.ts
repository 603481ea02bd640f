/** A node whose first mount is refused has made no journal: nothing is left when its program just ends. */
import { test } from "#test";
import { assertEquals, assertRejects } from "@std/assert";
import { createMemoryStorage } from "../../adapters/storage_memory.ts";
import {
  CohortError,
  type MountOptions,
  type Node,
  openNode,
  type OwnerReport,
  type Storage,
} from "../../mod.ts";

/** A program that looks at holders from elsewhere: they are what `state` says. */
function seenAs(storage: Storage, state: OwnerReport["state"]): Storage {
  const examine = (): OwnerReport => ({ state, reason: "it was looked at" });
  const fence = instead(storage.fence, "examine", examine);
  return instead(storage, "fence", fence);
}

/** The same object, but for one property. */
function instead<T extends object, K extends keyof T>(object: T, name: K, value: T[K]): T {
  const get = (_: T, key: string | symbol): unknown => {
    if (key === name) return value;
    const found = object[key as keyof T];
    return typeof found === "function" ? found.bind(object) : found;
  };
  return new Proxy(object, { get });
}

function nodeOn(storage: Storage): Promise<Node> {
  return openNode({ dir: "/nodes", poolBytes: 1 << 20 }, { storage });
}

/** Mounts by a node of its own that is never closed, as a program that ends by the error. */
async function refusedBy(storage: Storage, directory: string, options: MountOptions = {}): Promise<string> {
  const node = await nodeOn(storage);
  const error = await assertRejects(() => node.mount(directory, options), CohortError);
  return error.code;
}

test("look first: a first mount that is refused leaves nothing in dir", async () => {
  const storage = createMemoryStorage();
  await using holder = await nodeOn(storage);
  await holder.createDatabase("/held");
  await (await holder.createDatabase("/rest")).dismount();
  await storage.createRegister("/other/cohort.dat", new Uint8Array(20_000));
  const before = await storage.list("/nodes");
  const alive = seenAs(storage, "alive"), foreign = seenAs(storage, "unproven");
  assertEquals(await refusedBy(alive, "/held"), "IN_USE");
  assertEquals(await refusedBy(alive, "/held", { create: true }), "IN_USE");
  assertEquals(await refusedBy(alive, "/held", { readOnly: true }), "IN_USE");
  assertEquals(await refusedBy(foreign, "/held"), "FOREIGN_OWNER");
  assertEquals(await refusedBy(foreign, "/held", { confirmGone: "0".repeat(32) }), "FOREIGN_OWNER");
  assertEquals(await refusedBy(storage, "/nothing"), "NOT_FOUND");
  assertEquals(await refusedBy(storage, "/rest", { create: "new" }), "EXISTS");
  assertEquals(await refusedBy(storage, "/other"), "NOT_A_VOLUME");
  await using reader = await nodeOn(storage);
  await reader.mount("/rest", { readOnly: true });
  const withReader = await storage.list("/nodes");
  assertEquals(await refusedBy(alive, "/rest"), "IN_USE");
  assertEquals(await storage.list("/nodes"), withReader);
  assertEquals(withReader.length, before.length + 1);
});

test("look first: what is refused once can be mounted by the same node when it is free", async () => {
  const storage = createMemoryStorage();
  const holder = await nodeOn(storage);
  const database = await holder.createDatabase("/held");
  await database.global<number>("X").set([1], 7);
  await using node = await nodeOn(seenAs(storage, "alive"));
  await assertRejects(() => node.mount("/held"), CohortError, "it was looked at");
  await holder.close();
  assertEquals(await (await node.mount("/held")).global<number>("X").get([1]), 7);
});
