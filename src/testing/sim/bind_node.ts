/** The engine's node as the simulator drives it. */
import { checkDatabase } from "../../global/check.ts";
import type { Database } from "../../node/database.ts";
import { type Node, openNodeCore } from "../../node/node.ts";
import type {
  SubjectDatabase,
  SubjectNode,
  SubjectOptions,
  SubjectTransaction,
  SubjectWorld,
} from "./workload/subject.ts";

const BLOCK_BYTES = 8192;

class NodeSubject implements SubjectNode {
  readonly #node: Node;
  readonly #options: SubjectOptions;
  readonly #mounted = new Map<string, Database>();

  constructor(node: Node, options: SubjectOptions) {
    this.#node = node;
    this.#options = options;
  }

  async mount(directory: string): Promise<SubjectDatabase> {
    const { extentBlocks } = this.#options;
    const database = await this.#node.mount(directory, { create: true, extentBlocks });
    this.#mounted.set(directory, database);
    return database as unknown as SubjectDatabase;
  }

  transact<R>(body: (transaction: SubjectTransaction) => Promise<R>): Promise<R> {
    return this.#node.transact((transaction) => body(transaction as unknown as SubjectTransaction));
  }

  sync(): Promise<void> {
    return this.#node.sync();
  }

  async check(directory: string): Promise<readonly string[]> {
    const database = this.#mounted.get(directory);
    if (database === undefined) return [`${directory} is not mounted`];
    const report = await checkDatabase(database.core);
    return report.problems.map(({ block, problem }) => `block ${block}: ${problem}`);
  }

  status(): string {
    const { writeDaemon, ...rest } = this.#node.status;
    const daemon = { ...writeDaemon, recent: undefined };
    return JSON.stringify({ ...rest, writeDaemon: daemon });
  }

  close(): Promise<void> {
    return this.#node.close();
  }
}

/** Opens the engine's node in a simulated world. */
export async function openEngine(world: SubjectWorld, options: SubjectOptions): Promise<SubjectNode> {
  const node = await openNodeCore({
    dir: options.directory,
    durability: options.durability,
    syncIntervalMs: options.syncIntervalMs,
    poolBytes: options.poolBlocks * BLOCK_BYTES,
    segmentBytes: options.segmentBytes,
    checkpointBytes: options.checkpointBytes,
    cycleBlocks: options.cycleBlocks,
    leaseMs: options.leaseMs,
    idleMs: options.idleMs,
  }, world);
  return new NodeSubject(node, options);
}
