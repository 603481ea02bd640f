/** Reference: a node named with its database, as locks and texts use it. */
import { formatReference } from "../ground/reference.ts";
import type { Subscript } from "../ground/subscript.ts";

/** Names one node of one global of one database. */
export class Reference {
  /** Directory of the database. */
  readonly database: string;
  /** Name of the global, without the caret. */
  readonly global: string;
  /** Subscripts of the node, as the database would give them back. */
  readonly subscripts: readonly Subscript[];

  /** @internal Made by `Global.ref`. */
  constructor(database: string, global: string, subscripts: readonly Subscript[]) {
    this.database = database;
    this.global = global;
    this.subscripts = subscripts;
  }

  /** The one canonical spelling: `^|"dir"|X(1,"a")`. */
  toString(): string {
    return formatReference({ database: this.database, name: this.global, subscripts: this.subscripts });
  }
}
