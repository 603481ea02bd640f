/**
 * What the simulator drives: the faces of a node as far as workloads use them. The engine's own classes fit
 * as they are; a toy engine in the tests fits too, so that the simulator can be shown to find what is planted
 * in it.
 */
import type { Clock } from "../../../ports/clock.ts";
import type { Entropy } from "../../../ports/entropy.ts";
import type { Observer } from "../../../ports/observer.ts";
import type { Storage } from "../../../ports/storage.ts";
import type { Subscript } from "../model/collation.ts";
import type { SimValue } from "../model/values.ts";

/** The faces that are the same inside and outside of transactions. */
export interface SubjectReader {
  get(subscripts: readonly Subscript[]): Promise<SimValue | undefined>;
  data(subscripts: readonly Subscript[]): Promise<number>;
  order(subscripts: readonly Subscript[], direction?: 1 | -1): Promise<Subscript | undefined>;
  query(subscripts: readonly Subscript[], direction?: 1 | -1): Promise<Subscript[] | undefined>;
  entries(subscripts?: readonly Subscript[]): AsyncIterable<[Subscript[], SimValue]>;
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
  /** A mark of the writes so far. */
  savepoint(): unknown;
  /** Forgets the writes since the mark. */
  rollbackTo(savepoint: unknown): void;
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
  /** Answers when all that was done before is durable. */
  sync(): Promise<void>;
  /** The engine's own full check of a database: what is wrong with it. */
  check(directory: string): Promise<readonly string[]>;
  /** What it is doing, in one line: for findings about work that does not end. */
  status(): string;
  close(): Promise<void>;
}

/** The world a node lives in. */
export interface SubjectWorld {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly observer: Observer;
}

/** How a node is set up; sizes are small, so that everything happens often. */
export interface SubjectOptions {
  /** Where journals lie. */
  readonly directory: string;
  readonly durability: "sync" | "relaxed";
  readonly syncIntervalMs: number;
  readonly poolBlocks: number;
  readonly extentBlocks: number;
  readonly segmentBytes: number;
  readonly checkpointBytes: number;
  readonly cycleBlocks: number;
  readonly leaseMs: number;
  readonly idleMs: number;
}

/** Opens a node. */
export type OpenSubject = (world: SubjectWorld, options: SubjectOptions) => Promise<SubjectNode>;
