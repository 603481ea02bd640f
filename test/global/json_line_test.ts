import { test } from "#test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { formatJsonLine, parseJsonLine } from "../../src/global/json_line.ts";
import { CohortError } from "../../src/ground/errors.ts";
import type { Value } from "../../src/ground/value.ts";
import { Prng } from "../support/prng.ts";
import { randomValue } from "../support/values.ts";

function own(key: string, value: Value): Value {
  return Object.defineProperty({}, key, { value, enumerable: true, writable: true, configurable: true });
}

/** A value and how it is written. */
const VALUES: readonly (readonly [Value, string])[] = [
  ["Ada", '"Ada"'],
  ['a"\n\u20ac\u{1f600}\x7f', '"a\\"\\n\\u20ac\\ud83d\\ude00\\u007f"'],
  [1.5, "1.5"],
  [-0, '{"$number":"-0"}'],
  [1e300, "1e+300"],
  [12n, '{"$bigint":"12"}'],
  [-(2n ** 70n), '{"$bigint":"-1180591620717411303424"}'],
  [true, "true"],
  [null, "null"],
  [new Uint8Array([1, 2, 3, 255]), '{"$bytes":"AQID/w=="}'],
  [new Uint8Array(0), '{"$bytes":""}'],
  [[1, [], {}, "x", 5n], '[1,[],{},"x",{"$bigint":"5"}]'],
  [{ b: 1, a: [null] }, '{"b":1,"a":[null]}'],
  [own("__proto__", 5), '{"__proto__":5}'],
  [{ $bigint: "12" }, '{"$object":{"$bigint":"12"}}'],
  [{ $object: { $bytes: 1n } }, '{"$object":{"$object":{"$object":{"$bytes":{"$bigint":"1"}}}}}'],
  [{ $bigint: "12", b: 1 }, '{"$bigint":"12","b":1}'],
  [{ "": 0 }, '{"":0}'],
];

test("formatJsonLine and parseJsonLine: every type, both ways", () => {
  for (const [value, text] of VALUES) {
    const line = formatJsonLine("X", [1, "a"], value);
    assertEquals(line, `{"global":"X","subscripts":[1,"a"],"value":${text}}`);
    const node = parseJsonLine(line);
    assertEquals(node, { name: "X", subscripts: [1, "a"], value });
    assertEquals(Object.is(node.value, -0), Object.is(value, -0));
  }
});

test("formatJsonLine: a bigint subscript is its digits, a line is ASCII", () => {
  const line = formatJsonLine("X", [123456789012345678n, "\u00e4\u{10ffff}"], "");
  assertEquals(line, '{"global":"X","subscripts":["123456789012345678","\\u00e4\\udbff\\udfff"],"value":""}');
  assertEquals(parseJsonLine(line).subscripts, ["123456789012345678", "\u00e4\u{10ffff}"]);
});

test("formatJsonLine and parseJsonLine: random values come back with their types", () => {
  const prng = new Prng(63);
  for (let i = 0; i < 400; i++) {
    const value = randomValue(prng, 3);
    const line = formatJsonLine("X", [i], value);
    assertEquals(/^[\x20-\x7e]*$/.test(line), true);
    assertEquals(parseJsonLine(line).value, value);
  }
});

test("parseJsonLine: nesting beyond any stack is SYNTAX wherever it stands, and quickly", () => {
  const deep = "[".repeat(100_000) + "]".repeat(100_000);
  const lines = [
    `{"global":${deep},"subscripts":[],"value":1}`,
    `{"global":"X","subscripts":[${deep}],"value":1}`,
    `{"global":"X","subscripts":[],"value":${deep}}`,
    `{"global":"X","subscripts":[],"value":{"$bytes":${deep}}}`,
  ];
  const started = performance.now();
  for (const line of lines) {
    assertEquals(assertThrows(() => parseJsonLine(line), CohortError).code, "SYNTAX");
  }
  assert(performance.now() - started < 5000);
});

/** Code of the error that `read` throws. */
function codeOf(read: () => unknown): string {
  try {
    read();
    return "none";
  } catch (error) {
    return error instanceof CohortError ? error.code : String(error);
  }
}

test("parseJsonLine: what is no record is SYNTAX", () => {
  const values = [
    ...['{"$bigint":12}', '{"$bigint":"1.5"}', '{"$bigint":""}', '{"$bytes":"AQI"}', '{"$bytes":"A*=="}'],
    ...["1e999", "[-1e999]", '{"a":1e999}'],
    ...['{"$number":"1"}', '{"$other":1}', '{"$":1}', '{"$bytes":5}', '{"$bytes":null}'],
    ...['{"$toString":1}', '{"$object":1}', '{"$object":[]}', `{"$bigint":"${"1".repeat(160_001)}"}`],
    ...[`${"[".repeat(66)}${"]".repeat(66)}`, `${'{"a":'.repeat(70)}1${"}".repeat(70)}`],
  ];
  const lines = [
    ...values.map((it) => `{"global":"X","subscripts":[],"value":${it}}`),
    ...["", "{", "[]", "null", "1", '"x"', "{}", '{"global":"X","subscripts":[]}', "[".repeat(100_000)],
    '{"global":"X","subscripts":[1e999],"value":1}',
    ...['{"global":"1X","subscripts":[],"value":1}', '{"global":5,"subscripts":[],"value":1}'],
    ...['{"global":"X","subscripts":{},"value":1}', '{"global":"X","subscripts":[null],"value":1}'],
    ...['{"global":"X","subscripts":[[1]],"value":1}', '{"global":"X","subscripts":[],"value":1,"more":1}'],
    ...['{"global":"X","subscripts":[],"valu":1}', '{"global":"X","subscripts":[true],"value":1}'],
  ];
  for (const line of lines) {
    assertEquals(codeOf(() => parseJsonLine(line)), "SYNTAX", line.slice(0, 80));
  }
});
