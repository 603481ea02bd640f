/**
 * What the simulator drives: the faces of a node as far as workloads use them. The engine's own classes fit
 * as they are; a toy engine in the tests fits too, so that the simulator can be shown to find what is planted
 * in it.
 */
import type { Subscript } from "../model/collation.ts";
import type { SimValue } from "../model/values.ts";

/** The faces that are the same inside and outside of transactions. */
export interface SubjectReader {
  get(subscripts: readonly Subscript[]): Promise<SimValue | undefined>;
  data(subscripts: readonly Subscript[]): Promise<number>;
  order(subscripts: readonly Subscript[], direction?: 1 | -1): Promise<Subscript | undefined>;
  query(subscripts: readonly Subscript[], direction?: 1 | -1): Promise<Subscript[] | undefined>;
  entries(
    subscripts?: readonly Subscript[],
    options?: { readonly reverse?: boolean },
  ): AsyncIterable<[Subscript[], SimValue]>;
  set(subscripts: readonly Subscript[], value: SimValue): Promise<void>;
  kill(subscripts?: readonly Subscript[]): Promise<void>;
  zkill(subscripts: readonly Subscript[]): Promise<void>;
}

/** A global of a mounted database. */
export interface SubjectGlobal extends SubjectReader {
  increment(subscripts: readonly Subscript[], by?: number): Promise<number>;
  merge(to: readonly Subscript[], source: SubjectGlobal, from?: readonly Subscript[]): Promise<void>;
}

/** One run of a transaction body. */
export interface SubjectTransaction {
  global(global: SubjectGlobal): SubjectReader;
  savepoint(): number;
  rollbackTo(savepoint: number): void;
}

/** A mounted database. */
export interface SubjectDatabase {
  global(name: string): SubjectGlobal;
}

/** A node. */
export interface SubjectNode {
  /** Mounts, and creates what is missing. */
  mount(directory: string): Promise<SubjectDatabase>;
  transact<R>(body: (transaction: SubjectTransaction) => Promise<R>): Promise<R>;
  /** Answers when all that was done before is durable; undefined when there is no such call. */
  sync?(): Promise<void>;
  /** The engine's own full check of a database: what is wrong with it. */
  check?(directory: string): Promise<readonly string[]>;
  close(): Promise<void>;
}

/** How a node is set up; sizes are small, so that everything happens often. */
export interface SubjectOptions {
  readonly durability: "sync" | "relaxed";
  readonly poolBlocks: number;
  readonly extentBlocks: number;
  readonly segmentBytes: number;
  readonly imageBytes: number;
  readonly syncIntervalMs: number;
  /** Where journals lie. */
  readonly directory: string;
}
