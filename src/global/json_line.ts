/**
 * JSON Lines, one node a line, every type kept both ways:
 *
 *     {"global":"Patient","subscripts":[123,"name"],"value":"Ada"}
 *
 * Values that JSON has are written as they are. The others are objects of one member:
 *
 *     {"$bigint":"-12"}   {"$bytes":"AQID"} (base64)   {"$number":"-0"}
 *     {"$object":{"$bytes":1}}   an object of one member that would look like one of these
 *
 * A subscript is a number or a string; a bigint is written as the string of its digits, which is the same
 * subscript.
 */
import { Buffer } from "node:buffer";
import { CohortError } from "../ground/errors.ts";
import { VALUE_DEPTH_MAX } from "../ground/limits.ts";
import { isNameForm } from "../ground/name.ts";
import type { Subscript } from "../ground/subscript.ts";
import type { Value } from "../ground/value.ts";

/** A node with its value in its own type. */
export interface JsonNode {
  /** Name of the global, without "^". */
  readonly name: string;
  readonly subscripts: readonly Subscript[];
  readonly value: Value;
}

const FOUND_CHARS = 60;
/** Longest text of a bigint that can be stored. */
const BIGINT_DIGITS_MAX = 160_000;
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;
const MARKS: Readonly<Record<string, (content: unknown) => Value>> = {
  $bigint: readBigint,
  $bytes: readBytes,
  $number: (content) => content === "-0" ? -0 : fail(`no number is written ${shown(content)}`),
};

/** Writes a node as a line of ASCII, without its end. */
export function formatJsonLine(name: string, subscripts: readonly Subscript[], value: Value): string {
  const parts = subscripts.map((it) => typeof it === "bigint" ? `"${it}"` : JSON.stringify(it));
  const line = `{"global":"${name}","subscripts":[${parts.join(",")}],"value":${jsonText(value)}}`;
  return line.replace(/[\x7f-\uffff]/g, escapeUnit);
}

function escapeUnit(unit: string): string {
  return "\\u" + unit.charCodeAt(0).toString(16).padStart(4, "0");
}

/** A value as JSON, with the marks of this file. */
export function jsonText(value: Value): string {
  if (typeof value === "bigint") return `{"$bigint":"${value}"}`;
  if (Object.is(value, -0)) return '{"$number":"-0"}';
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (value instanceof Uint8Array) return `{"$bytes":"${Buffer.from(value).toString("base64")}"}`;
  if (Array.isArray(value)) return `[${value.map(jsonText).join(",")}]`;
  const members = Object.entries(value);
  const text = `{${members.map(([key, it]) => `${JSON.stringify(key)}:${jsonText(it)}`).join(",")}}`;
  return members.length === 1 && members[0]![0].startsWith("$") ? `{"$object":${text}}` : text;
}

/** Reads a line without its end. `SYNTAX` for what `formatJsonLine` would not write. */
export function parseJsonLine(line: string): JsonNode {
  let node: unknown;
  try {
    node = JSON.parse(line);
  } catch (error) {
    throw new CohortError(
      "SYNTAX",
      "Read a JSON line: it is no JSON",
      { found: line.slice(0, FOUND_CHARS) },
      error,
    );
  }
  if (!isObject(node) || Object.keys(node).length !== 3) return fail(NODE_EXPECTED);
  const { global: name, subscripts, value } = node;
  if (typeof name !== "string" || !isNameForm(name)) return fail(`no global is named ${shown(name)}`);
  if (!Array.isArray(subscripts) || value === undefined) return fail(NODE_EXPECTED);
  for (const subscript of subscripts) {
    if (typeof subscript !== "string" && !Number.isFinite(subscript)) {
      return fail(`a subscript is a number or a string, not ${shown(subscript)}`);
    }
  }
  return { name, subscripts, value: readValue(value, 0) };
}

/** Reads a value that `jsonText` wrote. `SYNTAX` for any other text. */
export function jsonValue(text: string): Value {
  return readValue(jsonOf(text), 0);
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const found = text.slice(0, FOUND_CHARS);
    throw new CohortError(
      "SYNTAX",
      `Read JSON: it is none, found ${JSON.stringify(found)}`,
      { found },
      error,
    );
  }
}

const NODE_EXPECTED = 'an object of "global", "subscripts" and "value" was expected';

function readValue(value: unknown, depth: number): Value {
  // JSON has no infinities, but 1e999 is read as one.
  if (typeof value === "number" && !Number.isFinite(value)) {
    return fail(`no value is written ${shown(value)}`);
  }
  if (
    typeof value === "string" || typeof value === "number" || typeof value === "boolean" || value === null
  ) {
    return value;
  }
  if (depth > VALUE_DEPTH_MAX) return fail(`a value is nested deeper than ${VALUE_DEPTH_MAX}`);
  if (Array.isArray(value)) return value.map((it) => readValue(it, depth + 1));
  if (!isObject(value)) return fail(`no value is written ${shown(value)}`);
  const [first, ...others] = Object.keys(value);
  if (first === undefined || others.length > 0 || !first.startsWith("$")) return readMembers(value, depth);
  const content = value[first];
  if (first === "$object" && isObject(content)) return readMembers(content, depth);
  const read = Object.hasOwn(MARKS, first) ? MARKS[first] : undefined;
  return read === undefined ? fail(`no value is marked ${shown(first)}`) : read(content);
}

/** The members of an object, in order; one named `__proto__` is a member like any other. */
function readMembers(members: Readonly<Record<string, unknown>>, depth: number): Value {
  const value: Record<string, Value> = {};
  for (const key of Object.keys(members)) {
    const member = readValue(members[key], depth + 1);
    Object.defineProperty(value, key, {
      value: member,
      enumerable: true,
      configurable: true,
      writable: true,
    });
  }
  return value;
}

function readBigint(content: unknown): bigint {
  const isDigits = typeof content === "string" && content.length <= BIGINT_DIGITS_MAX &&
    /^-?\d+$/.test(content);
  return isDigits ? BigInt(content) : fail(`no bigint is written ${shown(content)}`);
}

function readBytes(content: unknown): Uint8Array {
  if (typeof content !== "string" || content.length % 4 !== 0 || !BASE64.test(content)) {
    return fail(`no bytes are written ${shown(content)}`);
  }
  const bytes = Buffer.from(content, "base64");
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength).slice();
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A value for a message. Of an array or object only that: it may be nested deeper than a stack reaches. */
function shown(value: unknown): string {
  if (Array.isArray(value)) return "an array";
  if (typeof value === "object" && value !== null) return "an object";
  return typeof value === "string" ? JSON.stringify(value.slice(0, FOUND_CHARS)) : String(value);
}

function fail(problem: string): never {
  throw new CohortError("SYNTAX", `Read a JSON line: ${problem}`);
}
