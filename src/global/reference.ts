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
  /** Name of the member that has the database mounted; undefined for this node. */
  readonly member: string | undefined;

  /** @internal Made by `Global.ref`, and for another member by `RemoteGlobal.ref`. */
  constructor(database: string, global: string, subscripts: readonly Subscript[], member?: string) {
    this.database = database;
    this.global = global;
    this.subscripts = subscripts;
    this.member = member;
  }

  /** The one canonical spelling: `^|"dir"|X(1,"a")`, or `^|"member","dir"|X(1,"a")`. */
  toString(): string {
    const { database, global: name, subscripts, member } = this;
    return formatReference({ database, name, subscripts, ...(member === undefined ? {} : { member }) });
  }
}
