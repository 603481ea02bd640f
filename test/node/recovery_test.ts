/** A node that ends without closing: what its successor finds, and what it leaves behind. */
import { test } from "#test";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { CohortError, type Database, type Node, type NodeOptions, openNode, type Value } from "../../mod.ts";
import { CrashedFiles } from "../fuzz/sample_databases.ts";
import { assertSound, Witness } from "../global/rig.ts";
import { Prng } from "../support/prng.ts";

const SMALL: NodeOptions = {
  dir: "/nodes",
  poolBytes: 48 * 8192,
  segmentBytes: 65_536,
  checkpointBytes: 200_000,
};

interface Life {
  readonly node: Node;
  readonly database: Database;
  readonly witness: Witness;
}

/** A node over these files, its database mounted. */
async function live(
  files: CrashedFiles,
  options: NodeOptions = {},
  directory: string = "/db",
): Promise<Life> {
  const witness = new Witness();
  const node = await openNode({ ...SMALL, ...options }, { storage: files, observer: witness });
  const database = await node.mount(directory, { create: true, extentBlocks: 64 });
  return { node, database, witness };
}

async function contents(database: Database): Promise<Map<string, Value>> {
  const found = new Map<string, Value>();
  for await (const name of database.globals()) {
    for await (const [key, value] of database.global<Value>(name).entries()) {
      found.set(`${name} ${key.join(",")}`, value);
    }
  }
  return found;
}

/** Some operations of every kind. */
async function work(database: Database, prng: Prng, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const global = database.global<Value>(prng.pick(["A", "B"]));
    const at = prng.below(300);
    const draw = prng.below(12);
    if (draw === 0) await global.kill([at % 10]);
    else if (draw === 1) await global.set([at % 10, at], "L".repeat(prng.below(30_000, 3_000)));
    else await global.set([at % 10, at], "v".repeat(prng.below(500)) + i);
  }
}

for (const durability of ["sync", "relaxed"] as const) {
  test(`recovery: everything acknowledged is there, at any instant of a life (${durability})`, async () => {
    const files = new CrashedFiles();
    const { node, database, witness } = await live(files, { durability });
    const prng = new Prng(durability === "sync" ? 1 : 2);
    const model = new Map<string, Value>();
    const crashes: Array<{ readonly files: CrashedFiles; readonly wanted: Map<string, Value> }> = [];
    const global = database.global<Value>("A");
    for (let i = 0; i < 250; i++) {
      const [group, at] = [prng.below(8), prng.below(60)];
      const draw = prng.below(14);
      if (draw === 0) {
        await global.kill([group]);
        for (const key of [...model.keys()]) if (key.startsWith(`A ${group},`)) model.delete(key);
      } else if (draw === 1 && i % 3 === 0) await node.checkpoint();
      else {
        const value = draw === 2 ? "L".repeat(prng.below(30_000, 3_000)) : "v".repeat(prng.below(500)) + i;
        await global.set([group, at], value);
        model.set(`A ${group},${at}`, value);
      }
      if (prng.once(18)) crashes.push({ files: CrashedFiles.of(files), wanted: new Map(model) });
    }
    await node.close();
    assertEquals(witness.complaints, []);
    assert(crashes.length > 6);
    for (const crash of crashes) {
      const next = await live(crash.files);
      assertEquals(await contents(next.database), new Map([...crash.wanted].sort(inOrder)));
      await assertSound(next.database);
      assertEquals(next.witness.complaints, []);
      assert(next.witness.names.includes("volume.recovered"));
      await next.node.close();
      assertEquals(crash.files.list("/nodes"), [], "the dead owner's files are gone");
    }
  });
}

/** Keys "A group,at" in the order of the global. */
function inOrder([a]: [string, Value], [b]: [string, Value]): number {
  const [x, y] = [a, b].map((it) => it.slice(2).split(",").map(Number));
  return x![0]! - y![0]! || x![1]! - y![1]!;
}

test("recovery: blocks that waited to be freed when the node ended are freed by its successor", async () => {
  const files = new CrashedFiles();
  const { node, database } = await live(files);
  const global = database.global<Value>("A");
  for (let i = 0; i < 3_000; i++) await global.set([i % 4, i], "v".repeat(300));
  const { volume } = database.core;
  volume.onQueued = undefined;
  for (let i = 0; i < 4; i++) await global.kill([i]);
  const next = await live(CrashedFiles.of(files));
  const report = await assertSound(next.database);
  assertEquals(report.entries, 0);
  const { blocks, blocksFree } = next.database.status;
  assert(blocksFree > blocks - 30, `${blocksFree} of ${blocks} blocks are free`);
  await next.node.close();
  await node.close();
});

test("recovery: its own crashes, one after every write, change nothing of what comes out", async () => {
  const files = new CrashedFiles();
  const { node: first, database } = await live(files, { checkpointBytes: 1e9, idleMs: 1e6 });
  const prng = new Prng(7);
  for (let i = 0; i < 250; i++) {
    const value = prng.once(20) ? "L".repeat(20_000) : "v".repeat(prng.below(800));
    await database.global<Value>("A").set([prng.below(8), i], value);
    if (i % 60 === 59) await database.global<Value>("A").kill([prng.below(8)]);
  }
  const wanted = await contents(database);
  let left = CrashedFiles.of(files);
  let lives = 0;
  for (let writes = 0; lives < 60; writes += 1 + (writes >> 3), lives++) {
    const dying = CrashedFiles.of(left);
    let count = 0;
    let snapshot: CrashedFiles | undefined;
    // The drive of this life is gone after some writes; what it held then is what the next life finds.
    dying.fault = (operation) => {
      const isWrite = ["write", "writeBlocks", "register", "remove", "sync"].includes(operation);
      if (isWrite && count++ === writes) snapshot = CrashedFiles.of(dying);
      return snapshot === undefined ? undefined : new CohortError("FENCED", "the process is gone");
    };
    const node = await openNode({ ...SMALL, poolBytes: 32 * 8192 }, { storage: dying });
    const mounted = await node.mount("/db").then(() => true, () => false);
    await node.close({ timeoutMs: 5 }).catch(() => {});
    if (mounted && snapshot === undefined) break;
    left = snapshot ?? left;
  }
  assert(lives > 10, `${lives} lives`);
  const last = await live(left);
  assertEquals(await contents(last.database), wanted);
  await assertSound(last.database);
  await last.node.close();
  await first.close();
});

test("recovery: two volumes of one journal are recovered one by one, by different nodes", async () => {
  const files = new CrashedFiles();
  const { node, database } = await live(files);
  const other = await node.createDatabase("/other", { extentBlocks: 64 });
  for (let i = 0; i < 200; i++) {
    await node.transact(async (t) => {
      await t.global(database.global<Value>("X")).set([i], "v".repeat(200));
      await t.global(other.global<Value>("Y")).set([i], "w".repeat(200));
    });
  }
  const left = CrashedFiles.of(files);
  const first = await live(left, {}, "/other");
  assertEquals((await contents(first.database)).size, 200);
  await first.database.global<Value>("Y").set(["new"], 1);
  assert(left.list("/nodes").some((name) => name.startsWith(node.incarnation)), "the other volume needs it");
  const second = await live(left, {}, "/db");
  assertEquals((await contents(second.database)).size, 200);
  assert(!left.list("/nodes").some((name) => name.startsWith(node.incarnation)), "nobody needs it");
  const third = await live(CrashedFiles.of(left), {}, "/other");
  assertEquals((await contents(third.database)).size, 201);
  for (const it of [first.node, second.node, third.node, node]) await it.close();
});

test("recovery: nodes that take turns at a volume, ending well or badly, add up", async () => {
  let files = new CrashedFiles();
  const prng = new Prng(3);
  const wanted = new Map<string, number>();
  for (let turn = 0; turn < 14; turn++) {
    const life = await live(files);
    const found = await contents(life.database);
    assertEquals([...found].sort(), [...wanted].sort(), `turn ${turn}`);
    await work(life.database, new Prng(turn), prng.below(30));
    await life.database.global<Value>("A").kill();
    await life.database.global<Value>("B").kill();
    await life.database.global<Value>("Turns").set([turn], turn);
    wanted.set(`Turns ${turn}`, turn);
    if (prng.once(2)) files = CrashedFiles.of(files);
    await life.node.close();
  }
  const last = await live(files);
  await assertSound(last.database);
  await last.node.close();
});

test("recovery: two nodes that alternate over one mount each keep their journals apart", async () => {
  const files = new CrashedFiles();
  const nodes = [await openNode(SMALL, { storage: files }), await openNode(SMALL, { storage: files })];
  for (let turn = 0; turn < 12; turn++) {
    const database = await nodes[turn % 2]!.mount("/db", { create: true, extentBlocks: 64 });
    const global = database.global<Value>("X");
    for (let i = 0; i < 40; i++) await global.set([i % 5, turn, i], "v".repeat(150));
    if (turn > 2) await global.kill([turn % 5]);
    if (turn === 11) break;
    await database.dismount();
  }
  const next = await live(CrashedFiles.of(files));
  assertEquals(await next.database.global<Value>("X").data([11 % 5]), 0);
  assertEquals(await next.database.global<Value>("X").data([12 % 5]), 10);
  await assertSound(next.database);
  await next.node.close();
  for (const node of nodes) await node.close();
});

test("recovery: a read-only mount is refused until somebody has recovered the volume", async () => {
  const files = new CrashedFiles();
  const { node: first, database } = await live(files);
  await database.global<Value>("X").set([1], 1);
  const left = CrashedFiles.of(files);
  const before = left.find("/db/cohort.dat").bytes.slice();
  const node = await openNode(SMALL, { storage: left });
  const error = await assertRejects(() => node.mount("/db", { readOnly: true }), CohortError);
  assert(["IN_USE", "READ_ONLY", "FOREIGN_OWNER"].includes(error.code), error.code);
  assertEquals(left.find("/db/cohort.dat").bytes, before);
  await (await node.mount("/db")).dismount();
  const reader = await node.mount("/db", { readOnly: true });
  assertEquals(await reader.global<Value>("X").get([1]), 1);
  await node.close();
  await first.close();
});
