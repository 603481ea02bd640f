/** Keys, values and blocks as lines of text, for `cohort dump`. Damaged ones are shown as far as they go. */
import { Buffer } from "node:buffer";
import { KIND_BRANCH, KIND_FREE, KIND_HEADER, KIND_LEAF, KIND_MAP, KIND_VALUE } from "../ground/block.ts";
import { getU32 } from "../ground/bytes.ts";
import { decodeKey } from "../ground/key.ts";
import { isLarge, largeBlocks, largeLength } from "../ground/large_value.ts";
import { isNameForm } from "../ground/name.ts";
import { formatString } from "../ground/reference.ts";
import { decodeValue, type Value } from "../ground/value.ts";
import { jsonText } from "../global/json_line.ts";
import { formatNode } from "../global/zwr.ts";
import { CATALOG_ROOT, QUEUE_ROOT } from "../storage/volume.ts";
import { grouped } from "./terminal.ts";

const TEXT_CHARS = 120;
const LISTED = 12;
const ROOT_BYTES = 5;
const KINDS: Readonly<Record<number, string>> = {
  [KIND_HEADER]: "volume header",
  [KIND_MAP]: "space map",
  [KIND_LEAF]: "leaf",
  [KIND_BRANCH]: "branch",
  [KIND_VALUE]: "value",
  [KIND_FREE]: "free",
};

/** Name of a block kind. */
export function kindName(kind: number): string {
  return KINDS[kind] ?? "unknown";
}

/** Name of a tree, by its root block. */
export function treeName(root: number): string {
  return root === CATALOG_ROOT
    ? "catalog"
    : root === QUEUE_ROOT
    ? "free queue"
    : root === 0
    ? "none"
    : "a global";
}

/**
 * A key of a tree (0 when it is not known which): subscripts, a name of the catalog, or bytes. What separates
 * two blocks may be the beginning of a key: `(4,141...`.
 */
export function keyText(key: Uint8Array, tree: number): string {
  if (key.length === 0) return "()";
  if (tree === QUEUE_ROOT && key.length === 4) return `block ${key.reduce((n, byte) => n * 256 + byte, 0)}`;
  const name = String.fromCharCode(...key);
  if (isNameForm(name)) return `^${name}`;
  return subscriptsOf(key) ?? cutOff(subscriptsOf(Uint8Array.of(...key, 0))) ?? `bytes ${hex(key)}`;
}

function subscriptsOf(key: Uint8Array): string | undefined {
  try {
    return formatNode("", decodeKey(key, 0, key.length), "UTF-8").slice(1);
  } catch {
    return undefined;
  }
}

function cutOff(subscripts: string | undefined): string | undefined {
  return subscripts === undefined ? undefined : subscripts.slice(0, -1) + "...";
}

/** Bytes in hexadecimal digits. */
export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

/** The value beside such a key. */
export function valueText(bytes: Uint8Array, from: number, to: number, tree: number, key: string): string {
  if (tree === QUEUE_ROOT) return `kind ${bytes[from]}`;
  if ((tree === CATALOG_ROOT || key.startsWith("^")) && to - from === ROOT_BYTES) {
    return `root ${getU32(bytes, from)}, collation ${bytes[from + 4]}`;
  }
  try {
    if (isLarge(bytes, from)) {
      const blocks = largeBlocks(bytes, from, to - from);
      return `${grouped(largeLength(bytes, from))} encoded bytes in blocks ${list(blocks)}`;
    }
    return shownValue(decodeValue(bytes, from, to));
  } catch (error) {
    return `${error instanceof Error ? error.message : String(error)}: bytes ${
      cut(hex(bytes.subarray(from, to)))
    }`;
  }
}

/**
 * A value as `repl` and `dump` show it: strings as M writes them, numbers as they are, the rest as JSON has
 * it.
 */
export function shownValue(value: Value, most: number = TEXT_CHARS): string {
  if (typeof value === "string") return cut(formatString(value), most);
  return cut(typeof value === "bigint" ? `${value}n` : Object.is(value, -0) ? "-0" : jsonText(value), most);
}

/** Numbers in a row, consecutive ones as a range, the first dozen of them. */
export function list(numbers: readonly number[]): string {
  const ranges: Array<[number, number]> = [];
  for (const n of numbers) {
    const last = ranges.at(-1);
    if (last !== undefined && last[1] === n - 1) last[1] = n;
    else ranges.push([n, n]);
  }
  const shown = ranges.slice(0, LISTED).map(([from, to]) => from === to ? `${from}` : `${from}-${to}`);
  return shown.join(", ") + (ranges.length > LISTED ? ` and ${ranges.length - LISTED} more` : "");
}

function cut(text: string, most: number = TEXT_CHARS): string {
  return text.length > most ? `${text.slice(0, most)}... (${grouped(text.length)} characters)` : text;
}
