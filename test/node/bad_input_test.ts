/** Bad input at the public door: each a documented error that says what and where, and nothing changed. */
import { test } from "#test";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type CohortError,
  type Database,
  exportText,
  importText,
  openNode,
  type Subscript,
  type Value,
} from "@cohort/db";
import { createLineObserver } from "../../adapters/observer_lines.ts";
import { createProcessFence } from "../../adapters/fence_process.ts";
import { createFileStorage } from "../../adapters/storage_file.ts";
import { createMemoryStorage } from "../../adapters/storage_memory.ts";
import { contentOf } from "../fuzz/sample_databases.ts";

/** Name or code of what a call is refused with; fails when it is not refused, or says nothing. */
async function refusal(what: string, call: () => unknown): Promise<string> {
  let error: unknown;
  try {
    await call();
  } catch (thrown) {
    error = thrown;
  }
  assert(error instanceof Error, `${what} was not refused`);
  assert(error.message.length > 10 && !error.message.endsWith("."), `${what}: ${error.message}`);
  return error.name === "CohortError" ? (error as CohortError).code : error.name;
}

/** A value of a wrong type, as a program without types would pass it. */
function untyped<T>(value: unknown): T {
  return value as T;
}

const cyclic: Record<string, unknown> = {};
cyclic["self"] = cyclic;
const deep = (levels: number): Value => levels === 0 ? 1 : [deep(levels - 1)];

const SUBSCRIPTS: readonly [string, unknown, string][] = [
  ["NaN", [NaN], "RangeError"],
  ["Infinity", [Infinity], "RangeError"],
  ["1e47", [1e47], "RangeError"],
  ["a bigint of 19 digits", [1234567890123456789n], "RangeError"],
  ["a lone surrogate", ["a\ud800"], "RangeError"],
  ["an empty string", [""], "RangeError"],
  ["32 subscripts", new Array(32).fill(1), "RangeError"],
  ["1,020 bytes", ["x".repeat(1018)], "RangeError"],
  ["null", [null], "TypeError"],
  ["undefined", [undefined], "TypeError"],
  ["an object", [{}], "TypeError"],
  ["a symbol", [Symbol("a")], "TypeError"],
  ["no array", "name", "TypeError"],
  ["nothing", undefined, "TypeError"],
];

const VALUES: readonly [string, unknown, string][] = [
  ["undefined", undefined, "TypeError"],
  ["a function", () => 1, "TypeError"],
  ["a symbol", Symbol("a"), "TypeError"],
  ["a class instance", new Map(), "TypeError"],
  ["a date", new Date(0), "TypeError"],
  ["NaN", NaN, "RangeError"],
  ["-Infinity inside", [{ a: -Infinity }], "RangeError"],
  ["undefined inside", { a: undefined }, "TypeError"],
  ["a lone surrogate", "\udc00", "RangeError"],
  ["a lone surrogate in a key", { "\ud800": 1 }, "RangeError"],
  ["a cycle", cyclic, "TypeError"],
  ["65 levels", deep(65), "RangeError"],
  ["3,641,345 bytes", "x".repeat(3_641_344), "RangeError"],
  ["a bigint of 65,537 bytes", 1n << BigInt(65_536 * 8), "RangeError"],
];

async function withDatabase(body: (database: Database) => Promise<void>): Promise<void> {
  await using node = await openNode();
  const database = await node.mount("/hr", { create: true });
  await database.global<Value>("X").set(["kept"], 1);
  const before = await contentOf(database);
  await body(database);
  assertEquals(await contentOf(database), before, "something was changed");
}

test("bad input: subscripts that M has none for, in every call", () =>
  withDatabase(async (database) => {
    const global = database.global<Value>("X");
    for (const [name, value, expected] of SUBSCRIPTS) {
      const subscripts = untyped<Subscript[]>(value);
      const calls: Record<string, () => unknown> = {
        get: () => global.get(subscripts),
        set: () => global.set(subscripts, 1),
        data: () => global.data(subscripts),
        zkill: () => global.zkill(subscripts),
        increment: () => global.increment(subscripts, 1),
        merge: () => global.merge(subscripts, global, [2]),
        // "" stands before the first and after the last.
        ...(name === "an empty string" ? {} : {
          order: () => global.order(subscripts),
          query: () => global.query(subscripts, -1),
        }),
        ...(value === undefined ? {} : {
          ref: () => global.ref(subscripts).toString(),
          kill: () => global.kill(subscripts),
          entries: async () => {
            for await (const _ of global.entries(subscripts));
          },
        }),
      };
      for (const [call, run] of Object.entries(calls)) {
        assertEquals(await refusal(`${call} of ${name}`, run), expected, `${call} of ${name}`);
      }
    }
  }));

test("bad input: values without a form", () =>
  withDatabase(async (database) => {
    const global = database.global<Value>("X");
    for (const [name, value, expected] of VALUES) {
      const set = (): unknown => global.set(["new"], untyped<Value>(value));
      assertEquals(await refusal(name, set), expected, name);
    }
    for (const by of [NaN, Infinity, "1", null, {}]) {
      const name = await refusal(`increment by ${String(by)}`, () =>
        global.increment(["n"], untyped<number>(by)));
      assert(name === "RangeError" || name === "TypeError");
    }
  }));

test("bad input: a key __proto__ is data, NUL is a character", () =>
  withDatabase(async (database) => {
    const global = database.global<Value>("X");
    const value = JSON.parse('{"__proto__":{"polluted":1},"a":"\\u0000"}') as Value;
    await global.set(["\0", "__proto__"], value);
    const read = await global.get(["\0", "__proto__"]);
    assertEquals(read, value);
    assertEquals(Object.keys(read as object), ["__proto__", "a"]);
    assertEquals(({} as Record<string, unknown>)["polluted"], undefined);
    await global.kill(["\0"]);
  }));

test("bad input: names, options, limits, directions, signals", () =>
  withDatabase(async (database) => {
    for (const name of ["", "1a", "a.b", "a b", "ä", "A".repeat(32), "%%", "a\0"]) {
      assertEquals(await refusal(name, () => database.global(name)), "RangeError", name);
    }
    assertEquals(await refusal("a name of no text", () => database.global(untyped<string>(5))), "TypeError");
    const global = database.global<Value>("X");
    const options: readonly unknown[] = [{ poolBytes: -1 }, { durability: "maybe" }, { leaseMs: NaN }, {
      blockSize: 4096,
    }];
    for (const it of options) {
      assertEquals(await refusal(JSON.stringify(it), () => openNode(untyped(it))), "RangeError");
    }
    assertEquals(await refusal("options null", () => openNode(untyped(null))), "TypeError");
    assertEquals(await refusal("dir 5", () => openNode(untyped({ dir: 5 }))), "TypeError");
    assertEquals(await refusal("direction 2", () => global.order([1], untyped(2))), "RangeError");
    for (const source of [undefined, null, {}, "X"]) {
      // A rejection, as everywhere: outside of `refusal` a throw would end the test.
      const merged = global.merge([1], untyped<typeof global>(source));
      assertEquals(await refusal("merge of no global", () => merged), "TypeError");
    }
    for (const timeoutMs of [-1, NaN]) {
      assertEquals(await refusal("timeoutMs", () => global.get([1], { timeoutMs })), "RangeError");
    }
    const signal = AbortSignal.abort(new Error("I was aborted before"));
    const calls = [
      () => global.get([1], { signal }),
      () => global.set([1], 1, { signal }),
      () => database.has("X", { signal }),
      () => database.check({ signal }),
      () => database.dismount({ signal }),
    ];
    for (const run of calls) {
      assertEquals(await refusal("an aborted signal", run), "Error");
    }
  }));

test("bad input: what is no options, no source, no database", async () => {
  await using node = await openNode();
  const database = await node.createDatabase("/db");
  const global = database.global<Value>("X");
  const none = untyped<object>(null);
  const five = untyped<object>(5);
  const list = (options: object) => Array.fromAsync(global.entries([], options));
  const calls: readonly [string, () => unknown][] = [
    ["entries with 5", () => list(five)],
    ["entries with null", () => list(none)],
    ["transact with null", () => node.transact(() => 1, none)],
    ["a transaction on a text", () => node.transact((it) => void it.global(untyped<typeof global>("X")))],
    ["a reference of 5", () => node.resolve(untyped(5))],
    ["import with null", () => importText(database, [], none)],
    ["import of null", () => importText(database, untyped(null))],
    ["import of a text", () => importText(database, untyped("^X(1)=1"))],
    ["import into null", () => importText(untyped(null), [])],
    ["export with null", () => exportText(database, none).next()],
    ["export of a global", () => exportText(untyped(global)).next()],
  ];
  for (const [what, call] of calls) assertEquals(await refusal(what, call), "TypeError", what);
  await node.close();
  assertEquals(await refusal("entries after close", () => list({})), "NOT_MOUNTED");
});

test("bad input: an option that does not exist, or of a wrong type, is named", async () => {
  await using node = await openNode();
  const database = await node.createDatabase("/db");
  const global = database.global<Value>("X");
  const wrong = (options: object): never => untyped<never>(options);
  const calls: readonly [string, () => unknown][] = [
    ["dirr", () => openNode(wrong({ dirr: "/x" }))],
    ["storag", () => openNode({}, wrong({ storag: null }))],
    ["crate", () => node.mount("/other", wrong({ crate: true }))],
    ["blocksize", () => node.createDatabase("/other", wrong({ blocksize: 8192 }))],
    ["readonly", () => node.transact(() => 1, wrong({ readonly: true }))],
    ["readOnly", () => node.transact(() => 1, wrong({ readOnly: 1 }))],
    ["timeout", () => node.close(wrong({ timeout: 1 }))],
    ["timeout", () => node.sync(wrong({ timeout: 1 }))],
    ["timeout", () => node.checkpoint(wrong({ timeout: 1 }))],
    ["timeout", () => database.dismount(wrong({ timeout: 1 }))],
    ["timeout", () => database.check(wrong({ timeout: 1 }))],
    ["timeout", () => database.has("X", wrong({ timeout: 1 }))],
    ["timeout", () => global.get([1], wrong({ timeout: 1 }))],
    ["timeout", () => global.set([1], 1, wrong({ timeout: 1 }))],
    ["timeout", () => global.increment([1], 1, wrong({ timeout: 1 }))],
    ["timeout", () => global.merge([1], global, [2], wrong({ timeout: 1 }))],
    ["max", () => global.entries([], wrong({ max: 1 }))],
    ["reverse", () => global.entries([], wrong({ reverse: -1 }))],
    ["signal", () => global.entries([], wrong({ signal: 1 }))],
    ["onBad", () => importText(database, [], wrong({ onBad: () => {} }))],
    ["onBadRecord", () => importText(database, [], wrong({ onBadRecord: 1 }))],
    ["signal", () => importText(database, [], wrong({ signal: 1 }))],
    ["jsonl", () => exportText(database, wrong({ jsonl: true }))],
    ["globals", () => exportText(database, wrong({ globals: "AB" }))],
    ["onProgress", () => exportText(database, wrong({ onProgress: 1 }))],
    ["maxBytes", () => createMemoryStorage(wrong({ maxBytes: 1 }))],
    ["lookat", () => createProcessFence(wrong({ lookat: () => {} }))],
    ["lookAt", () => createProcessFence(wrong({ lookAt: 1 }))],
    ["localFileSystems", () => createProcessFence(wrong({ localFileSystems: ["nfs"] }))],
    ["mode", () => createFileStorage(wrong({ mode: 0o600 }))],
    ["level", () => createLineObserver(wrong({ level: "info" }))],
  ];
  for (const [name, call] of calls) {
    const error = await assertRejects(async () => await call(), TypeError);
    assert(error.message.includes(name), `${name}: ${error.message}`);
  }
  assertEquals([node.status.state, node.status.databases], ["active", ["/db"]]);
});

test("bad input: use after dismount and after close, twice mounted, twice created", async () => {
  const node = await openNode();
  const database = await node.mount("/hr", { create: true });
  const global = database.global<Value>("X");
  await global.set([1], 1);
  assertEquals(await refusal("create again", () => node.createDatabase("/hr")), "EXISTS");
  assertEquals(await refusal("another mode", () => node.mount("/hr", { readOnly: true })), "MOUNTED");
  assertEquals(await refusal("delete", () => node.deleteDatabase("/hr")), "MOUNTED");
  // In memory there is nothing to find: a program that means files forgot to say where.
  assertEquals(await refusal("no such database", () => node.mount("/none")), "TypeError");
  for (const directory of ["", "a\0b", 5]) {
    const mount = (): unknown => node.mount(untyped<string>(directory));
    assertEquals(await refusal(`directory ${directory}`, mount), "TypeError");
  }
  await database.dismount();
  assertEquals(await refusal("get", () => global.get([1])), "NOT_MOUNTED");
  assertEquals(await refusal("set", () => global.set([1], 2)), "NOT_MOUNTED");
  await node.close();
  await node.close();
  const calls = [
    () => global.get([1]),
    () => database.check(),
    () => database.has("X"),
    () => Array.fromAsync(database.globals()),
  ];
  for (const call of calls) assertEquals(await refusal(String(call), call), "NOT_MOUNTED");
  assertEquals(await refusal("mount", () => node.mount("/hr")), "CLOSED");
});

test("bad input: a file that is no volume is refused and not changed", async () => {
  const storage = createMemoryStorage();
  const bytes = new TextEncoder().encode("my thesis, the only copy ".repeat(2000));
  await storage.createRegister("/hr/cohort.dat", bytes);
  const node = await openNode({}, { storage });
  assertEquals(await refusal("a text", () => node.mount("/hr", { create: true })), "NOT_A_VOLUME");
  assertEquals(await storage.readRegister("/hr/cohort.dat"), bytes);
  assertEquals(await storage.list("/hr"), ["cohort.dat"]);
  await node.close();
  await storage.close();
});

test("bad input: a volume that was cut is refused by its code, and not changed", async () => {
  const storage = createMemoryStorage();
  await using node = await openNode({}, { storage });
  await (await node.createDatabase("/db")).dismount();
  const whole = (await storage.readRegister("/db/cohort.dat"))!;
  for (const length of [100, 8191, 8192, 8193, 2 * 8192, 3 * 8192 + 1, 5 * 8192 - 1]) {
    const bytes = whole.slice(0, length);
    await storage.createRegister(`/${length}/cohort.dat`, bytes);
    const code = await refusal(`${length} bytes`, () => node.mount(`/${length}`));
    assertEquals([code, await storage.readRegister(`/${length}/cohort.dat`)], ["CORRUPT", bytes]);
  }
});

test("bad input: a file, a directory or a pipe in place of a volume is refused, not waited for", async () => {
  const folder = mkdtempSync(join(tmpdir(), "cohort-no-volume-"));
  try {
    writeFileSync(join(folder, "file"), "a text");
    mkdirSync(join(folder, "directory", "cohort.dat"), { recursive: true });
    mkdirSync(join(folder, "pipe"));
    execFileSync("mkfifo", [join(folder, "pipe", "cohort.dat")]);
    await using node = await openNode({ dir: join(folder, "node") });
    for (const name of ["file", "directory", "pipe"]) {
      const directory = join(folder, name);
      const calls = [
        () => node.mount(directory),
        () => node.mount(directory, { create: true }),
        () => node.deleteDatabase(directory),
      ];
      for (const call of calls) assertEquals(await refusal(name, call), "NOT_A_VOLUME", name);
    }
    // A claim that never answers must not be waited for either.
    await (await node.createDatabase(join(folder, "db"))).dismount();
    execFileSync("mkfifo", [join(folder, "db", "claim.9")]);
    assertEquals(await refusal("a claim", () => node.mount(join(folder, "db"))), "CORRUPT");
    assertEquals(readdirSync(folder).sort(), ["db", "directory", "file", "node", "pipe"]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
