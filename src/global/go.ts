/**
 * GO, one node in two lines, as GT.M extracts it: the reference, then the value as it is.
 *
 *     ^Patient(123,"name")
 *     Ada
 *
 * A value with a line feed has no form here. GT.M has GO in its M mode; in UTF-8 only its utilities `%GO` and
 * `%GI` do.
 */
import { type Charset, ReferenceReader } from "../ground/reference.ts";
import type { Subscript } from "../ground/subscript.ts";
import { formatNode } from "./zwr.ts";

/** Where a value belongs. */
export interface GoReference {
  /** Name of the global, without "^". */
  readonly name: string;
  readonly subscripts: readonly Subscript[];
}

/** Reads a reference line without its end. `SYNTAX` with the position of what is wrong. */
export function parseGoReference(line: string, charset: Charset = "UTF-8"): GoReference {
  const reader = new ReferenceReader(line, 0, charset);
  const { name, subscripts, database } = reader.reference();
  if (database !== undefined) reader.fail("a record has no directory", 0);
  if (reader.position !== line.length) reader.fail("the end of the reference was expected");
  return { name, subscripts };
}

/** Whether a value can stand in a line of its own. */
export function hasGoForm(value: string): boolean {
  return !value.includes("\n");
}

/** Writes a node as two lines, the last one without its end. RangeError for a subscript that is none. */
export function formatGo(
  name: string,
  subscripts: readonly Subscript[],
  value: string,
  charset: Charset,
): string {
  return `${formatNode(name, subscripts, charset)}\n${value}`;
}
