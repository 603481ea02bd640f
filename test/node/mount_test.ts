/** Mounts: who gets the database, who is refused with what, and what is left when it is let go. */
import { test } from "#test";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { createMemoryStorage } from "../../adapters/storage_memory.ts";
import {
  CohortError,
  type Database,
  isCode,
  type Node,
  type NodeOptions,
  openNode,
  type Storage,
  type Value,
} from "../../mod.ts";
import { withFaults } from "../../src/testing/fault_storage.ts";

function nodeOn(storage: Storage, options: NodeOptions = {}): Promise<Node> {
  return openNode({ dir: "/nodes", poolBytes: 1 << 20, ...options }, { storage });
}

/** What a call is refused with: a code, or the name of the error. */
async function refusal(call: () => Promise<unknown>): Promise<string> {
  const error = await assertRejects(call);
  return error instanceof CohortError ? error.code : error.name;
}

test("mount: a second mount of one directory is the same handle, however it is spelled", async () => {
  await using node = await nodeOn(createMemoryStorage());
  const database = await node.mount("/a/b", { create: true });
  for (const spelling of ["/a/b", "/a/b/", "/a/./b", "/a/x/../b", "a/b"]) {
    assertEquals(await node.mount(spelling) === database, true, spelling);
  }
  assertEquals(node.status.databases, ["/a/b"]);
  assertEquals(database.directory, "/a/b");
});

test("mount: many at once in one node are one mount", async () => {
  await using node = await nodeOn(createMemoryStorage());
  const all = await Promise.all(Array.from({ length: 20 }, () => node.mount("/db", { create: true })));
  assertEquals(new Set(all).size, 1);
  await Promise.all(all.map((database) => database.dismount()));
  const again = await Promise.all(Array.from({ length: 5 }, () => node.mount("/db")));
  assertEquals(new Set(again).size, 1);
  assert(again[0] !== all[0]);
});

test("createDatabase: of many at once exactly one makes it, in one node or in twenty", async () => {
  const storage = createMemoryStorage();
  const nodes = await Promise.all(Array.from({ length: 20 }, () => nodeOn(storage)));
  const made = await Promise.allSettled(nodes.map((node) => node.createDatabase("/db")));
  assertEquals(made.filter((it) => it.status === "fulfilled").length, 1);
  for (const it of made) if (it.status === "rejected") assert(isCode(it.reason, "EXISTS"), String(it.reason));
  const one = await nodeOn(storage);
  const inOne = await Promise.allSettled(Array.from({ length: 10 }, () => one.createDatabase("/other")));
  assertEquals(inOne.filter((it) => it.status === "fulfilled").length, 1);
  for (const it of inOne) {
    if (it.status === "rejected") assert(isCode(it.reason, "EXISTS"), String(it.reason));
  }
  await Promise.all([...nodes, one].map((node) => node.close()));
});

test("mount: of twenty nodes that create and mount at once one holds it, all others hear who", async () => {
  const storage = createMemoryStorage();
  const nodes = await Promise.all(Array.from({ length: 20 }, () => nodeOn(storage)));
  const mounts = await Promise.allSettled(nodes.map((node) => node.mount("/db", { create: true })));
  const winners = mounts.filter((it) => it.status === "fulfilled");
  assertEquals(winners.length, 1);
  const holder = nodes[mounts.findIndex((it) => it.status === "fulfilled")]!.incarnation;
  for (const it of mounts) {
    if (it.status === "fulfilled") continue;
    assert(isCode(it.reason, "IN_USE"), String(it.reason));
    const told = `${it.reason.message} ${JSON.stringify(it.reason.facts)}`;
    assert(told.includes(holder), told);
    assertEquals(it.reason.retryable, true);
  }
  await winners[0]!.value.global<number>("X").set([1], 1);
  await winners[0]!.value.dismount();
  const next = await nodes[7]!.mount("/db");
  assertEquals(await next.global<number>("X").get([1]), 1);
  await Promise.all(nodes.map((node) => node.close()));
});

test("mount: read-only beside read-only, never beside a private mount", async () => {
  const storage = createMemoryStorage();
  await using one = await nodeOn(storage);
  await using two = await nodeOn(storage);
  const database = await one.createDatabase("/db");
  await database.global<number>("X").set([1], 1);
  assertEquals(await refusal(() => one.mount("/db", { readOnly: true })), "MOUNTED");
  assertEquals(await refusal(() => two.mount("/db", { readOnly: true })), "IN_USE");
  await database.dismount();
  const readers = [await one.mount("/db", { readOnly: true }), await two.mount("/db", { readOnly: true })];
  for (const reader of readers) {
    assertEquals(reader.status.readOnly, true);
    const global = reader.global<Value>("X");
    assertEquals(await global.get([1]), 1);
    const writes: Array<() => Promise<unknown>> = [
      () => global.set([1], 2),
      () => global.increment([1]),
      () => global.kill([1]),
      () => global.zkill([1]),
      () => global.merge([2], global, [1]),
      () => reader.global<Value>("New").set([1], 1),
    ];
    for (const write of writes) assertEquals(await refusal(write), "READ_ONLY");
  }
  const inside = (): Promise<void> =>
    one.transact((t) => t.global(readers[0]!.global<Value>("X")).set([1], 2));
  assertEquals(await refusal(inside), "READ_ONLY");
  assertEquals(await refusal(() => one.mount("/db")), "MOUNTED");
  await readers[0]!.dismount();
  assertEquals(await refusal(() => one.mount("/db")), "IN_USE");
  await readers[1]!.dismount();
  assertEquals(await (await one.mount("/db")).global<number>("X").get([1]), 1);
});

test("mount: what is not there, what is there already, what has other blocks", async () => {
  const storage = createMemoryStorage();
  await using node = await nodeOn(storage);
  assertEquals(await refusal(() => node.mount("/db")), "NOT_FOUND");
  assertEquals(await refusal(() => node.mount("/db", { readOnly: true })), "NOT_FOUND");
  assertEquals(await refusal(() => node.mount("/db", { readOnly: true, create: true })), "TypeError");
  assertEquals(await refusal(() => node.createDatabase("/db", { blockSize: 16_384 })), "BLOCK_SIZE");
  assertEquals(await refusal(() => node.createDatabase("/db", { extentBlocks: 7 })), "RangeError");
  assertEquals(await storage.list("/db"), []);
  await node.createDatabase("/db");
  assertEquals(await refusal(() => node.createDatabase("/db")), "EXISTS");
  await using other = await nodeOn(storage, { blockSize: 16_384 });
  await (await node.mount("/db")).dismount();
  assertEquals(await refusal(() => node.createDatabase("/db")), "EXISTS");
  const error = await assertRejects(() => other.mount("/db"), CohortError);
  assertEquals([error.code, error.facts["found"], error.facts["expected"]], ["BLOCK_SIZE", 8_192, 16_384]);
  assertEquals(await (await node.mount("/db")).global<number>("X").get([1]), undefined);
});

test("mount: in memory only, a database that is not there is the caller's mistake, and named", async () => {
  await using node = await openNode();
  const error = await assertRejects(() => node.mount("/files/hr"), TypeError);
  assert(/give openNode a dir\b/.test(error.message), error.message);
  await using shared = await openNode({}, { storage: createMemoryStorage() });
  assertEquals((await shared.mount("/db", { create: true })).directory, "/db");
  assertEquals((await shared.mount("/db")).directory, "/db");
});

test("dismount: twice or by many is once; then NOT_MOUNTED; what was acknowledged is there", async () => {
  await using node = await nodeOn(createMemoryStorage());
  const database = await node.createDatabase("/db");
  const global = database.global<Value>("X");
  let acknowledged = 0;
  const refused = new Set<string>();
  const writers = Array.from({ length: 8 }, async (_, client) => {
    try {
      for (let i = 0;; i++) {
        await global.set([client, i], i);
        acknowledged++;
        if (i % 3 === 0) await new Promise((done) => setTimeout(done, 0));
      }
    } catch (error) {
      refused.add(error instanceof CohortError ? error.code : String(error));
    }
  });
  await new Promise((done) => setTimeout(done, 20));
  await Promise.all([database.dismount(), database.dismount(), database[Symbol.asyncDispose]()]);
  await Promise.all(writers);
  assertEquals([...refused], ["NOT_MOUNTED"]);
  const calls: Array<() => Promise<unknown>> = [
    () => global.get([1]),
    () => global.set([1], 1),
    () => global.data([1]),
    () => global.order([""]),
    () => global.query([]),
    () => global.kill([1]),
    () => global.zkill([1]),
    () => global.increment([1]),
    () => global.merge([1], global, [2]),
    () => global.entries().batches().next(),
    () => database.globals().next(),
    () => database.has("X"),
    () => node.transact((t) => t.global(global).get([1])),
    () => node.transact((t) => t.global(global).set([1], 1)),
  ];
  for (const call of calls) assertEquals(await refusal(call), "NOT_MOUNTED", String(call));
  const again = await node.mount("/db");
  let found = 0;
  for await (const batch of again.global<Value>("X").entries().batches()) found += batch.length;
  assert(found >= acknowledged, `${found} of ${acknowledged} acknowledged nodes`);
});

test("dismount: a transaction that read a database which is gone by its commit does not commit", async () => {
  await using node = await nodeOn(createMemoryStorage());
  const [one, two] = [await node.createDatabase("/one"), await node.createDatabase("/two")];
  const [x, y] = [one.global<Value>("X"), two.global<Value>("Y")];
  await x.set([1], 1);
  const body = async (database: Database): Promise<void> =>
    await node.transact(async (t) => {
      await t.global(x).get([1]);
      await t.global(y).set([1], 1);
      await database.dismount();
    });
  assertEquals(await refusal(() => body(one)), "NOT_MOUNTED");
  assertEquals(await y.get([1]), undefined);
});

test("close: once, whoever asks; later calls are CLOSED; the database may be mounted elsewhere", async () => {
  const storage = createMemoryStorage();
  const node = await nodeOn(storage);
  const global = (await node.createDatabase("/db")).global<number>("X");
  const other = node.mount("/late", { create: true });
  await Promise.all([node.close(), node.close(), node[Symbol.asyncDispose]()]);
  await other.catch(() => {});
  await node.close();
  assertEquals(node.status.state, "closed");
  const calls: Array<() => Promise<unknown>> = [
    () => node.mount("/db"),
    () => node.createDatabase("/new"),
    () => node.deleteDatabase("/db"),
    () => node.transact(() => 1),
    () => node.sync(),
    () => node.checkpoint(),
    () => node.resolve('^|"/db"|X(1)'),
  ];
  for (const call of calls) assertEquals(await refusal(call), "CLOSED", String(call));
  const late = await refusal(() => global.set([1], 1));
  assert(late === "CLOSED" || late === "NOT_MOUNTED", late);
  await using next = await nodeOn(storage);
  assertEquals((await next.mount("/db")).directory, "/db");
  assertEquals(await storage.list("/nodes"), [next.incarnation], "a closed node leaves no files");
});

test("delete: only what nobody has mounted; then it may be made anew, and is another", async () => {
  const storage = createMemoryStorage();
  await using one = await nodeOn(storage);
  await using two = await nodeOn(storage);
  const database = await one.createDatabase("/db");
  const { volumeId } = database.status;
  await database.global<number>("X").set([1], 1);
  assertEquals(await refusal(() => one.deleteDatabase("/db")), "MOUNTED");
  assertEquals(await refusal(() => two.deleteDatabase("/db")), "IN_USE");
  assertEquals(await database.global<number>("X").get([1]), 1);
  await database.dismount();
  await two.deleteDatabase("/db");
  assertEquals(await storage.list("/db"), []);
  assertEquals(await refusal(() => two.deleteDatabase("/db")), "NOT_FOUND");
  assertEquals(await refusal(() => one.mount("/db")), "NOT_FOUND");
  const anew = await one.createDatabase("/db");
  assert(anew.status.volumeId !== volumeId);
  assertEquals(await anew.global<number>("X").get([1]), undefined);
});

test("mount: a deadline or a signal ends the wait, and the mount may be tried again", async () => {
  const memory = createMemoryStorage();
  const stalled = Promise.withResolvers<void>();
  let stalling = true;
  const storage = withFaults(
    memory,
    ({ operation, path }) =>
      stalling && operation === "openVolume" && path === "/db/cohort.dat"
        ? { kind: "stall", until: stalled.promise }
        : undefined,
  );
  await using node = await nodeOn(storage);
  const mounting = refusal(() => node.mount("/db", { create: true, timeoutMs: 20 }));
  setTimeout(() => {
    stalling = false;
    stalled.resolve();
  }, 60);
  assertEquals(await mounting, "TIMEOUT");
  const signal = AbortSignal.abort(new TypeError("not now"));
  assertEquals(await refusal(() => node.mount("/db", { signal })), "TypeError");
  assertEquals((await node.mount("/db", { create: true })).directory, "/db");
});
