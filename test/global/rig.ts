/**
 * What the tests of globals stand on: a real node over a small pool in memory, and a look at its soundness.
 */
import { assert, assertEquals } from "@std/assert";
import { createMemoryStorage } from "../../adapters/storage_memory.ts";
import {
  type Clock,
  type Database,
  type Global,
  type Node,
  type NodeOptions,
  type Observer,
  openNode,
  type Severity,
  type Storage,
  type Value,
} from "../../mod.ts";
import { AGAIN } from "../../src/buffer/engine.ts";
import { MISS } from "../../src/buffer/step.ts";
import { checkDatabase } from "../../src/global/check.ts";
import type { CheckReport } from "../../src/global/check.ts";
import { seekAfter } from "../../src/global/seek.ts";
import { QUEUE_ROOT } from "../../src/storage/volume.ts";

/** An observer that keeps what went wrong. */
export class Witness implements Observer {
  readonly traits = { version: 1 } as const;
  /** Warnings and errors, one text each. */
  readonly complaints: string[] = [];
  /** Names of all events. */
  readonly names: string[] = [];

  event(name: string, severity: Severity, facts: Readonly<Record<string, unknown>>): void {
    this.names.push(name);
    if (severity === "debug" || severity === "info") return;
    const told = Object.entries(facts).map(([key, value]) => `${key}=${String(value)}`);
    this.complaints.push([name, ...told].join(" "));
  }

  measure(): void {}
}

/** How to make a rig. */
export interface RigOptions extends Omit<NodeOptions, "poolBytes"> {
  /** Blocks of the pool; 64 by default. */
  readonly poolBlocks?: number;
  /** Blocks of an extent; 64 by default. */
  readonly extentBlocks?: number;
  readonly storage?: Storage;
  readonly clock?: Clock;
}

/** A node with one database. */
export interface Rig {
  readonly node: Node;
  readonly database: Database;
  readonly witness: Witness;
  readonly global: (name?: string) => Global<Value>;
}

const BLOCK_BYTES = 8192;

/**
 * Runs `body` with a node over a pool of few blocks; afterwards the database must be sound, the node quiet.
 */
export async function withRig(options: RigOptions, body: (rig: Rig) => Promise<void>): Promise<void> {
  const { poolBlocks = 64, extentBlocks = 64, storage = createMemoryStorage(), clock, ...rest } = options;
  const witness = new Witness();
  const poolBytes = poolBlocks * BLOCK_BYTES;
  const world = clock === undefined ? { storage, observer: witness } : { storage, observer: witness, clock };
  const node = await openNode({ dir: "/node", poolBytes, ...rest }, world);
  try {
    const database = await node.mount("/db", { create: true, extentBlocks });
    await body({ node, database, witness, global: (name = "X") => database.global(name) });
    await assertSound(database);
    assertEquals(witness.complaints, []);
  } finally {
    await node.close();
  }
}

/** Waits until all that is queued was freed, then walks the whole database. */
export async function assertSound(database: Database): Promise<CheckReport> {
  await queueEmptied(database);
  const { engine } = database.core;
  const report = await checkDatabase(database.core);
  assertEquals(report.problems, []);
  assertEquals(report.queued, 0);
  assertEquals(engine.permits.left, engine.permits.total, "a step kept its permits");
  assertEquals(engine.pool.pinnedCount, 0, "a step kept its pins");
  return report;
}

/** Resolves when the free queue of a database is empty. */
export async function queueEmptied(database: Database): Promise<void> {
  const { engine, volume } = database.core;
  const spot = { frame: 0, index: 0 };
  const place = { volume, root: QUEUE_ROOT };
  for (let round = 0; round < 5_000; round++) {
    const found = await engine.readUnacknowledged((step) => {
      const answer = seekAfter(step, place, new Uint8Array(0), 0, true, spot);
      return answer === MISS ? AGAIN : answer;
    });
    if (found === 0) return;
    await new Promise((done) => setTimeout(done, 1));
  }
  assert(false, "the free queue was not worked off");
}
