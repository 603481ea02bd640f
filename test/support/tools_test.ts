/** The test tools themselves: what they count and record decides what everyone believes. */
import { test } from "#test";
import { assertEquals, assertRejects } from "@std/assert";
import { withDeadline } from "./deadline.ts";
import { countReport, failuresIn, mergeRows, parseResults, shortcomings } from "./reports.mjs";

test("countReport() counts what passed and failed, and neither what was skipped", () => {
  const xml = `<testsuites tests="5"><testsuite name="a">
    <testcase name="a" time="1"/><testcase name="b &gt; c"></testcase>
    <testcase name="d"><failure message="x">y</failure></testcase>
    <testcase name="e"><error/></testcase><testcase name="f"><skipped/></testcase>
  </testsuite></testsuites>`;
  assertEquals(countReport(xml), { passed: 2, failed: 2 });
  assertEquals(countReport(""), { passed: 0, failed: 0 });
});

test("failuresIn() says what failed again, and nothing of what passed", () => {
  const bun = failuresIn("bun");
  for (
    const line of ["(pass) a", "error: 1 is not 2", "  at b.ts:3", "\x1b[31m(fail)\x1b[0m b", "(pass) c"]
  ) {
    bun.hear(line);
  }
  assertEquals(bun.told(), ["error: 1 is not 2", "  at b.ts:3"].concat("(fail) b"));
  const deno = failuresIn("deno");
  for (const line of ["a ... ok", "b ... FAILED", "\x1b[37m ERRORS \x1b[0m", "b => b.ts:3", "| 1 failed"]) {
    deno.hear(line);
  }
  assertEquals(deno.told(), [" ERRORS ", "b => b.ts:3", "| 1 failed"]);
});

test("withDeadline() rejects a body that hangs and leaves others alone", async () => {
  await withDeadline(() => {}, 10);
  await withDeadline(() => Promise.resolve(), 1_000);
  await assertRejects(() => withDeadline(() => new Promise(() => {}), 10), Error, "longer than 10 ms");
  await assertRejects(() => withDeadline(() => Promise.reject(new TypeError("x")), 1_000), TypeError, "x");
});

test("shortcomings() names exit codes, results that are not ok and runtimes without one", () => {
  const line = '@@{"runtime":"bun","result":"5 of 5","control":"planted: found","ok":true}';
  const good = parseResults(line, "node");
  assertEquals(good, [{ runtime: "bun", result: "5 of 5", control: "planted: found", ok: true }]);
  assertEquals(shortcomings(good, [{ runtime: "bun", code: 0 }], ["bun"]), []);
  assertEquals(shortcomings(good, [{ runtime: "bun", code: 1 }], ["bun"]).length, 1);
  assertEquals(shortcomings(good, [], ["bun", "deno"]), ["deno gave no result"]);
  const bad = parseResults("@@{", "deno");
  assertEquals([bad[0]?.ok, shortcomings(bad, [], ["deno"]).length], [false, 1]);
  assertEquals(parseResults('@@{"result":"a","control":"b"}', "deno")[0]?.ok, false);
});

test("mergeRows() replaces the rows of one id and runtime and keeps the rest", () => {
  const row = (id: string, runtime: string, result: string) => [id, "c", "0", runtime, result, "k"];
  const first = mergeRows("", "1.b", ["deno", "bun"], [row("1.b", "deno", "x\ty"), row("1.b", "bun", "1")]);
  const second = mergeRows(first, "1.a", ["bun"], [row("1.a", "bun", "2")]);
  const third = mergeRows(second, "1.b", ["bun"], [row("1.b", "bun", "3"), row("1.b", "bun", "4")]);
  assertEquals(third.split("\n").map((line) => line.split("\t")), [
    ["id", "command", "commit", "runtime", "result", "control"],
    row("1.a", "bun", "2"),
    row("1.b", "bun", "3"),
    row("1.b", "bun", "4"),
    row("1.b", "deno", "x y"),
    [""],
  ]);
});
