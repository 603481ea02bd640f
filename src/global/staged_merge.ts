/**
 * Staged merge: a merge of any size, in the memory of a few blocks, that happens at one instant.
 *
 * What the target's subtree will be is built aside, in small groups, as a tree of its own whose keys and
 * blocks are those of the target already. Its root stands on the free queue from the group that made it on,
 * so a crash, or whoever gives up, leaves nothing but work for the janitor. One last group, of bounded size,
 * puts it in place, cuts off what stood there, and takes it off the queue (graft.ts).
 *
 * While that lasts the databases stand still: their commit tickets are taken, and writes of others wait;
 * reads see what was before. All tickets are held before anything stands still, and then nothing is waited
 * for that could wait for them.
 */
import type { Change } from "../buffer/change.ts";
import { AGAIN, type Again, type Patience } from "../buffer/engine.ts";
import { MISS } from "../buffer/step.ts";
import { unlessAborted } from "../buffer/waiting.ts";
import { KIND_LEAF } from "../ground/block.ts";
import { compareBytes } from "../ground/bytes.ts";
import { isCode } from "../ground/errors.ts";
import { subtreeEnd } from "../ground/key.ts";
import { dropGlobal, findRoot, NO_ROOT, setRoot } from "./catalog.ts";
import { inTurn } from "./database.ts";
import { dequeueStaged, enqueueStaged } from "./free_queue.ts";
import { graft } from "./graft.ts";
import type { KeyRange } from "./kill.ts";
import { takeBlock } from "./space.ts";
import { writeEncoded } from "./store.ts";
import { type EncodedNode, respell, type SubtreePlace, SubtreeReader } from "./subtree_reader.ts";
import { DONE, mergeAround } from "./tree_write.ts";

/** Blocks' worth of nodes in one group: about what a change may hold without asking for more. */
const BATCH_BLOCKS = 8;
/** Groups between two pauses, so that others have their turn. */
const GROUPS_A_TURN = 2;
const PAUSE_MS = 1;

const NO_KEY: Uint8Array = new Uint8Array(0);

/** Copies a subtree to another place. */
export async function mergeStaged(
  origin: SubtreePlace,
  target: SubtreePlace,
  patience: Patience,
): Promise<void> {
  const holder = {};
  const databases = [...new Set([origin.database, target.database])]
    .sort((a, b) => a.volume.index - b.volume.index);
  let position: number;
  try {
    for (const database of databases) await database.takeTicket(holder, patience.signal);
    for (const database of databases) database.standStill(holder);
    position = await new StagedMerge(origin, target, holder, patience).run();
  } finally {
    for (const database of databases) database.giveTicket(holder);
  }
  const wait = target.database.engine.ackOf(position);
  if (wait !== undefined) await unlessAborted(wait, patience.signal);
}

class StagedMerge {
  readonly #target: SubtreePlace;
  readonly #source: SubtreeReader;
  readonly #kept: SubtreeReader;
  readonly #origin: SubtreePlace;
  readonly #holder: object;
  readonly #patience: Patience;
  readonly #range: KeyRange;
  /** Root of the staged tree. */
  #staged = NO_ROOT;
  /** The tree it becomes a part of; `NO_ROOT`: it becomes the global's whole tree. */
  #tree = NO_ROOT;
  /** Nodes in one group; becomes less when they are too much for the pool. */
  #most = Infinity;
  #groups = 0;

  constructor(
    origin: SubtreePlace,
    target: SubtreePlace,
    holder: object,
    patience: Patience,
  ) {
    this.#origin = origin;
    this.#target = target;
    this.#source = new SubtreeReader(origin, patience);
    this.#kept = new SubtreeReader(target, patience);
    this.#holder = holder;
    this.#patience = patience;
    const low = target.key;
    const high = new Uint8Array(low.length);
    const highLength = low.length === 0 ? -1 : subtreeEnd(low, low.length, high);
    this.#range = { low, lowLength: low.length, high, highLength };
  }

  /** Answers the journal position of the last group. */
  async run(): Promise<number> {
    const { volume, engine } = this.#target.database;
    try {
      if (await this.#source.peek() === undefined) return engine.journal.position;
      await this.#change((change) => this.#begin(change));
      for (;;) {
        const batch = await this.#batch();
        if (batch.length === 0) break;
        await this.#put(batch);
      }
      const position = await this.#change((change) => this.#end(change));
      await this.#tidy();
      return position;
    } finally {
      // What is on the queue yet is anybody's to free.
      volume.staged.delete(this.#staged);
      volume.onQueued?.();
    }
  }

  async #change(attempt: (change: Change) => undefined | Again): Promise<number> {
    const { database } = this.#target;
    const admitted = (change: Change): undefined | Again => {
      database.admitWrite();
      return attempt(change);
    };
    return (await inTurn(database.engine, [database], this.#holder, admitted, this.#patience)).position;
  }

  /** An empty tree on the queue. */
  #begin(change: Change): undefined | Again {
    const { volume } = this.#target.database;
    volume.staged.delete(this.#staged);
    const tree = this.#range.lowLength === 0 ? NO_ROOT : findRoot(change, volume, this.#target.name);
    if (tree === MISS) return AGAIN;
    const block = takeBlock(change, volume);
    if (block === MISS) return AGAIN;
    const isPart = tree !== NO_ROOT;
    const { low, high, lowLength, highLength } = isPart
      ? this.#range
      : { low: NO_KEY, lowLength: 0, high: NO_KEY, highLength: -1 };
    const end = highLength < 0 ? undefined : high;
    const named = isPart ? tree : block;
    const frame = change.createEntries(
      volume,
      block,
      KIND_LEAF,
      0,
      named,
      low,
      lowLength,
      end,
      highLength,
    );
    if (frame === MISS || enqueueStaged(change, volume, block) === MISS) return AGAIN;
    this.#tree = tree;
    this.#staged = block;
    volume.staged.add(block);
    return undefined;
  }

  /** The next nodes of the union, in order: of two under one key the source's. */
  async #batch(): Promise<EncodedNode[]> {
    const batch: EncodedNode[] = [];
    let left = BATCH_BLOCKS * this.#target.database.engine.pool.blockSize;
    while (left > 0) {
      // One after the other: should the first one fail, nobody would hear of the second.
      const coming = this.#source.peek();
      const source = coming instanceof Promise ? await coming : coming;
      const kept = this.#kept.peek();
      const own = kept instanceof Promise ? await kept : kept;
      const key = source === undefined
        ? undefined
        : respell(this.#origin, this.#target, source.key, source.key.length);
      const order = key === undefined ? 1 : own === undefined ? -1 : compareKeys(key, own.key);
      const node = order <= 0 ? { key: key!, value: source!.value } : own;
      if (node === undefined) break;
      const bytes = node.key.length + node.value.length;
      if (bytes > left && batch.length > 0) break;
      if (order <= 0) this.#source.skip();
      if (order >= 0) this.#kept.skip();
      batch.push(node);
      left -= bytes;
    }
    return batch;
  }

  /** Appends nodes to the staged tree, in as many groups as the pool asks for. */
  async #put(batch: readonly EncodedNode[]): Promise<void> {
    const { volume } = this.#target.database;
    const place = this.#tree === NO_ROOT
      ? { volume, root: this.#staged }
      : { volume, root: this.#staged, tree: this.#tree };
    for (let from = 0; from < batch.length;) {
      const to = Math.min(batch.length, from + this.#most);
      try {
        await this.#change((change) => {
          for (let i = from; i < to; i++) {
            const { key, value } = batch[i]!;
            if (writeEncoded(change, place, key, key.length, value, value.length) === MISS) return AGAIN;
          }
          return undefined;
        });
        from = to;
      } catch (error) {
        if (to - from === 1 || !isCode(error, "TRANSACTION_TOO_LARGE")) throw error;
        this.#most = (to - from) >> 1;
      }
      if (++this.#groups % GROUPS_A_TURN === 0) await this.#pause();
    }
  }

  /** The group that makes it happen. */
  #end(change: Change): undefined | Again {
    const { name, database } = this.#target;
    const { volume } = database;
    change.reveals();
    if (this.#tree !== NO_ROOT) {
      const place = { volume, root: this.#tree };
      return graft(change, place, this.#staged, this.#range) === MISS ? AGAIN : undefined;
    }
    if (dropGlobal(change, volume, name) === MISS) return AGAIN;
    if (setRoot(change, volume, name, this.#staged) === MISS) return AGAIN;
    return dequeueStaged(change, volume, this.#staged) === MISS ? AGAIN : undefined;
  }

  /** The cuts may have left leaves without entries beside the range; that they go is not owed. */
  async #tidy(): Promise<void> {
    if (this.#tree === NO_ROOT) return;
    const place = { volume: this.#target.database.volume, root: this.#tree };
    const { low, lowLength, high, highLength } = this.#range;
    // The key before all of the range: its last byte ends a subscript, and less ends none.
    const edges: Array<[Uint8Array, number]> = [[low, lowLength - 1], [high, highLength]];
    for (const [key, length] of edges) {
      try {
        await this.#change((change) => mergeAround(change, place, key, length) === DONE ? undefined : AGAIN);
      } catch {
        // It has happened; whoever waits for it learns elsewhere of what keeps it from being safe.
        return;
      }
    }
  }

  #pause(): Promise<void> {
    const { clock } = this.#target.database;
    const pause = new Promise<void>((done) => void clock.after(PAUSE_MS, done));
    return unlessAborted(pause, this.#patience.signal);
  }
}

function compareKeys(a: Uint8Array, b: Uint8Array): number {
  return compareBytes(a, 0, a.length, b, 0, b.length);
}
