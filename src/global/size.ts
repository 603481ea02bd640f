/** Size: what each global takes of a volume, by a walk over its blocks. */
import { AGAIN } from "../buffer/engine.ts";
import { MISS } from "../buffer/step.ts";
import { blockKind, KIND_BRANCH } from "../ground/block.ts";
import { childAt, entryCount, usedBytes, valueLength, valueOffset } from "../ground/entries.ts";
import { isLarge, largeBlocks, largeLength } from "../ground/large_value.ts";
import { findRoot, nextName, NO_ROOT } from "./catalog.ts";
import type { DatabaseCore } from "./database.ts";
import { Turns } from "./turns.ts";

/** What a global takes. */
export interface GlobalSize {
  /** Name of the global, without "^". */
  readonly name: string;
  /** Nodes with a value. */
  readonly nodes: number;
  readonly leaves: number;
  readonly branches: number;
  readonly valueBlocks: number;
  /** Bytes in use in all of these blocks. */
  readonly usedBytes: number;
}

/** What is added up. */
type Sums = { -readonly [K in Exclude<keyof GlobalSize, "name">]: number };

/**
 * The size of every global, in order. Each is as it is when it is reached; nothing should write meanwhile.
 */
export async function* sizesOf(
  database: DatabaseCore,
  signal?: AbortSignal,
): AsyncIterableIterator<GlobalSize> {
  const turns = new Turns(database.clock, signal);
  let name = "";
  for (;;) {
    const found = await nextGlobal(database, name);
    if (found === undefined) return;
    name = found.name;
    yield { name, ...await treeSize(database, found.root, turns) };
  }
}

async function nextGlobal(
  database: DatabaseCore,
  after: string,
): Promise<{ name: string; root: number } | undefined> {
  const { engine, volume } = database;
  const answer = await engine.read((step) => {
    database.admitRead();
    const name = nextName(step, volume, after);
    if (name === MISS) return AGAIN;
    if (name === undefined) return { next: undefined };
    const root = findRoot(step, volume, name);
    return root === MISS ? AGAIN : { next: { name, root } };
  });
  return answer.next;
}

/** Goes down one path at a time: what is kept is the children still to visit of each block of the path. */
async function treeSize(database: DatabaseCore, root: number, turns: Turns): Promise<Sums> {
  const sums: Sums = { nodes: 0, leaves: 0, branches: 0, valueBlocks: 0, usedBytes: 0 };
  const left = root === NO_ROOT ? [] : [root];
  for (let block = left.pop(); block !== undefined; block = left.pop()) {
    await turns.next();
    for (const child of (await childrenOf(database, block, sums)).reverse()) left.push(child);
  }
  return sums;
}

/** Adds one block of a tree to the sums; answers its children. */
function childrenOf(database: DatabaseCore, block: number, sums: Sums): Promise<number[]> {
  const { engine, volume } = database;
  return engine.read((step) => {
    database.admitRead();
    const frame = step.find(volume, block);
    if (frame === MISS) return AGAIN;
    const { bytes, blockSize } = step.pool;
    const base = frame * blockSize;
    const count = entryCount(bytes, base);
    sums.usedBytes += usedBytes(bytes, base, blockSize);
    if (blockKind(bytes, base) === KIND_BRANCH) {
      sums.branches++;
      return Array.from({ length: count }, (_, i) => childAt(bytes, base, i));
    }
    sums.leaves++;
    sums.nodes += count;
    for (let i = 0; i < count; i++) {
      const at = valueOffset(bytes, base, i);
      if (!isLarge(bytes, at)) continue;
      sums.valueBlocks += largeBlocks(bytes, at, valueLength(bytes, base, i)).length;
      sums.usedBytes += largeLength(bytes, at);
    }
    return [];
  });
}
