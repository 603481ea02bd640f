/** Resolved reference: what a reference by text comes to. */
import type { Global } from "../global/global.ts";
import { parseReference } from "../ground/reference.ts";
import type { Subscript } from "../ground/subscript.ts";
import type { Database } from "./database.ts";

/** Where a reference by text leads. */
export interface ResolvedReference<T> {
  /** Its database, mounted. */
  readonly database: Database;
  /** Its global. */
  readonly global: Global<T>;
  /** Its subscripts. */
  readonly subscripts: readonly Subscript[];
}

/** The parts of a reference by text that is for this node. Throws `SYNTAX`, and RangeError for another's. */
export function partsHere(
  reference: string,
): { readonly directory: string; readonly name: string; readonly subscripts: readonly Subscript[] } {
  const { database, member, name, subscripts } = parseReference(reference);
  if (database !== undefined && member === undefined) return { directory: database, name, subscripts };
  const found = JSON.stringify(reference);
  throw new RangeError(`A reference for this node names its database and no member, got ${found}`);
}
