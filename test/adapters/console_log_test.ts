import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { renameSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pid } from "node:process";
import { test } from "#test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { type ConsoleLog, createConsoleLog } from "../../adapters/console_log.ts";
import { run } from "../support/process.mjs";
import { scriptCommand } from "../support/runtimes.mjs";
import { observerSuite } from "../../src/testing/port_suites.ts";

/** Runs a test with a path for a log in a directory of its own. */
async function withPath(run: (path: string) => Promise<void>): Promise<void> {
  const home = mkdtempSync(join(tmpdir(), "cohort-console-"));
  try {
    await run(join(home, "deep", "cconsole.log"));
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

function linesOf(path: string): string[] {
  const text = readFileSync(path, "utf8");
  assert(text.endsWith("\n"), "the last line is whole");
  return text.slice(0, -1).split("\n");
}

/** Writes lines in turns of their own, by a log that is closed after each. */
async function writeEach(path: string, texts: readonly string[], kept = 2): Promise<void> {
  for (const text of texts) {
    const log = createConsoleLog({ path, bytesMax: 4096, kept });
    log.event("some.thing", "info", { text });
    await log.close();
  }
}

/** Lines of some 100 characters that say their number. */
function numbered(count: number): string[] {
  return Array.from({ length: count }, (_, n) => `${n} ${"x".repeat(100)}`);
}

/** The suite of observers over logs at a path, each closed at the end of its test. */
function consoleSuite(name: string, path: string): void {
  const logs: ConsoleLog[] = [];
  observerSuite({
    name,
    test: (title, body) =>
      test(title, async () => {
        await body();
        await Promise.all(logs.map((log) => log.close()));
      }),
    make: () => {
      const log = createConsoleLog({ path });
      logs.push(log);
      return log;
    },
  });
}

const suiteHome = mkdtempSync(join(tmpdir(), "cohort-console-"));
consoleSuite("console log", join(suiteHome, "suite.log"));
consoleSuite("console log without a directory", "/proc/none/cconsole.log");

test("console log: what the suite told is in the file, each event a line", () => {
  const lines = linesOf(join(suiteHome, "suite.log"));
  const quoted = 'info a "b"\\u000a\\u2028\\u0000';
  assertEquals(lines.filter((line) => line.includes(quoted)).length, 1, lines.join("\n"));
  assertEquals(lines.every((line) => /^\d{4}-[-\d:.T]+Z \(\d+\) (info|warn|error) /.test(line)), true);
  rmSync(suiteHome, { recursive: true });
});

test("console log: lines of one process, the table as it stands, all of it passed on", () =>
  withPath(async (path) => {
    const told: string[] = [];
    const beside = {
      traits: { version: 1 } as const,
      event: (name: string) => void told.push(name),
      measure: (name: string) => void told.push(name),
    };
    const log = createConsoleLog({ path, beside });
    assertEquals(existsSync(path), false, "nothing is opened before the first line");
    log.event("startup.mount", "info", { text: "Directory  Mode" });
    log.event("journal.frozen", "error", { path: "/a b" });
    log.event("quiet", "debug", {});
    log.measure("ms", 1);
    await log.close();
    log.event("late", "error", {});
    await log.close();
    assertEquals(told, ["startup.mount", "journal.frozen", "quiet", "ms", "late"]);
    const found = linesOf(path).map((line) => line.replace(/^\S+Z /, ""));
    assertEquals(found, [`(${pid}) info Directory  Mode`, `(${pid}) error journal.frozen path="/a b"`]);
  }));

test("console log: a large file is rotated, the newest lines stay, in order", () =>
  withPath(async (path) => {
    await writeEach(path, numbered(150));
    const home = join(path, "..");
    assertEquals(readdirSync(home).sort(), ["cconsole.log", "cconsole.log.1", "cconsole.log.2"]);
    for (const name of readdirSync(home)) assert(statSync(join(home, name)).size < 4096 + 200, name);
    const all = [`${path}.2`, `${path}.1`, path].flatMap(linesOf);
    const numbers = all.map((line) => Number(line.split(" ")[3]));
    assertEquals(numbers, Array.from({ length: numbers.length }, (_, n) => 150 - numbers.length + n));
    assert(numbers.length > 55, `${numbers.length} lines are kept`);
  }));

test("console log: processes of two runtimes that write and rotate one file lose nothing", () =>
  withPath(async (path) => {
    const script = new URL("./console_log_writer.mjs", import.meta.url).pathname;
    const writers = ["deno", "bun", "deno", "bun"].map((runtime, n) => ({ runtime, name: `w${n}` }));
    const ends = writers.map(({ runtime, name }) => run(scriptCommand(runtime, script, [path, name])));
    assertEquals(await Promise.all(ends), [0, 0, 0, 0]);
    const home = join(path, "..");
    assertEquals(existsSync(`${path}.lock`), false);
    const lines = readdirSync(home).flatMap((name) => linesOf(join(home, name)));
    const texts = lines.map((line) => line.split(" ").slice(3, 5).join(" ")).sort();
    const wanted = writers.flatMap(({ name }) => Array.from({ length: 2000 }, (_, n) => `${name} ${n}`));
    const lost = new Set(wanted).difference(new Set(texts));
    assertEquals([texts.length, [...lost]], [wanted.length, []]);
    assert(readdirSync(home).length > 10, "it was rotated");
  }));

test("console log: what cannot be written is dropped, and counted once it can", () =>
  withPath(async (path) => {
    const parent = join(path, "..");
    writeFileSync(parent, "a file where the directory should be");
    const log = createConsoleLog({ path });
    log.event("one", "info", {});
    log.event("two", "info", {});
    await new Promise((resolve) => setTimeout(resolve, 50));
    rmSync(parent);
    log.event("three", "info", {});
    await log.close();
    const found = linesOf(path).map((line) => line.replace(/^\S+Z \(\d+\) /, ""));
    assertEquals(found, ["warn 2 lines were lost", "info three"]);
  }));

test("console log: more in one turn than may wait is counted, too", () =>
  withPath(async (path) => {
    const log = createConsoleLog({ path });
    for (let n = 0; n < 100; n++) log.event("long", "info", { text: "y".repeat(10_000) });
    await new Promise((resolve) => setTimeout(resolve, 50));
    log.event("after", "info", {});
    await log.close();
    const lines = linesOf(path);
    const lost = lines.map((line) => Number(/warn (\d+) lines were lost$/.exec(line)?.[1] ?? 0));
    const long = lines.filter((line) => line.endsWith("yyy"));
    assertEquals(lost.reduce((sum, count) => sum + count, long.length), 100);
    assertEquals([long[0]!.length, lines.at(-1)!.endsWith("info after")], [8192, true]);
  }));

test("console log: one that cannot be rotated stops at twice its size", () =>
  withPath(async (path) => {
    mkdirSync(`${path}.1/full`, { recursive: true });
    mkdirSync(`${path}.2/full`, { recursive: true });
    await writeEach(path, numbered(150));
    const { size } = statSync(path);
    assert(size >= 2 * 4096 && size < 2 * 4096 + 200, `${size} bytes`);
    rmSync(`${path}.1`, { recursive: true });
    rmSync(`${path}.2`, { recursive: true });
    await writeEach(path, ["again"]);
    assertEquals([linesOf(path).length, statSync(`${path}.1`).size], [1, size]);
  }));

test("console log: a lock is respected, that of a dead process for ten seconds", () =>
  withPath(async (path) => {
    do await writeEach(path, numbered(1)); while (statSync(path).size < 4096);
    writeFileSync(`${path}.lock`, "");
    await writeEach(path, ["beside a lock"]);
    assertEquals(existsSync(`${path}.1`), false, "not rotated");
    const then = Date.now() / 1000 - 11;
    utimesSync(`${path}.lock`, then, then);
    await writeEach(path, ["takes it away", "rotates"]);
    assertEquals([linesOf(path).length, existsSync(`${path}.lock`)], [1, false]);
  }));

test("console log: a file that somebody renamed or removed is made anew", () =>
  withPath(async (path) => {
    const log = createConsoleLog({ path });
    for (const name of ["one", "two", "three"]) {
      log.event(name, "info", {});
      await new Promise((resolve) => setTimeout(resolve, 50));
      assertEquals(linesOf(path).map((line) => line.split(" ").at(-1)), [name]);
      if (name === "one") renameSync(path, `${path}.old`);
      else rmSync(path);
    }
    await log.close();
  }));

test("console log: wrong options are told", () => {
  assertThrows(() => createConsoleLog({ path: "" }), TypeError, "path");
  assertThrows(() => createConsoleLog({ path: "a\0" }), TypeError, "path");
  assertThrows(() => createConsoleLog({ path: "a", bytesMax: 4095 }), RangeError, "bytesMax");
  assertThrows(() => createConsoleLog({ path: "a", kept: 0 }), RangeError, "kept");
  assertThrows(() => createConsoleLog({ path: "a", keep: 1 } as never), TypeError, "keep");
  assertThrows(() => createConsoleLog({ path: "a", severity: "loud" as never }), RangeError, "loud");
});
