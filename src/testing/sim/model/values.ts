/** Values as the simulator compares them: by one text each, in which every type looks different. */

import { crc32 } from "node:zlib";

/** What a global may hold. */
export type SimValue =
  | string
  | number
  | bigint
  | boolean
  | null
  | Uint8Array
  | readonly SimValue[]
  | { readonly [key: string]: SimValue };

/** The value as text; equal exactly when the values are (type, sign of zero and order of fields included). */
export function textOfValue(value: unknown): string {
  if (value === undefined) return "undefined";
  if (value === null) return "null";
  if (typeof value === "string") return value.length > 200 ? longText(value) : JSON.stringify(value);
  if (typeof value === "number") return Object.is(value, -0) ? "-0" : String(value);
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "boolean") return String(value);
  if (value instanceof Uint8Array) return `<${value.length}:${crc32(value).toString(16)}>`;
  if (Array.isArray(value)) return `[${value.map(textOfValue).join(",")}]`;
  const fields = Object.entries(value as Record<string, unknown>);
  return `{${fields.map(([name, inner]) => `${JSON.stringify(name)}:${textOfValue(inner)}`).join(",")}}`;
}

/** A text too long to keep: its length, its beginning and its checksum. */
function longText(text: string): string {
  const start = JSON.stringify(text.slice(0, 40)).slice(1, -1);
  return `"${start}…" (${text.length} chars, ${crc32(text).toString(16)})`;
}

/** True when both are the same value. */
export function sameValue(a: unknown, b: unknown): boolean {
  if (typeof a === "string" && typeof b === "string") return a === b;
  return textOfValue(a) === textOfValue(b);
}
