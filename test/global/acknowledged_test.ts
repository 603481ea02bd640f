/**
 * No answer leaves before all that it was made of is safe (DESIGN D5), whatever was asked: reads, and changes
 * that turn out to change nothing.
 */
import { test } from "#test";
import { assertEquals } from "@std/assert";
import { createMemoryStorage } from "../../adapters/storage_memory.ts";
import { type Database, type Global, openNode, type Value } from "../../mod.ts";
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
