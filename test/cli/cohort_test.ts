/** The program as a user runs it: arguments, files, exit codes. */
import { test } from "#test";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { Buffer } from "node:buffer";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { openNode, type Value } from "@cohort/db";
import { cohort, cohortOnFullDisk, damage, interrupted, withFolder } from "./run_cohort.ts";

const HEAD = "label\n22-NOV-2026  10:36:41 ZWR\n";

test("cohort: help, version and wrong usage", () => {
  const help = cohort(["help"]);
  assertEquals([help.code, help.err], [0, ""]);
  for (const name of ["import", "export", "check", "dump", "size", "repl", "pij"]) {
    assertMatch(help.out, new RegExp(`^  ${name} `, "m"));
  }
  const more = cohort(["export", "--help"]);
  assertEquals(more.code, 0);
  assertMatch(more.out, /^usage: cohort export DB[^]*--charset/);
  assertEquals(cohort(["--version"]).out, "0.1.0\n");
  for (
    const args of [
      [],
      ["wat"],
      ["check"],
      ["check", ""],
      ["check", "a", "b"],
      ["check", "--wat", "a"],
      ["export", "a", "--format", "xml"],
      ["export", "a", "--global", "1x"],
      ["dump", "a", "block"],
      ["repl", "a", "--create", "--read-only"],
      ["pij", "adopt"],
      ["pij", "wat", "a"],
    ]
  ) {
    const { code, out, err } = cohort(args);
    assertEquals([code, out], [2, ""], args.join(" "));
    assertMatch(err, /^cohort: .+\nusage: cohort /);
  }
});

test("cohort import and export: files of every format, packed and not, standard input and output", () =>
  withFolder((folder) => {
    const db = join(folder, "db");
    const records = '^a(1)="x"\n^a("b")="\u00e4\u20ac"\n';
    const first = cohort(["import", db], `label UTF-8\nx ZWR\n${records}`);
    assertEquals([first.code, first.err], [0, ""]);
    assertMatch(first.out, /^2 records, \d+ bytes \(ZWR, charset UTF-8\) in \d+\.\d s\n$/);
    const file = join(folder, "more.zwr.gz");
    writeFileSync(file, gzipSync(Buffer.from(`${HEAD}^c(1)="\xe4"\n`, "latin1")));
    const second = cohort(["import", db, file, "--json"]);
    assertEquals(second.code, 0);
    const { format, charset, records: count, bad } = JSON.parse(second.out);
    assertEquals([format, charset, count, bad], ["zwr", "M", 1, []]);
    const whole = cohort(["export", db]);
    assertEquals(whole.code, 0);
    assertMatch(whole.out, /^Cohort EXTRACT UTF-8\n\d\d-[A-Z]{3}-\d{4} {2}\d\d:\d\d:\d\d ZWR\n/);
    assertEquals(whole.out.split("\n").slice(2), [...records.split("\n").slice(0, 2), '^c(1)="\u00e4"', ""]);
    const m = cohort(["export", db, "-", "--charset", "m", "--global", "^c"]);
    assertEquals(m.bytes.toString("latin1").split("\n").slice(2), ['^c(1)="\xe4"', ""]);
    for (const name of ["out.zwr", "out.go.gz", "out.jsonl"]) {
      const path = join(folder, name);
      assertEquals(cohort(["export", db, path]).code, 0);
      const bytes = name.endsWith(".gz") ? gunzipSync(readFileSync(path)) : readFileSync(path);
      const again = join(folder, `${name}.db`);
      assertEquals(cohort(["import", again], bytes).code, 0);
      assertEquals(cohort(["export", again]).out.split("\n").slice(2), whole.out.split("\n").slice(2));
    }
    assertEquals(readdirSync(folder).filter((name) => name.includes("partial")), []);
    assertEquals(readdirSync(db).filter((name) => !/^(cohort\.dat|claim\.\d+)$/.test(name)), []);
  }));

test("cohort import: bad records are told by line, the exit code says so", () =>
  withFolder((folder) => {
    const db = join(folder, "db");
    const text = `${HEAD}^a(1)="x"\njunk\n^a("")="e"\n` + "bad\n".repeat(30) + '^a(2)="y"\n';
    const { code, out, err } = cohort(["import", db], text);
    assertEquals(code, 1);
    assertMatch(out, /^2 records, 32 bad, /);
    const lines = err.trimEnd().split("\n");
    assertMatch(lines[0]!, /^line 4: .*found "junk"/);
    assertMatch(lines[1]!, /^line 5: /);
    assertEquals([lines.length, lines.at(-1)], [21, "and 12 more bad records"]);
    assertEquals(cohort(["export", db]).out.split("\n").slice(2), ['^a(1)="x"', '^a(2)="y"', ""]);
    const none = cohort(["import", db], "no\nheader\nhere\n");
    assertEquals(none.code, 3);
    assertMatch(none.err, /^cohort: SYNTAX: /);
    assertEquals(cohort(["import", db, join(folder, "missing")]).code, 3);
  }));

test("cohort export: what M has no form of ends it or is a JSON line; a file is whole or not there", () =>
  withFolder(async (folder) => {
    const db = join(folder, "db");
    {
      await using node = await openNode({ dir: db });
      const global = (await node.mount(db, { create: true, blockSize: 8192 })).global<Value>("X");
      await global.set([1], "text");
      await global.set([2], { a: [1n] });
    }
    const path = join(folder, "out.zwr");
    const refused = cohort(["export", db, path]);
    assertEquals([refused.code, existsSync(path)], [3, false]);
    assertMatch(refused.err, /^cohort: NO_M_FORM: .*line 4: \^X\(2\) holds an object/);
    assertEquals(cohort(["export", db, "--refuse", "--jsonl"]).code, 2);
    assertEquals(cohort(["export", db, path, "--jsonl"]).code, 0);
    const lines = readFileSync(path, "utf8").split("\n").slice(2);
    assertEquals(lines, [
      '^X(1)="text"',
      '{"global":"X","subscripts":[2],"value":{"a":[{"$bigint":"1"}]}}',
      "",
    ]);
    assertEquals(readdirSync(folder).sort(), ["db", "out.zwr"]);
  }));

test("cohort: files that cannot be read or written are told with code and path", () =>
  withFolder((folder) => {
    const db = join(folder, "db");
    assertEquals(cohort(["import", db], `${HEAD}^a(1)="x"\n`).code, 0);
    const packed = join(folder, "bad.zwr.gz");
    writeFileSync(packed, Buffer.from([0x1f, 0x8b, 1, 2, 3]));
    const cases: Array<[string[], RegExp]> = [
      [["import", db, folder], /^cohort: IO: read failed with EISDIR: \//],
      [["import", db, join(folder, "none")], /^cohort: NOT_FOUND: .*\/none/],
      [["import", db, packed], /^cohort: CORRUPT: Could not unpack .*bad\.zwr\.gz: /],
      [["import", packed, db], /^cohort: NOT_A_VOLUME: .*bad\.zwr\.gz/],
      [["export", db, folder], /^cohort: IO: write failed with EISDIR: \//],
      [["export", db, join(folder, "no", "out")], /^cohort: NOT_FOUND: write failed with ENOENT: \//],
    ];
    for (const [args, told] of cases) {
      const { code, err } = cohort(args);
      assertEquals(code, 3, args.join(" "));
      assertMatch(err, told);
    }
    const full = cohortOnFullDisk(["export", db], "out");
    assertEquals(full.code, 3);
    assertMatch(full.err, /^cohort: FULL: write failed with ENOSPC: standard output/);
    assertEquals(cohortOnFullDisk(["check", db], "err").code, 0);
    assertEquals(cohortOnFullDisk(["wat"], "err").code, 2);
  }));

test("cohort: a database that is missing, no volume, of larger blocks, or in use", () =>
  withFolder(async (folder) => {
    const missing = cohort(["check", join(folder, "none")]);
    assertEquals([missing.code, readdirSync(folder)], [3, []]);
    assertMatch(missing.err, /^cohort: NOT_FOUND: /);
    writeFileSync(join(folder, "cohort.dat"), "x".repeat(20_000));
    for (const args of [["check", folder], ["dump", folder, "block", "0"]]) {
      const { code, err } = cohort(args);
      assertEquals(code, 3);
      assertMatch(err, /^cohort: NOT_A_VOLUME: /);
    }
    const db = join(folder, "db");
    await using node = await openNode({ dir: db, blockSize: 16384 });
    const mounted = await node.mount(db, { create: true });
    await mounted.global("X").set([1], "x");
    const used = cohort(["export", db]);
    assertEquals([used.code, used.out], [3, ""]);
    assertMatch(used.err, /^cohort: IN_USE: /);
    await mounted.dismount();
    assertEquals(cohort(["export", db]).out.split("\n").slice(2), ['^X(1)="x"', ""]);
    assertMatch(cohort(["dump", db, "block", "3"]).out, /^block 3: sound[^]* \^X = root 5, collation 1\n$/);
  }));

test("cohort import and repl: a signal ends them as any other end, also while they wait", () =>
  withFolder(async (folder) => {
    const db = join(folder, "db");
    const isMounted = (): boolean =>
      existsSync(db) && readdirSync(db).some((name) => name.startsWith("lease."));
    const isLeft = (): boolean => readdirSync(db).some((name) => !/^(cohort\.dat|claim\.\d+)$/.test(name));
    assertEquals(await interrupted(["import", db], `${HEAD}^a(1)="x"\n`, isMounted, "SIGINT"), 130);
    assertEquals(isLeft(), false);
    assertEquals(await interrupted(["repl", db], 'set ^a(2)="y"\n', isMounted, "SIGTERM"), 130);
    assertEquals(isLeft(), false);
    assertEquals(cohort(["check", db]).err, "");
  }));

test("cohort check: no problem, then a damaged block", () =>
  withFolder((folder) => {
    const db = join(folder, "db");
    const text = HEAD + Array.from({ length: 3_000 }, (_, i) => `^a(${i})="some text ${i}"\n`).join("");
    assertEquals(cohort(["import", db], text).code, 0);
    const sound = cohort(["check", db]);
    assertEquals([sound.code, sound.err], [0, ""]);
    assertMatch(sound.out, /^globals 1, entries 3,000, leaves \d+, [^]*\nno problem\n$/);
    damage(join(db, "cohort.dat"), 8192 * 6 + 5_000);
    const damaged = cohort(["check", db]);
    assertEquals(damaged.code, 1);
    assertMatch(damaged.out, /^block 6: .*checksum/m);
    const { problems } = JSON.parse(cohort(["check", db, "--json"]).out);
    assert(problems.some((it: { block: number }) => it.block === 6));
    assertMatch(cohort(["dump", db, "block", "6"]).out, /^block 6: DAMAGED: .*checksum[^]*kind +3 \(leaf\)/);
  }));

test("cohort size: nodes, blocks and bytes", () =>
  withFolder((folder) => {
    const db = join(folder, "db");
    const text = `${HEAD}^a="root"\n^a(1)="x"\n^b(1)="${"y".repeat(20_000)}"\n`;
    assertEquals(cohort(["import", db], text).code, 0);
    const { code, out } = cohort(["size", db]);
    assertEquals(code, 0);
    assertMatch(
      out,
      /^global +nodes +blocks +bytes +in use\n\^a +2 +1 +8,192 +1 %\n\^b +1 +4 +32,768 +6\d %\n/,
    );
    const { blockSize, globals } = JSON.parse(cohort(["size", db, "--json"]).out);
    assertEquals([blockSize, globals.length, globals[1].valueBlocks], [8192, 2, 3]);
  }));
