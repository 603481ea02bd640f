/** Reference: a node named with its database, as locks and texts use it. */
import type { Subscript } from "../ground/subscript.ts";

/** Names one node of one global of one database. */
export class Reference {
  /** Directory of the database. */
  readonly database: string;
  readonly global: string;
  readonly subscripts: readonly Subscript[];

  constructor(database: string, global: string, subscripts: readonly Subscript[]) {
    this.database = database;
    this.global = global;
    this.subscripts = subscripts;
  }
}
