/** The engine's node as the simulator drives it. */
import { sizesOf } from "../../global/size.ts";
import type { Database } from "../../node/database.ts";
import type { Node } from "../../node/node.ts";
import { openNodeCore } from "../../node/open_node.ts";
import type { NodeOptions } from "../../node/options.ts";
import { exportText, importText } from "../../node/text.ts";
import type { Subscript } from "./model/collation.ts";
import type {
  SubjectDatabase,
  SubjectGlobal,
  SubjectMount,
  SubjectNode,
  SubjectOptions,
  SubjectTransact,
  SubjectTransaction,
  SubjectWorld,
} from "./workload/subject.ts";

const BLOCK_BYTES = 8192;

/** A mounted database. */
export class DatabaseSubject implements SubjectDatabase {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  global(name: string): SubjectGlobal {
    return this.#database.global(name) as unknown as SubjectGlobal;
  }

  names(): AsyncIterable<string> {
    return this.#database.globals();
  }

  has(name: string): Promise<boolean> {
    return this.#database.has(name);
  }

  sizes(): AsyncIterable<{ readonly name: string; readonly nodes: number }> {
    return sizesOf(this.#database.core);
  }

  importText(
    source: AsyncIterable<Uint8Array>,
    options: Parameters<SubjectDatabase["importText"]>[1],
  ): Promise<{ readonly records: number; readonly badRecords: number }> {
    return importText(this.#database, source, options);
  }

  exportText(options: Parameters<SubjectDatabase["exportText"]>[0]): AsyncIterable<Uint8Array> {
    return exportText(this.#database, options);
  }

  async check(): Promise<readonly string[]> {
    const report = await this.#database.check();
    return report.problems.map(({ block, problem }) => `block ${block}: ${problem}`);
  }

  dismount(): Promise<void> {
    return this.#database.dismount();
  }
}

/** A node. */
export class NodeSubject implements SubjectNode {
  readonly #node: Node;
  readonly #options: SubjectOptions;
  readonly #mounted = new Map<string, SubjectDatabase>();

  constructor(node: Node, options: SubjectOptions) {
    this.#node = node;
    this.#options = options;
  }

  async mount(directory: string, options: SubjectMount = {}): Promise<SubjectDatabase> {
    const { extentBlocks } = this.#options;
    const { create = options.readOnly !== true, ...rest } = options;
    const how = create === false ? rest : { ...rest, create, extentBlocks };
    return this.mounted(directory, new DatabaseSubject(await this.#node.mount(directory, how)));
  }

  /** Notes a database that was mounted, for `check`. */
  protected mounted(directory: string, database: SubjectDatabase): SubjectDatabase {
    this.#mounted.set(directory, database);
    return database;
  }

  deleteDatabase(directory: string): Promise<void> {
    return this.#node.deleteDatabase(directory);
  }

  async resolve(
    text: string,
  ): Promise<{ readonly global: SubjectGlobal; readonly subscripts: readonly Subscript[] }> {
    const { global, subscripts } = await this.#node.resolve(text);
    return { global: global as unknown as SubjectGlobal, subscripts };
  }

  transact<R>(
    body: (transaction: SubjectTransaction) => Promise<R>,
    options?: SubjectTransact,
  ): Promise<R> {
    return this.#node.transact(
      (transaction) => body(transaction as unknown as SubjectTransaction),
      options,
    );
  }

  sync(): Promise<void> {
    return this.#node.sync();
  }

  checkpoint(): Promise<void> {
    return this.#node.checkpoint();
  }

  async check(directory: string): Promise<readonly string[]> {
    return await this.#mounted.get(directory)?.check() ?? [`${directory} is not mounted`];
  }

  status(): string {
    const { writeDaemon, ...rest } = this.#node.status;
    const daemon = { ...writeDaemon, recent: undefined };
    return JSON.stringify({ ...rest, writeDaemon: daemon });
  }

  async *states(): AsyncIterable<string> {
    for await (const { state, databases } of this.#node.status) yield `${state} ${databases.length}`;
  }

  close(options?: { readonly timeoutMs?: number }): Promise<void> {
    return this.#node.close(options);
  }
}

/** The sizes of a node, as its options want them. */
export function sizesOfNode(options: SubjectOptions): NodeOptions {
  return {
    durability: options.durability,
    syncIntervalMs: options.syncIntervalMs,
    poolBytes: options.poolBlocks * BLOCK_BYTES,
    segmentBytes: options.segmentBytes,
    checkpointBytes: options.checkpointBytes,
    cycleBlocks: options.cycleBlocks,
    leaseMs: options.leaseMs,
    idleMs: options.idleMs,
  };
}

/** Opens the engine's node in a simulated world. */
export async function openEngine(world: SubjectWorld, options: SubjectOptions): Promise<SubjectNode> {
  const node = await openNodeCore({ dir: options.directory, ...sizesOfNode(options) }, world);
  return new NodeSubject(node, options);
}
