import { test } from "#test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { isCode } from "../../src/ground/errors.ts";
import { decodeKey, keyOf } from "../../src/ground/key.ts";
import { checkName } from "../../src/ground/name.ts";
import { formatReference, formatString, parseReference } from "../../src/ground/reference.ts";
import { type ReferenceParts, ReferenceReader } from "../../src/ground/reference.ts";
import { Prng } from "../support/prng.ts";
import { randomSubscript, randomText } from "../support/subscripts.ts";

test("checkName: what GT.M takes, and never cut", () => {
  for (const name of ["X", "x", "%", "%ZOSF", "a1B2", "A".repeat(31)]) checkName(name);
  const bad = ["", "1a", "a.b", "a_b", "a%", "é", "a b", "^X", "A\n", "%%"];
  for (const name of bad) assertThrows(() => checkName(name), RangeError, JSON.stringify(name));
  assertThrows(() => checkName("A".repeat(32)), RangeError, "32 characters, at most 31");
  assertThrows(() => checkName("A".repeat(1_000_000)), RangeError, "1000000 characters");
  for (const name of [undefined, null, 1, {}]) assertThrows(() => checkName(name as string), TypeError);
});

test("parseReference: every spelling of a constant", () => {
  const table: [string, ReferenceParts][] = [
    ["^X", { name: "X", subscripts: [] }],
    ["^%ZOSF(1)", { name: "%ZOSF", subscripts: [1] }],
    ['^Patient(123,"name")', { name: "Patient", subscripts: [123, "name"] }],
    ['^|"dir"|X', { database: "dir", name: "X", subscripts: [] }],
    ['^|"member","dir"|X(1)', { member: "member", database: "dir", name: "X", subscripts: [1] }],
    ['^|"a""|b"|X("c""d,)")', { database: 'a"|b', name: "X", subscripts: ['c"d,)'] }],
    ["^X(03,3.0,1E3,+5,--5,-.50,.5E1,1.)", { name: "X", subscripts: [3, 3, 1000, 5, 5, -0.5, 5, 1] }],
    ['^X("12","012")', { name: "X", subscripts: [12, "012"] }],
    ['^X($C(65)_"b",$c(65,66),$char(65),$C(48),$C(-1)_"a","a"_1,1_2,"a"_-1,"a"_01.50)', {
      name: "X",
      subscripts: ["Ab", "AB", "A", 0, "a", "a1", 12, "a-1", "a1.5"],
    }],
    ['^X("")', { name: "X", subscripts: [""] }],
    ["^X(123456789012345678)", { name: "X", subscripts: [123456789012345678n] }],
    ["^X($C(128512))", { name: "X", subscripts: ["😀"] }],
  ];
  for (const [text, parts] of table) assertEquals(parseReference(text), parts, text);
});

test("parseReference: what is no constant reference is SYNTAX with its position", () => {
  const table: [string, number][] = [
    ...[["", 0], ["X", 0], ["^", 1], ["^1", 1], ["^(1)", 1], ["^X(", 3], ["^X()", 3], ["^X(1", 4]],
    ...[["^X(1,", 5], ["^X(1))", 5], ["^X( 1)", 3], ["^X(1 )", 4], ["^X(a)", 3], ['^X("a)', 3]],
    ...[["^X(1e3)", 4], ["^X(.)", 3], ["^X(-)", 3], ["^X($C())", 3], ["^X($C(65,,66))", 3]],
    ...[["^X($C(1.5))", 3], ["^X($C(55296))", 3], ["^X($C(1114112))", 3], ["^X($ZCHAR(200))", 3]],
    ...[["^X($H)", 3], ['^X("a"_)', 7], ["^|X", 2], ['^|"a"X', 5], ['^|"a","b","c"|X', 9]],
    ...[["^" + "A".repeat(32), 1], ["^X(1234567890123456789)", 3], ["^X(1E47)", 3], ["^X.Y", 2]],
    ["^X(1)=2", 5],
  ] as [string, number][];
  for (const [text, position] of table) {
    const error = assertThrows(() => parseReference(text));
    assert(isCode(error, "SYNTAX"), `${text}: ${error}`);
    assertEquals(error.facts["position"], position, `${text}: ${error.message}`);
  }
});

test("formatReference: one spelling, GT.M's", () => {
  const name = "X";
  const table: [ReferenceParts, string][] = [
    [{ name, subscripts: [] }, "^X"],
    [{ name, subscripts: [1, "12", -0.5, "0.5", 10n ** 20n] }, '^X(1,12,-.5,"0.5",100000000000000000000)'],
    [{ name, subscripts: ['a"b', "a\x01b", "\0\x01k", ""] }, '^X("a""b","a"_$C(1)_"b",$C(0,1)_"k","")'],
    [{ name, subscripts: ["é\x9f", "\u2028", "日本"] }, '^X("é"_$C(159),$C(8232),"日本")'],
    [{ database: 'a"\n', name, subscripts: [] }, '^|"a"""_$C(10)|X'],
    [{ member: "m", database: "d", name, subscripts: [1] }, '^|"m","d"|X(1)'],
  ];
  for (const [parts, text] of table) assertEquals(formatReference(parts), text);
  assertEquals(formatString("a\x80\xff\xadb", "M"), '"a"_$C(128,255)_"\xadb"');
  assertThrows(() => formatReference({ member: "m", name, subscripts: [] }), TypeError);
  assertThrows(() => formatReference({ name: "a.b", subscripts: [] }), RangeError);
  assertThrows(() => formatReference({ name, subscripts: [NaN] }), RangeError);
  assertThrows(() => formatString("\ud800"), RangeError, "lone surrogate");
});

test("formatReference and parseReference: random references come back as their keys do", () => {
  const prng = new Prng(41);
  for (let i = 0; i < 5_000; i++) {
    const subscripts = Array.from({ length: prng.below(4) }, () => randomSubscript(prng));
    const key = keyOf(subscripts);
    const database = prng.once(3) ? { database: randomText(prng, 12, false) } : {};
    const text = formatReference({ ...database, name: "X", subscripts });
    const parts = parseReference(text);
    assertEquals(parts, { ...database, name: "X", subscripts: decodeKey(key, 0, key.length) });
    assertEquals(formatReference(parts), text);
    const latin = formatReference({ name: "X", subscripts }, "M");
    assertEquals(parseReference(latin).subscripts, parts.subscripts);
  }
});

test("parseReference: mangled texts are SYNTAX or a reference", () => {
  const prng = new Prng(42);
  for (let i = 0; i < 20_000; i++) {
    const subscripts = [randomSubscript(prng), randomSubscript(prng)];
    let text = formatReference({ database: "d", name: "X", subscripts });
    for (let n = prng.below(3); n >= 0; n--) {
      const at = prng.below(text.length);
      text = text.slice(0, at) + prng.pick(["", '"', "_", ",", ")", "$C(", "1", "E", "-", "\0"]) +
        text.slice(at + 1);
    }
    try {
      parseReference(text);
    } catch (error) {
      assert(isCode(error, "SYNTAX"), `${text}: ${error}`);
    }
  }
});

test("ReferenceReader: reads the two sides of a record", () => {
  const reader = new ReferenceReader('^X("a=b",1)="c"_$C(9)_"d"');
  assertEquals(reader.reference(), { name: "X", subscripts: ["a=b", 1] });
  assertEquals(reader.text[reader.position++], "=");
  assertEquals(reader.expression(), "c\td");
  assertEquals(reader.position, reader.text.length);
});
