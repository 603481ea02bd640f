/** Databases as files: closed, or left by a crash with journal and image journal; and what they ever held. */
import { MemoryFence } from "../../adapters/common/memory_fence.ts";
import { checkDatabase } from "../../src/global/check.ts";
import type { Value } from "../../src/ground/value.ts";
import type { Node } from "../../src/node/node.ts";
import { openNodeCore } from "../../src/node/open_node.ts";
import type { Database } from "../../src/node/database.ts";
import { RigClock, RigObserver, RigStorage, settle } from "../storage/rig.ts";
import { Prng } from "../support/prng.ts";

/** Directory of the database. */
export const DATABASE = "/data/hr";
/** Directory of the journals. */
const JOURNALS = "/data/journals";
const TURNS_MAX = 4000;

/** Files with a fence that knows nothing of who wrote them: all owners are gone. */
export class CrashedFiles extends RigStorage {
  readonly #fence = new MemoryFence();

  override get fence(): MemoryFence {
    return this.#fence;
  }

  /** The same files as another process has them. */
  sharedBy(): CrashedFiles {
    return Object.assign(new CrashedFiles(), { files: this.files });
  }

  /** The files of another storage, as they read now. */
  static of(files: RigStorage): CrashedFiles {
    const left = new CrashedFiles();
    for (const [path, file] of files.copy().files) left.files.set(path, file);
    return left;
  }
}

/** A node over files, with a clock that is turned while anything waits. */
export class TurnedNode {
  readonly node: Node;
  readonly #clock: RigClock;

  private constructor(node: Node, clock: RigClock) {
    this.node = node;
    this.#clock = clock;
  }

  /** Opens one; `seed` gives its incarnation. */
  static async open(storage: RigStorage, seed: number): Promise<TurnedNode> {
    const clock = new RigClock();
    const prng = new Prng(seed);
    const entropy = {
      traits: { version: 1, seeded: true } as const,
      fill: (into: Uint8Array): Uint8Array => {
        for (let i = 0; i < into.length; i++) into[i] = prng.below(256);
        return into;
      },
    };
    const options = { dir: JOURNALS, poolBytes: 48 * 8192, segmentBytes: 65_536 };
    const world = { storage, clock, entropy, observer: new RigObserver() };
    return new TurnedNode(await openNodeCore(options, world), clock);
  }

  /** What a promise comes to; throws when the clock has been turned for long and it is still waiting. */
  async run<T>(promise: Promise<T>): Promise<T> {
    let done = false;
    promise.then(() => done = true, () => done = true);
    for (let turn = 0; turn < TURNS_MAX && !done; turn++) {
      await settle();
      if (!done) this.#clock.turn(50);
    }
    if (!done) throw new Error(`It still waits after ${TURNS_MAX * 50} ms`);
    return await promise;
  }
}

/** Files, and everything that a sound reader may find in them. */
export interface SampleDatabase {
  readonly name: string;
  readonly files: RigStorage;
  /** What the database held after each commit, oldest first. */
  readonly states: readonly string[];
}

/** Makes both. */
export async function makeSampleDatabases(): Promise<SampleDatabase[]> {
  const storage = new CrashedFiles();
  const work = await TurnedNode.open(storage, 1);
  const database = await work.run(work.node.mount(DATABASE, { create: true, extentBlocks: 64 }));
  const states = [""];
  await work.run(fill(database, states, 0));
  await work.run(work.node.checkpoint());
  await work.run(fill(database, states, 1));
  const crashed = storage.copy();
  await work.run(work.node.close());
  return [
    { name: "left by a crash", files: crashed, states },
    { name: "closed", files: storage.copy(), states: states.slice(-1) },
  ];
}

/** Some commits of every kind: short and large values, several globals, kills. */
async function fill(database: Database, states: string[], round: number): Promise<void> {
  const prng = new Prng(100 + round);
  const note = async (): Promise<void> => void states.push(await contentOf(database));
  const one = database.global<Value>("Patient"), other = database.global<Value>("Visit");
  for (let i = 0; i < 25; i++) {
    const global = prng.once(3) ? other : one;
    if (prng.once(6)) await global.kill([prng.below(12)]);
    else if (prng.once(8)) await global.set([i, "large"], "x".repeat(prng.below(30_000, 4000)));
    else await global.set([prng.below(12), i], "value ".repeat(prng.below(60, 1)) + i);
    await note();
  }
}

/** All of a database as text. */
export async function contentOf(database: Database): Promise<string> {
  const lines: string[] = [];
  for await (const name of database.globals()) {
    for await (const [subscripts, value] of database.global<Value>(name).entries([])) {
      lines.push(`^${name}(${subscripts.join()})=${String(value)}`);
    }
  }
  return lines.join("\n");
}

/** What the check of a mounted database finds. */
export async function problemsOf(database: Database): Promise<number> {
  return (await checkDatabase(database.core)).problems.length;
}
