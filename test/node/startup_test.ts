import { test } from "#test";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { CohortError, isCode, type NodeOptions, openNode, type StartupDatabase } from "@cohort/db";
import { createLineObserver } from "../../adapters/observer_lines.ts";
import { createMemoryStorage } from "../../adapters/storage_memory.ts";
import { modeWord } from "../../src/node/startup.ts";
import type { Storage } from "../../src/ports/mod.ts";
import { withFaults } from "../../src/testing/mod.ts";

/** Lines of the terminal, without the time. */
function terminal(): { lines: string[]; observer: ReturnType<typeof createLineObserver> } {
  const lines: string[] = [];
  return { lines, observer: createLineObserver({ write: (line) => lines.push(line.replace(/^\S+ /, "")) }) };
}

/** Makes databases that nobody has mounted. */
async function make(storage: Storage, directories: readonly string[]): Promise<void> {
  await using node = await openNode({ dir: "/maker" }, { storage });
  for (const directory of directories) await node.createDatabase(directory);
}

/** Asserts that another node can mount databases: nobody holds them. */
async function assertFree(storage: Storage, directories: readonly string[]): Promise<void> {
  await using node = await openNode({ dir: "/finder" }, { storage });
  for (const directory of directories) await node.mount(directory);
}

test("start-up: the table of the model, those that must be mounted first", async () => {
  const { lines, observer } = terminal();
  const storage = createMemoryStorage();
  const options: NodeOptions = {
    dir: "/nodes",
    devices: { "VMS1$DKA0": "/vms1", "VMS2$DKA0": "/vms2" },
    databases: [
      { directory: "VMS2$DKA0:[DIR2]", create: true },
      { directory: "VMS1$DKA0:[SYSM.V6D1-9206A]", create: true, mustMount: true },
      { directory: "/plain", create: "new" },
      { directory: "vms1$dka0:[must.second]", create: true, mustMount: true },
    ],
  };
  const node = await openNode(options, { storage, observer });
  assertEquals(lines, [
    "info Directory                    Mode",
    "info VMS1$DKA0:[SYSM.V6D1-9206A]  Pvt",
    "info VMS1$DKA0:[MUST.SECOND]      Pvt",
    "info VMS2$DKA0:[DIR2]             Pvt",
    "info /plain                       Pvt",
  ]);
  const inOrder = ["/vms1/SYSM/V6D1-9206A", "/vms1/MUST/SECOND", "/vms2/DIR2", "/plain"];
  assertEquals(node.status.databases, inOrder);
  const database = await node.mount("VMS2$DKA0:[DIR2]");
  await database.global<number>("A").set([1], 1);
  await node.close();
  await assertFree(storage, inOrder);
});

test("start-up: modes are shown in the model's words", () => {
  const modes = [["private", false], ["clustered", false], ["private", true], ["clustered", true]] as const;
  const words = modes.map(([mode, readOnly]) => modeWord(mode, readOnly));
  assertEquals(words, ["Pvt", "Clu", "Pvt, read-only", "Clu, read-only"]);
});

test("start-up: without databases nothing is told, nor made", async () => {
  const { lines, observer } = terminal();
  const storage = createMemoryStorage();
  for (const options of [{}, { databases: [] }]) {
    await using _node = await openNode({ dir: "/nodes", ...options }, { storage, observer });
  }
  assertEquals([lines, await storage.list("/nodes")], [[], []]);
});

test("start-up: one that must be mounted ends it, with its cause, and gives all back", async () => {
  const { lines, observer } = terminal();
  const storage = createMemoryStorage();
  await make(storage, ["/a", "/b", "/c"]);
  const databases: StartupDatabase[] = [
    { directory: "/c" },
    { directory: "/a", mustMount: true },
    { directory: "/none", mustMount: true },
    { directory: "/b", mustMount: true },
  ];
  let closed = 0;
  const counted = withFaults(storage, () => undefined);
  counted.close = () => void closed++;
  const opening = openNode({ dir: "/nodes", databases }, { storage: counted, observer });
  const error = await assertRejects(() => opening, CohortError, "/none");
  assertEquals(error.code, "NOT_FOUND");
  assertEquals(lines.slice(0, 2), ["info Directory  Mode", "info /a         Pvt"]);
  assertEquals(lines.length, 3, "nothing is mounted behind it");
  const told = "error startup.stopped directory=/none mode=private code=NOT_FOUND cause=";
  assertEquals([lines[2]!.slice(0, told.length), lines[2]!.includes(error.message)], [told, true]);
  assertEquals(await storage.list("/nodes"), [], "no journal is left");
  assertEquals(closed, 0, "who brings a storage closes it");
  await assertFree(storage, ["/a", "/b", "/c"]);
});

test("start-up: another that fails is told, and the rest goes on", async () => {
  const { lines, observer } = terminal();
  const storage = createMemoryStorage();
  await make(storage, ["/a", "/b", "/held"]);
  await using holder = await openNode({ dir: "/holder" }, { storage });
  await holder.mount("/held");
  const databases: StartupDatabase[] = [
    { directory: "/held" },
    { directory: "/none" },
    { directory: "DKB1:[HR]" },
    { directory: "/a", readOnly: true },
    { directory: "/b", mustMount: true, timeoutMs: 10_000 },
  ];
  await using node = await openNode({ dir: "/nodes", databases }, { storage, observer });
  assertEquals(node.status.databases, ["/b", "/a"]);
  const told = lines.map((line) => line.replace(/ (cause|mode)=.*/, ""));
  assertEquals(told, [
    "info Directory  Mode",
    "info /b         Pvt",
    "warn startup.failed directory=/held",
    "warn startup.failed directory=/none",
    "warn startup.failed directory=DKB1:[HR]",
    "info /a         Pvt, read-only",
  ]);
  const codes = lines.map((line) => / code=(\S+)/.exec(line)?.[1]).filter((code) => code !== undefined);
  assertEquals(codes, ["IN_USE", "NOT_FOUND", "NOT_FOUND"]);
});

test("start-up: an observer that throws is in nobody's way", async () => {
  const observer = {
    traits: { version: 1 } as const,
    event: () => {
      throw new Error("a bug in a log");
    },
    measure: () => {},
  };
  const databases = [{ directory: "/a", create: true, mustMount: true }, { directory: "/none" }];
  await using node = await openNode({ dir: "/nodes", databases }, {
    storage: createMemoryStorage(),
    observer,
  });
  assertEquals(node.status.databases, ["/a"]);
});

/** Starts a node with /a and /b, the call of this number below /b struck; answers how many there were. */
async function startStruck(strikeAt: number, mustMount: boolean): Promise<number> {
  const disk = createMemoryStorage();
  await make(disk, ["/a", "/b"]);
  let calls = 0;
  const storage = withFaults(disk, ({ path }) => {
    if (!path.startsWith("/b") || ++calls !== strikeAt) return undefined;
    return { kind: "error", code: "IO", errno: "EIO" };
  });
  const databases = [{ directory: "/a", mustMount: true }, { directory: "/b", mustMount }];
  const opening = openNode({ dir: "/nodes", databases }, { storage });
  const node = await opening.catch((error) => {
    assert(mustMount && isCode(error, "IO"), `call ${strikeAt}: ${error}`);
  });
  const during = calls;
  if (node !== undefined) {
    const found = node.status.databases;
    assertEquals(found[0], "/a", `call ${strikeAt}: ${found}`);
    await (await node.mount("/a")).global<number>("A").set([1], strikeAt);
    await node.close().catch((error) => assert(isCode(error, "IO"), `call ${strikeAt}: ${error}`));
  }
  await assertFree(disk, ["/a"]);
  return during;
}

for (const mustMount of [true, false]) {
  const which = mustMount ? "that must be mounted" : "of the rest";
  test(`start-up: an I/O error at any call for a database ${which} leaves the others whole`, async () => {
    const calls = await startStruck(0, mustMount);
    assert(calls > 10, `${calls} calls`);
    for (let at = 1; at <= calls; at++) await startStruck(at, mustMount);
  });
}

test("start-up: wrong options are told by their place, before anything is made", async () => {
  const storage = createMemoryStorage();
  const wrong: [databases: unknown, kind: typeof TypeError | typeof RangeError, message: string][] = [
    [{}, TypeError, "databases"],
    [[{ directory: "/a" }, "/b"], TypeError, "databases[1]"],
    [[null], TypeError, "databases[0]"],
    [[{}], TypeError, "databases[0]: directory"],
    [[{ directory: "" }], TypeError, "databases[0]: directory"],
    [[{ directory: "/a", mustMont: true }], TypeError, "mustMont"],
    [[{ directory: "/a", mustMount: 1 }], TypeError, "mustMount"],
    [[{ directory: "/a", mode: "shared" }], RangeError, "databases[0]: mode"],
    [[{ directory: "/a", readOnly: true, create: true }], TypeError, "databases[0]: "],
  ];
  for (const [databases, kind, message] of wrong) {
    const options = { dir: "/nodes", databases } as NodeOptions;
    await assertRejects(() => openNode(options, { storage }), kind, message);
  }
  await assertRejects(() => openNode({ consoleLog: 1 } as never), TypeError, "consoleLog");
  assertEquals(await storage.list("/nodes"), []);
});
