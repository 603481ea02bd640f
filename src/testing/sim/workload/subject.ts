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

/** How long a call may wait. */
export interface SubjectWait {
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
}

/** How a walk over entries goes. */
export interface SubjectWalk {
  readonly reverse?: boolean;
  readonly limit?: number;
}

/** The faces that are the same inside and outside of transactions. Inside, nothing takes a wait. */
export interface SubjectReader {
  get(subscripts: readonly Subscript[], wait?: SubjectWait): Promise<SimValue | undefined>;
  data(subscripts: readonly Subscript[], wait?: SubjectWait): Promise<number>;
  order(
    subscripts: readonly Subscript[],
    direction?: 1 | -1,
    wait?: SubjectWait,
  ): Promise<Subscript | undefined>;
  query(
    subscripts: readonly Subscript[],
    direction?: 1 | -1,
    wait?: SubjectWait,
  ): Promise<Subscript[] | undefined>;
  entries(subscripts?: readonly Subscript[], walk?: SubjectWalk): AsyncIterable<[Subscript[], SimValue]>;
  set(subscripts: readonly Subscript[], value: SimValue, wait?: SubjectWait): Promise<void>;
  kill(subscripts?: readonly Subscript[], wait?: SubjectWait): Promise<void>;
  zkill(subscripts: readonly Subscript[], wait?: SubjectWait): Promise<void>;
}

/** A global of a mounted database. */
export interface SubjectGlobal extends SubjectReader {
  increment(
    subscripts: readonly Subscript[],
    by?: number | bigint,
    wait?: SubjectWait,
  ): Promise<number | bigint>;
  merge(
    to: readonly Subscript[],
    source: SubjectGlobal,
    from?: readonly Subscript[],
    wait?: SubjectWait,
  ): Promise<void>;
  /** The node's reference, whose text names it. */
  ref(subscripts: readonly Subscript[]): { toString(): string };
}

/** One run of a transaction body. */
export interface SubjectTransaction {
  global(global: SubjectGlobal): SubjectReader;
  /** A mark of the writes so far. */
  savepoint(): unknown;
  /** Forgets the writes since the mark. */
  rollbackTo(savepoint: unknown): void;
}

/** How a transaction is run. */
export interface SubjectTransact extends SubjectWait {
  readonly readOnly?: boolean;
  readonly attempts?: number;
}

/** Text formats of globals. */
export type SubjectFormat = "zwr" | "go" | "jsonl";

/** A record of a text that was refused. */
export interface SubjectBadRecord {
  readonly line: number;
  readonly problem: Error;
}

/** A mounted database. */
export interface SubjectDatabase {
  global(name: string): SubjectGlobal;
  /** Names of its globals. */
  names(): AsyncIterable<string>;
  has(name: string): Promise<boolean>;
  sizes(): AsyncIterable<{ readonly name: string; readonly nodes: number }>;
  importText(
    source: AsyncIterable<Uint8Array>,
    options: { readonly onBadRecord: (record: SubjectBadRecord) => void; readonly signal?: AbortSignal },
  ): Promise<{ readonly records: number; readonly badRecords: number }>;
  exportText(
    options: {
      readonly format: SubjectFormat;
      readonly globals: readonly string[];
      readonly noMForm: "jsonl";
    },
  ): AsyncIterable<Uint8Array>;
  /** The engine's own full check: what is wrong with it. */
  check(): Promise<readonly string[]>;
  dismount(): Promise<void>;
}

/** How a database is mounted; created when missing by default. */
export interface SubjectMount extends SubjectWait {
  readonly create?: boolean | "new";
  readonly readOnly?: boolean;
}

/** A node. */
export interface SubjectNode {
  /** Mounts, and creates what is missing. */
  mount(directory: string, options?: SubjectMount): Promise<SubjectDatabase>;
  /** Deletes a database that is not mounted. */
  deleteDatabase(directory: string): Promise<void>;
  /** Where a reference by text leads. */
  resolve(
    text: string,
  ): Promise<{ readonly global: SubjectGlobal; readonly subscripts: readonly Subscript[] }>;
  transact<R>(
    body: (transaction: SubjectTransaction) => Promise<R>,
    options?: SubjectTransact,
  ): Promise<R>;
  /** Answers when all that was done before is durable. */
  sync(): Promise<void>;
  /** Answers when all that was done before is home. */
  checkpoint(): Promise<void>;
  /** The engine's own full check of a database: what is wrong with it. */
  check(directory: string): Promise<readonly string[]>;
  /** What it is doing, in one line: for findings about work that does not end. */
  status(): string;
  /** Its state now and after each change, until it is closed. */
  states(): AsyncIterable<string>;
  close(options?: { readonly timeoutMs?: number }): Promise<void>;
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
