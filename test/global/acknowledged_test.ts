/**
 * No answer leaves before all that it was made of is safe (DESIGN D5), whatever was asked: reads, and changes
 * that turn out to change nothing.
 */
import { test } from "#test";
import { assertEquals } from "@std/assert";
import { createMemoryStorage } from "../../adapters/storage_memory.ts";
import { type Database, type Global, openNode, type Subscript, type Value } from "../../mod.ts";
import { MISS } from "../../src/buffer/step.ts";
import { findRoot } from "../../src/global/catalog.ts";
import { leafOf } from "../../src/global/tree.ts";
import { search } from "../../src/ground/entries.ts";
import { keyOf } from "../../src/ground/key.ts";
import { withFaults } from "../../src/testing/mod.ts";

interface Scene {
  readonly global: Global<Value>;
  readonly database: Database;
  /** Runs a transaction. */
  transact(body: (global: Global<Value>) => Promise<unknown>): Promise<unknown>;
}

/** What is asked while a change that it must see is not safe yet: of a node, and of a whole global. */
const ASKED: Readonly<Record<string, (scene: Scene) => Promise<unknown>>> = {
  "get": ({ global }) => global.get([1, 2]),
  "data": ({ global }) => global.data([1]),
  "order": ({ global }) => global.order([0]),
  "order backwards": ({ global }) => global.order([3], -1),
  "query": ({ global }) => global.query([1]),
  "query backwards": ({ global }) => global.query([2], -1),
  "entries": async ({ global }) => (await Array.fromAsync(global.entries([1]))).length,
  "globals": async ({ database }) => (await Array.fromAsync(database.globals())).length,
  "kill": ({ global }) => global.kill([1]),
  "kill of the whole global": ({ global }) => global.kill(),
  "zkill": ({ global }) => global.zkill([1, 2]),
  "merge of nothing": ({ global, database }) => database.global("Y").merge([], global, [1]),
  "a transaction that reads": ({ transact }) => transact((global) => global.get([1, 2])),
  "a transaction that kills nothing": ({ transact }) => transact((global) => global.kill([1])),
};

for (const whole of [false, true]) {
  const what = whole ? "the global" : "a node";
  test(`acknowledged: nothing is told before a kill of ${what} is safe`, async () => {
    let isHeld = false;
    let release = (): void => {};
    let until: Promise<void> = Promise.resolve();
    const storage = withFaults(
      createMemoryStorage(),
      ({ operation, path }) =>
        isHeld && operation === "sync" && path.includes("/journal.") ? { kind: "stall", until } : undefined,
    );
    await using node = await openNode({ dir: "/data" }, { storage });
    const database = await node.createDatabase("/db");
    const global = database.global("X");
    const transact = (body: (global: Global<Value>) => Promise<unknown>) =>
      node.transact((tx) => body(tx.global(global) as unknown as Global<Value>));
    const wrong: string[] = [];
    for (const [name, ask] of Object.entries(ASKED)) {
      // Which globals there are does not hang on one node of one of them.
      if (name === "globals" && !whole) continue;
      await global.set([1, 2], "there");
      if (!whole) await global.set([2], "beside");
      until = new Promise((done) => release = done);
      isHeld = true;
      const killed = whole ? global.kill() : global.kill([1]);
      let isAnswered = false;
      const answered = ask({ global, database, transact }).then(() => isAnswered = true);
      for (let i = 0; i < 50; i++) await new Promise((turn) => setTimeout(turn, 0));
      if (isAnswered) wrong.push(name);
      isHeld = false;
      release();
      await Promise.all([killed, answered]);
    }
    assertEquals(wrong, [], "answered though a power cut may undo what they saw");
  });
}

/** What is refused for what a node holds: the refusal tells of it. */
const REFUSED: Readonly<Record<string, (scene: Scene) => Promise<unknown>>> = {
  "increment": ({ global }) => global.increment([1, 2]),
  "increment with options": ({ global }) => global.increment([1, 2], 1, { timeoutMs: 60_000 }),
  "merge": ({ global, database }) => database.global("Y").merge(["k".repeat(900)], global),
};

for (const [name, ask] of Object.entries(REFUSED)) {
  test(`acknowledged: ${name} is not refused for a value before that is safe`, async () => {
    let isHeld = false;
    const { promise, resolve } = Promise.withResolvers<void>();
    const storage = withFaults(
      createMemoryStorage(),
      ({ operation, path }) =>
        isHeld && operation === "sync" && path.includes("/journal.")
          ? { kind: "stall", until: promise }
          : undefined,
    );
    await using node = await openNode({ dir: "/data" }, { storage });
    const database = await node.createDatabase("/db");
    const global = database.global("X");
    await global.set([1, 2], 1);
    isHeld = true;
    const set = Promise.all([global.set([1, 2], ["no number"]), global.set([1, "k".repeat(200)], 1)]);
    let isAnswered = false;
    const answered = ask({ global, database, transact: () => Promise.reject() })
      .then(() => "done", (error) => error.code ?? error.name)
      .then((answer) => (isAnswered = true, answer));
    for (let i = 0; i < 50; i++) await new Promise((turn) => setTimeout(turn, 0));
    const early = isAnswered;
    resolve();
    await set;
    assertEquals([early, await answered], [false, name === "merge" ? "RangeError" : "NOT_NUMERIC"]);
  });
}

/** Whether a look at resident blocks finds a node. */
function isThere({ volume, engine }: Database["core"], name: string, subscripts: Subscript[]): boolean {
  const root = findRoot(engine.light, volume, name);
  if (root <= 0) return false;
  const key = keyOf(subscripts);
  const leaf = leafOf(engine.light, volume, root, key, key.length);
  return leaf !== MISS && search(engine.pool.bytes, leaf * engine.pool.blockSize, key, key.length) >= 0;
}

const STAGED = [["below a node", [1], 48], ["into nothing", [], 48], ["in a large pool", [], 512]] as const;
for (const [what, to, poolBlocks] of STAGED) {
  test(`acknowledged: nothing is told before a staged merge ${what} is safe`, async () => {
    let release = (): void => {};
    const until = new Promise<void>((done) => release = done);
    let isHeld = false;
    let look = (): boolean => false;
    const storage = withFaults(createMemoryStorage(), ({ operation, path }) => {
      if (operation !== "sync" || !path.includes("/journal.")) return undefined;
      isHeld ||= look();
      return isHeld ? { kind: "stall", until } : undefined;
    });
    // In a small pool what is staged goes home and out of the pool before it is shown.
    await using node = await openNode({ dir: "/data", poolBytes: poolBlocks * 8192 }, { storage });
    const database = await node.createDatabase("/db");
    const [source, target] = [database.global("X"), database.global("Y")];
    const sets = Array.from({ length: 6_000 }, (_, i) => source.set([i], "v".repeat(200)));
    await Promise.all(sets);
    if (to.length > 0) { for (const at of [0, 1, 2]) await target.set([at], "beside"); }
    await node.checkpoint();
    const asked: Readonly<Record<string, () => Promise<unknown>>> = {
      "get of the first": () => target.get([...to, 0]),
      "get of one in the middle": () => target.get([...to, 3_000]),
      "data": () => target.data([...to, 0]),
      "order": () => target.order([...to, 3_000]),
      "order backwards": () => target.order([...to, 3_000], -1),
      "query": () => target.query([...to, 10]),
      "entries": () => Array.fromAsync(target.entries([...to, 3_000])),
      "a transaction that reads": () => node.transact((tx) => tx.global(target).get([...to, 3_000])),
    };
    look = () => isThere(database.core, "Y", [...to, 0]) || isThere(database.core, "Y", [...to, 5_999]);
    const merged = target.merge([...to], source);
    while (!isHeld) await new Promise((turn) => setTimeout(turn, 1));
    const wrong: string[] = [];
    const answers = Object.entries(asked).map(([name, ask]) => ask().then(() => wrong.push(name)));
    for (let i = 0; i < 50; i++) await new Promise((turn) => setTimeout(turn, 0));
    const early = [...wrong];
    release();
    await Promise.all([merged, ...answers]);
    assertEquals(early, [], "answered though a power cut may undo what they saw");
  });
}
