import { test } from "#test";
import { assertEquals } from "@std/assert";
import { formatZwr, parseZwr } from "../../src/global/zwr.ts";
import { compareKeys, decodeKey, keyOf } from "../../src/ground/key.ts";
import { CohortError } from "../../src/ground/errors.ts";
import type { Charset } from "../../src/ground/reference.ts";
import type { Subscript } from "../../src/ground/subscript.ts";
import { Prng } from "../support/prng.ts";
import { randomSubscript, randomText } from "../support/subscripts.ts";

const CHARSETS: readonly Charset[] = ["M", "UTF-8"];

/** Line, subscripts, value; each as GT.M writes it in M mode. */
const WRITTEN: readonly (readonly [line: string, subscripts: readonly Subscript[], value: string])[] = [
  ['^a="5"', [], "5"],
  ['^a(1)=""', [1], ""],
  ['^a(-.5)="-1"', [-0.5], "-1"],
  ['^a(2,"x",3)=""""', [2, "x", 3], '"'],
  ['^a(100000000000000000000)="x"', [100000000000000000000n], "x"],
  ['^a(123456789012345678)="x"', [123456789012345678n], "x"],
  ['^a("1234567890123456789")="x"', ["1234567890123456789"], "x"],
  ['^a("01")="01"', ["01"], "01"],
  ['^a("a""b")="q""q"""', ['a"b'], 'q"q"'],
  ["^a(4)=$C(10)", [4], "\n"],
  ['^a(5)="a"_$C(13,10)', [5], "a\r\n"],
  ['^a(6)=$C(13,10)_"b"', [6], "\r\nb"],
  ['^a(7)=$C(1)_""""_$C(2)_""""', [7], '\x01"\x02"'],
  ['^a($C(0),"a"_$C(127,159)_"\xa0\xfe"_$C(255))=" ~"', ["\0", "a\x7f\x9f\xa0\xfe\xff"], " ~"],
  ['^a(8926.1,"IX")="^3449^"', [8926.1, "IX"], "^3449^"],
  ['^a(" ")="="', [" "], "="],
  ['^a(",")=")=(,"', [","], ")=(,"],
  ['^a("_$C(1)")="_$C(1)_"', ["_$C(1)"], "_$C(1)_"],
];

test("formatZwr: writes what GT.M writes", () => {
  for (const [line, subscripts, value] of WRITTEN) assertEquals(formatZwr("a", subscripts, value, "M"), line);
});

/** What a line says, its subscripts as a key gives them back. */
function read(line: string): { name: string; subscripts: readonly Subscript[]; value: string } {
  const { name, subscripts, value } = parseZwr(line);
  const key = keyOf(subscripts);
  return { name, subscripts: decodeKey(key, 0, key.length), value };
}

test("parseZwr: reads what GT.M writes", () => {
  for (const [line, subscripts, value] of WRITTEN) {
    assertEquals(read(line), { name: "a", subscripts, value }, line);
  }
  assertEquals(parseZwr('^%ZOSF("ROU")="x"').name, "%ZOSF");
  assertEquals(parseZwr(`^${"a".repeat(31)}=""`).name, "a".repeat(31));
});

test("formatZwr: UTF-8 mode prints what prints, and the rest by its code point", () => {
  const line = '^a("\u20ac")="\u{10300}gr\u00fc\u00df"_$C(10,173,8203)_"\u00ff\u00a0"';
  const value = "\u{10300}gr\u00fc\u00df\n\u00ad\u200b\u00ff\u00a0";
  assertEquals(formatZwr("a", ["\u20ac"], value, "UTF-8"), line);
  assertEquals(read(line), { name: "a", subscripts: ["\u20ac"], value });
});

test("parseZwr: a value without quotes is the text of its digits", () => {
  for (const text of ["2341", "03", "3.0", ".50", "-.5", "00", "1.", "1234567890123456789012345"]) {
    assertEquals(parseZwr(`^a(1)=${text}`).value, text);
  }
});

test("parseZwr: other spellings of constants", () => {
  const spellings: readonly (readonly [line: string, subscripts: readonly Subscript[], value: string])[] = [
    ['^a("12")="x"', [12], "x"],
    ['^a(03,+3,1E2)="x"', [3, 3, 100], "x"],
    ['^a($c(65)_"b",$CHAR(48))="a"_"b"_1', ["Ab", 0], "ab1"],
    ['^a(1)=$char(65)_"x"', [1], "Ax"],
  ];
  for (const [line, subscripts, value] of spellings) {
    assertEquals(read(line), { name: "a", subscripts, value }, line);
  }
});

/** Lines that are no records. */
const MALFORMED: readonly string[] = [
  ...["", "^", "^=", "junk", "^a", "^a(", "^a(1", "^a(1)", "^a(1)=", "^a()=", '^a(1,)="x"', '^a(,1)="x"'],
  ...[
    '^a(1)="x',
    '^a(1)=x"',
    '^a(1)="x"y',
    '^a(1)="x" ',
    '^a(1) ="x"',
    ' ^a(1)="x"',
    '^a(1)="x""',
    "^a(1)=abc",
  ],
  ...["^a(1)=1E3", "^a(1)=+5", "^a(1)=--5", "^a(1)=-", "^a(1)=.", "^a(1)=1.5.5", "^a(1)=$C()", "^a(1)=$C(1"],
  ...[
    "^a(1)=$ZCH(200)",
    '^a(1)="a"_',
    '^a(1)=_"a"',
    '^a(1)="a"__"b"',
    "^a(1)=$C(1114112)",
    "^a(1)=$C(55296)",
  ],
  ...['^a(1)="x"_y', '^a(1+1)="x"', '^a(x)="x"', '^a.b="x"', '^1a="x"', `^${"a".repeat(32)}="x"`, '^a"="x"'],
  ...['^|"/data/x"|a(1)="x"', '^|"m","/data/x"|a(1)="x"', '^a(1)="x"\r', "^a(1)=\r", '^a(1)("x")="y"'],
  ...['^a(1)==""', '^a(1234567890123456789)="x"', "{}", "\u0000", '^a(1)="x"\u0000', '^a("\ud800"', '"x"'],
];

/** Code of the error that `read` throws. */
function codeOf(read: () => unknown): string {
  try {
    read();
    return "none";
  } catch (error) {
    return error instanceof CohortError ? error.code : String(error);
  }
}

test("parseZwr: what is no record is SYNTAX", () => {
  for (const line of MALFORMED) {
    assertEquals(codeOf(() => parseZwr(line)), "SYNTAX", JSON.stringify(line));
  }
});

test("parseZwr: a long row of digits that ends in something else is refused at once", () => {
  const digits = "1".repeat(300_000);
  const began = performance.now();
  for (const line of [`^a=${digits}x`, `^a=-${digits}.${digits}x`, `^a(${digits}x)="y"`, `^a=.${digits}x`]) {
    assertEquals(codeOf(() => parseZwr(line)), "SYNTAX");
  }
  // In two ways to match them the first line alone takes minutes.
  assertEquals(performance.now() - began < 5_000, true);
  assertEquals(parseZwr(`^a=${digits}.5`).value, `${digits}.5`);
});

test("parseZwr: any text is read or refused, and what is read is written back", () => {
  const prng = new Prng(61);
  const alphabet = [
    "^",
    "a",
    "%",
    "(",
    ")",
    ",",
    '"',
    '""',
    "=",
    "_",
    "$C(",
    "$c(10)",
    "1",
    "0",
    ".",
    "-",
    "E",
    " ",
    "\u20ac",
  ];
  const readTwice = (line: string): void => {
    const node = read(line);
    assertEquals(read(formatZwr(node.name, node.subscripts, node.value, "UTF-8")), node, line);
  };
  let good = 0;
  for (let i = 0; i < 20_000; i++) {
    // A good line with some of it changed, or a row of pieces.
    let line = prng.once(3)
      ? Array.from({ length: prng.below(14) }, () => prng.pick(alphabet)).join("")
      : formatZwr("a", [prng.below(99), randomText(prng, 5, false)], randomText(prng, 9, false), "UTF-8");
    for (let edits = prng.below(4); edits > 0; edits--) {
      const at = prng.below(line.length + 1);
      line = line.slice(0, at) + prng.pick(alphabet) + line.slice(at + prng.below(3));
    }
    try {
      readTwice(line);
      good++;
    } catch (error) {
      assertEquals(
        error instanceof CohortError && error.code === "SYNTAX" || error instanceof RangeError,
        true,
        line,
      );
    }
  }
  assertEquals(good > 1_000, true, String(good));
});

test("formatZwr and parseZwr: every subscript and text comes back", () => {
  const prng = new Prng(62);
  for (let i = 0; i < 4_000; i++) {
    const charset = CHARSETS[i % 2]!;
    const isM = charset === "M";
    const subscripts = Array.from({ length: prng.below(5) }, () => randomSubscript(prng, isM));
    const value = prng.once(9) ? "" : randomText(prng, prng.pick([3, 40, 200]), isM);
    const line = formatZwr("Global1", subscripts, value, charset);
    const node = parseZwr(line);
    assertEquals(node.value, value);
    const [ours, theirs] = [keyOf(subscripts), keyOf(node.subscripts)];
    assertEquals(compareKeys(ours, 0, ours.length, theirs, 0, theirs.length), 0, line);
    assertEquals(/[\r\n]/.test(line), false);
  }
});
