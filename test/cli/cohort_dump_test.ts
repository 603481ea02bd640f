/** What `cohort` makes of a database whose process died: dumps that change nothing, then recovery. */
import { test } from "#test";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { cohort, damage, runScript, withFolder } from "./run_cohort.ts";

const CRASH = fileURLToPath(new URL("./crash_child.ts", import.meta.url));

test("cohort dump: journal, images and blocks of a database that was not closed; then it is recovered", () =>
  withFolder((folder) => {
    runScript(CRASH, [folder]);
    const before = readdirSync(folder, { recursive: true }).map(String).sort();
    const journal = cohort(["dump", folder, "journal"]);
    assertEquals([journal.code, journal.err], [0, ""]);
    for (
      const line of [
        /^journal .*[0-9a-f]{32}$/m,
        /^volume 0 is [0-9a-f]{32}, incarnation [0-9a-f]{32}: /m,
        /^group of stamp 2, to \d+$/m,
        /^ {2}block 3 of volume 0, stamp before 1$/m,
        /^ {4}put \^X = root 5, collation 1$/m,
        /^ {4}put \(2\) = 5n$/m,
        /^ {4}format as leaf, level 0, count \d+$/m,
        /^ {4}allocate 1 from place 5 of the extent on$/m,
        /^ {4}put \(3\) = 30,001 encoded bytes in blocks \d+-\d+$/m,
        /^ {4}truncate, new high key /m,
        /^ {4}remove from \(4,7\) to \(4,8\)$/m,
        /^ {4}put \(5\) = \{"a":1\}$/m,
        /^ {4}put \(6\) = "end"_\$C\(1,10\)$/m,
        /^\d+ groups, last stamp \d+, ceiling [\d,]+$/m,
        /not closed by its author$/m,
      ]
    ) assert(line.test(journal.out), line.source);
    const incarnation = before.find((name) => /^[0-9a-f]{32}$/.test(name))!;
    assertEquals(cohort(["dump", folder, "journal", join(folder, incarnation)]).out, journal.out);
    const images = cohort(["dump", folder, "images"]);
    assertEquals(images.code, 0);
    assertMatch(
      images.out,
      /: released\ncycle \d+ of incarnation [0-9a-f]{32}, \d+ images, \d+ of them sound\n/,
    );
    assertMatch(images.out, /^ {2}block 5 of volume [0-9a-f]{32}, stamp \d+, branch$/m);
    for (const [block, pattern] of BLOCKS) {
      const { code, out } = cohort(["dump", folder, "block", String(block)]);
      assertEquals(code, 0);
      assertMatch(out, pattern);
    }
    assertEquals(readdirSync(folder, { recursive: true }).map(String).sort(), before);
    const check = cohort(["check", folder]);
    assertEquals(check.code, 0);
    assertMatch(check.err, /was not closed cleanly: it is recovered first\n$/);
    assertMatch(check.out, /no problem\n$/);
    const lines = cohort(["export", folder, "--jsonl"]).out.split("\n").slice(2);
    assertEquals(lines.length, 2 + 299 + 2 + 1);
    assert(lines.includes('{"global":"X","subscripts":[5],"value":{"a":1}}'));
    const closed = cohort(["dump", folder, "journal"]);
    assertEquals(closed.code, 3);
    assertMatch(closed.err, /^cohort: NOT_FOUND: /);
  }));

const BLOCKS: readonly (readonly [number, RegExp])[] = [
  [0, /^block 0: sound[^]*kind +1 \(volume header\)[^]*blockSize +8192/],
  [2, /^block 2: sound[^]*kind +2 \(space map\)[^]*used, by place in the extent {2}0-\d+\n/],
  [3, /^block 3: sound[^]*tree +3 \(catalog\)[^]*from \(\) to no end\n {2}0 {2}\^X = root 5, collation 1\n/],
  [4, /^block 4: sound[^]*tree +4 \(free queue\)/],
  [
    5,
    /^block 5: sound[^]*kind +4 \(branch\)[^]* 0 {2}\(\) -> block \d+\n {2}1 {2}\(4,\d+\.\.\. -> block \d+\n/,
  ],
  [6, /^block 6: sound[^]*kind +5 \(value\)[^]*payload begins 014c4c4c/],
  [40, /^block 40 is blank|^block 40: /],
];

test("cohort dump: wrong arguments, a block beyond the end, damaged headers", () =>
  withFolder((folder) => {
    assertEquals(cohort(["repl", folder, "--create"], 'set ^X(1)="x"\n').code, 0);
    for (const args of [[], ["wat"], ["block"], ["block", "-1"], ["block", "x"], ["block", "1", "2"]]) {
      assertEquals(cohort(["dump", folder, ...args]).code, 2, args.join(" "));
    }
    assertEquals(cohort(["dump", folder, "block", "1", "--block-size", "512"]).code, 2);
    const beyond = cohort(["dump", folder, "block", "4000000"]);
    assertEquals(beyond.code, 3);
    assertMatch(beyond.err, /it ends before block 4000000/);
    for (const slot of [0, 1]) damage(join(folder, "cohort.dat"), slot * 8192 + 200);
    const damaged = cohort(["dump", folder, "block", "5"]);
    assertEquals(damaged.code, 3);
    assertMatch(damaged.err, /^cohort: CORRUPT: .*--block-size/);
    const { code, out } = cohort(["dump", folder, "block", "5", "--block-size", "8192"]);
    assertEquals(code, 0);
    assertMatch(out, /^block 5: sound[^]* \(1\) = "x"\n$/);
    assertEquals(cohort(["check", folder]).code, 3);
  }));
