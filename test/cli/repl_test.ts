/** `cohort repl`: every verb in one process, then the program itself. */
import { test } from "#test";
import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { CohortError, openNode } from "@cohort/db";
import { ReplSession } from "../../src/cli/repl_session.ts";
import { cohort, withFolder } from "./run_cohort.ts";

/** Lines typed, and what is printed. */
const SESSION: readonly (readonly [line: string, ...printed: string[]])[] = [
  [""],
  ['set ^X(1,"a")="v""w"'],
  ["s ^X(2)=5"],
  ['SET ^X(3)={"a":[1,null,{"$bigint":"9"}]}'],
  ["set ^X(-.5)=-.5"],
  ["set ^X(4)=12n"],
  ['set ^X(5)="a"_$C(10,13)_"b"'],
  ["set ^X(6)=true"],
  ["set ^X(7)=123456789012345678"],
  ["set ^X(8)=-0"],
  ["set ^X = 1E3"],
  ['get ^X(1,"a")', '"v""w"'],
  ["g ^X(2)", "5"],
  ["get ^X(3)", '{"a":[1,null,{"$bigint":"9"}]}'],
  ["get ^X(4)", "12n"],
  ["get ^X(5)", '"a"_$C(10,13)_"b"'],
  ["get ^X(6)", "true"],
  ["get ^X(7)", "123456789012345678n"],
  ["get ^X(8)", "-0"],
  ["get ^X", "1000"],
  ["get ^X(9)", "undefined"],
  ['order ^X("")', "-.5"],
  ['order ^X("") -1', "8"],
  ["o ^X(2) 1", "3"],
  ['order ^X(1,"")', '"a"'],
  ["order ^X(8)", '""'],
  ["query ^X", "^X(-.5)"],
  ["query ^X(-.5)", '^X(1,"a")'],
  ['query ^X("") -1', "^X(8)"],
  ["query ^X(8)", '""'],
  ["data ^X(1)", "10"],
  ["data ^X", "11"],
  ["data ^Y", "0"],
  ["increment ^X(2)", "6"],
  ["increment ^X(2) -.5", "5.5"],
  ["increment ^X(4) 1n", "13n"],
  ["zkill ^X(2)"],
  ["kill ^X(1)"],
  ["kill ^X(3)"],
  ["entries ^X(5)", '^X(5)="a"_$C(10,13)_"b"'],
  [
    "entries ^X",
    "^X=1000",
    "^X(-.5)=-0.5",
    "^X(4)=13n",
    '^X(5)="a"_$C(10,13)_"b"',
    "^X(6)=true",
    "^X(7)=123456789012345678n",
    "^X(8)=-0",
  ],
  ['set ^%y="z"'],
  ["globals", "^%y", "^X"],
];

test("ReplSession: every verb", async () => {
  await using node = await openNode();
  const session = new ReplSession(await node.mount("/db", { create: true }));
  for (const [line, ...printed] of SESSION) assertEquals(await session.run(line), printed, line);
  const history = (await session.run("history"))!;
  assertEquals(history[0], '   1  set ^X(1,"a")="v""w"');
  assertEquals(history.length, SESSION.length);
  assertMatch((await session.run("help"))!.join("\n"), /increment/);
  for (const line of ["quit", "exit", " HALT "]) assertEquals(await session.run(line), undefined);
});

test("ReplSession: what cannot be understood is SYNTAX and changes nothing", async () => {
  await using node = await openNode();
  const session = new ReplSession(await node.mount("/db", { create: true }));
  const lines = [
    ...[
      "bogus ^X",
      "get",
      "get X",
      "get ^X(",
      "get ^X(1) 2",
      "set ^X(1)",
      'set ^X(1)="a',
      "set ^X(1)=a",
      "set ^X(1)=1e3",
    ],
    ...[
      'set ^X(1)={"a"',
      "order ^X(1) 2",
      'get ^|"/other"|X(1)',
      "increment ^X(1) abc",
      "entries ^X 5",
      "kill ^X,^Y",
    ],
    ...['increment ^X(1) "a"', "set ^X(1)=1.5n", "set ^X(1)=", `get ^${"a".repeat(32)}`],
  ];
  for (const line of lines) {
    const code = await session.run(line).then(
      () => "none",
      (it) => it instanceof CohortError ? it.code : String(it),
    );
    assertEquals(code, "SYNTAX", line);
  }
  await assertRejects(() => session.run('set ^X("")=1'), RangeError);
  assertEquals(await session.run("globals"), []);
});

test("cohort repl: lines from standard input", () =>
  withFolder((folder) => {
    assertEquals(cohort(["repl", folder]).code, 3);
    const made = cohort(["repl", folder, "--create"], 'set ^X(1)="v"\nget ^X(1)\n');
    assertEquals([made.code, made.out, made.err], [0, '"v"\n', ""]);
    const failed = cohort(["repl", folder], "get ^X(1)\nwat ^X\nget ^X(2)\nquit\nget ^X(1)\n");
    assertEquals([failed.code, failed.out], [1, '"v"\nundefined\n']);
    assertMatch(failed.err, /^SYNTAX: the verb is unknown/);
    const reader = cohort(["repl", folder, "--read-only"], "get ^X(1)\nset ^X(1)=5\n");
    assertEquals([reader.code, reader.out], [1, '"v"\n']);
    assertMatch(reader.err, /^READ_ONLY: /);
    assertEquals(cohort(["repl", folder], "get ^X(1)\n").out, '"v"\n');
  }));
