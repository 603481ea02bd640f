/** Where a reference by text leads: to a database here, or to one at another member. */
import type { Global } from "../global/global.ts";
import { parseReference } from "../ground/reference.ts";
import type { Subscript } from "../ground/subscript.ts";
import type { Database } from "./database.ts";
import type { RemoteDatabase } from "./remote_database.ts";
import type { RemoteMember } from "./remote_member.ts";
import type { RemoteGlobal } from "./remote_global.ts";

/** A reference into a database of this node. */
export interface ResolvedHere<T> {
  /** It names no member. */
  readonly member: undefined;
  /** Its database, mounted. */
  readonly database: Database;
  /** Its global. */
  readonly global: Global<T>;
  /** Its subscripts. */
  readonly subscripts: readonly Subscript[];
}

/** A reference into a database that a member has mounted. */
export interface ResolvedElsewhere<T> {
  /** Name of the member. */
  readonly member: string;
  /** Its database, as that member has it mounted. */
  readonly database: RemoteDatabase;
  /** Its global. */
  readonly global: RemoteGlobal<T>;
  /** Its subscripts. */
  readonly subscripts: readonly Subscript[];
}

/** Where a reference by text leads. */
export type ResolvedReference<T> = ResolvedHere<T> | ResolvedElsewhere<T>;

/** Finds where a reference by text leads. Throws `SYNTAX`, and RangeError for one without a database. */
export async function resolveReference<T>(
  reference: string,
  remote: (member: string) => RemoteMember,
  mounted: (directory: string) => Promise<Database>,
): Promise<ResolvedReference<T>> {
  const { member, database: directory, name, subscripts } = parseReference(reference);
  if (directory === undefined) {
    throw new RangeError(`A reference names its database, got ${JSON.stringify(reference)}`);
  }
  if (member !== undefined) {
    const database = await remote(member).database(directory);
    return { member, database, global: database.global<T>(name), subscripts };
  }
  const database = await mounted(directory);
  return { member, database, global: database.global<T>(name), subscripts };
}
