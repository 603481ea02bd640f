/**
 * Check: the full walk: every block reachable once xor free, every fence, order, level and value whole (I7).
 *
 * Findings are listed, not thrown. It reads the database as it is; nothing should write meanwhile, for a
 * block that moves between two looks is told as a problem.
 */
import { AGAIN } from "../buffer/engine.ts";
import { MISS } from "../buffer/step.ts";
import {
  blockKind,
  blockLevel,
  blockTree,
  KIND_BRANCH,
  KIND_LEAF,
  KIND_MAP,
  KIND_VALUE,
} from "../ground/block.ts";
import { compareBytes, getU32 } from "../ground/bytes.ts";
import {
  childAt,
  entryCount,
  highInto,
  keyInto,
  lowInto,
  valueLength,
  valueOffset,
} from "../ground/entries.ts";
import { checkEntries } from "../ground/entries_check.ts";
import { CohortError } from "../ground/errors.ts";
import { isLarge, largeBlocks } from "../ground/large_value.ts";
import { KEY_BYTES_MAX } from "../ground/limits.ts";
import { mapAllocated, mapIsSet } from "../ground/space_map.ts";
import { decodeValue } from "../ground/value.ts";
import { CATALOG_ROOT, QUEUE_ROOT } from "../storage/volume.ts";
import type { DatabaseCore } from "./database.ts";
import { readAt } from "./store.ts";
import { Turns } from "./turns.ts";

/** One finding. */
export interface CheckProblem {
  /** The block it is about. */
  readonly block: number;
  /** What is wrong with it. */
  readonly problem: string;
}

/** What a check found. */
export interface CheckReport {
  /** Findings, at most 1000; none in a sound database. */
  readonly problems: readonly CheckProblem[];
  /** Globals that exist. */
  readonly globals: number;
  /** Nodes with a value. */
  readonly entries: number;
  /** Leaf blocks, those of the catalog and the free queue included. */
  readonly leaves: number;
  /** Branch blocks. */
  readonly branches: number;
  /** Blocks that hold large values. */
  readonly valueBlocks: number;
  /** Blocks waiting on the free queue. */
  readonly queued: number;
}

/** Most findings told; more of the same help nobody. */
const PROBLEMS_MAX = 1000;

/** Walks a whole database, or until the signal ends it. */
export function checkDatabase(database: DatabaseCore, signal?: AbortSignal): Promise<CheckReport> {
  return new Check(database, signal).run();
}

/** A copy of one block: what follows a wait must not lean on a frame. */
interface Look {
  readonly bytes: Uint8Array;
  readonly block: number;
}

class Check {
  readonly #database: DatabaseCore;
  readonly #turns: Turns;
  readonly #problems: CheckProblem[] = [];
  readonly #seen = new Set<number>();
  #globals = 0;
  #entries = 0;
  #leaves = 0;
  #branches = 0;
  #valueBlocks = 0;
  #queued = 0;

  constructor(database: DatabaseCore, signal: AbortSignal | undefined) {
    this.#database = database;
    this.#turns = new Turns(database.clock, signal);
  }

  async run(): Promise<CheckReport> {
    const roots: Array<{ root: number; name: string }> = [];
    await this.#tree(CATALOG_ROOT, (look, i) => {
      const key = new Uint8Array(KEY_BYTES_MAX);
      const length = keyInto(look.bytes, 0, i, key);
      const name = String.fromCharCode(...key.subarray(0, length));
      roots.push({ root: getU32(look.bytes, valueOffset(look.bytes, 0, i)), name });
    });
    const queue: Array<{ block: number; kind: number; listed: number[] }> = [];
    await this.#tree(QUEUE_ROOT, (look, i) => queue.push(queueEntry(look.bytes, i)));
    for (const { root } of roots) {
      this.#globals++;
      await this.#tree(root, (look, i) => this.#value(look, i));
    }
    for (const entry of queue) await this.#queuedEntry(entry);
    await this.#maps();
    return {
      problems: this.#problems,
      globals: this.#globals,
      entries: this.#entries,
      leaves: this.#leaves,
      branches: this.#branches,
      valueBlocks: this.#valueBlocks,
      queued: this.#queued,
    };
  }

  #tell(block: number, problem: string): void {
    if (this.#problems.length < PROBLEMS_MAX) this.#problems.push({ block, problem });
  }

  /** Reads one block and counts it as reached; undefined when it cannot be read or was reached before. */
  async #look(block: number): Promise<Look | undefined> {
    await this.#turns.next();
    this.#database.admitRead();
    if (this.#seen.has(block)) {
      this.#tell(block, "it is reached twice");
      return undefined;
    }
    this.#seen.add(block);
    const { engine, volume } = this.#database;
    try {
      const bytes = await engine.readUnacknowledged((step) => {
        const frame = step.find(volume, block);
        if (frame === MISS) return AGAIN;
        const base = frame * step.pool.blockSize;
        return step.pool.bytes.slice(base, base + step.pool.blockSize);
      });
      return { bytes, block };
    } catch (error) {
      if (!(error instanceof CohortError) || error.code === "STOPPED") throw error;
      this.#tell(block, error.message);
      return undefined;
    }
  }

  async #tree(root: number, visit: ((look: Look, index: number) => unknown) | undefined): Promise<void> {
    const none = new Uint8Array(0);
    await this.#subtree(root, root, -1, none, none, true, visit);
  }

  /** `high` empty with `open` means no upper bound. */
  async #subtree(
    block: number,
    root: number,
    level: number,
    low: Uint8Array,
    high: Uint8Array,
    open: boolean,
    visit: ((look: Look, index: number) => unknown) | undefined,
  ): Promise<void> {
    const look = await this.#look(block);
    if (look === undefined || !this.#sound(look, root, level)) return;
    const { bytes } = look;
    this.#fences(look, low, high, open);
    if (blockKind(bytes, 0) === KIND_LEAF) {
      this.#leaves++;
      for (let i = 0; i < entryCount(bytes, 0); i++) await visit?.(look, i);
      return;
    }
    this.#branches++;
    const key = new Uint8Array(KEY_BYTES_MAX);
    for (let i = 0; i < entryCount(bytes, 0); i++) {
      const from = key.slice(0, keyInto(bytes, 0, i, key));
      const last = i + 1 === entryCount(bytes, 0);
      const to = last ? high : key.slice(0, keyInto(bytes, 0, i + 1, key));
      await this.#subtree(
        childAt(bytes, 0, i),
        root,
        blockLevel(bytes, 0) - 1,
        from,
        to,
        last && open,
        visit,
      );
    }
  }

  #sound(look: Look, root: number, level: number): boolean {
    const { bytes, block } = look;
    const kind = blockKind(bytes, 0);
    const here = blockLevel(bytes, 0);
    if ((kind !== KIND_LEAF || here !== 0) && (kind !== KIND_BRANCH || here === 0)) {
      this.#tell(block, `it is of kind ${kind} at level ${here}, not a leaf or branch`);
      return false;
    }
    if (level >= 0 && here !== level) this.#tell(block, `it is at level ${here}, its parent says ${level}`);
    if (blockTree(bytes, 0) !== root) {
      this.#tell(block, `it belongs to tree ${blockTree(bytes, 0)}, not ${root}`);
    }
    const fault = checkEntries(bytes, 0, bytes.length);
    if (fault !== undefined) this.#tell(block, fault);
    if (fault === undefined && kind === KIND_BRANCH && entryCount(bytes, 0) === 0) {
      this.#tell(block, "it is a branch without children");
    }
    return fault === undefined;
  }

  #fences(look: Look, low: Uint8Array, high: Uint8Array, open: boolean): void {
    const key = new Uint8Array(KEY_BYTES_MAX);
    const lowLength = lowInto(look.bytes, 0, key);
    if (compareBytes(key, 0, lowLength, low, 0, low.length) !== 0) {
      this.#tell(look.block, "its low key is not the one its parent gives it");
    }
    const highLength = highInto(look.bytes, 0, key);
    const same = open ? highLength < 0 : highLength >= 0 &&
      compareBytes(key, 0, highLength, high, 0, high.length) === 0;
    if (!same) this.#tell(look.block, "its high key is not the one its parent gives it");
  }

  async #value(look: Look, index: number): Promise<void> {
    this.#entries++;
    const { bytes, block } = look;
    const at = valueOffset(bytes, 0, index);
    if (isLarge(bytes, at)) return await this.#large(bytes, block, index);
    try {
      decodeValue(bytes, at, at + valueLength(bytes, 0, index));
    } catch (error) {
      this.#tell(block, `entry ${index}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  async #large(bytes: Uint8Array, block: number, index: number): Promise<void> {
    const at = valueOffset(bytes, 0, index);
    for (const part of largeBlocks(bytes, at, valueLength(bytes, 0, index))) {
      const look = await this.#look(part);
      this.#valueBlocks++;
      if (look !== undefined && blockKind(look.bytes, 0) !== KIND_VALUE) {
        this.#tell(part, "it is no value block");
      }
    }
    const { engine, volume } = this.#database;
    try {
      await engine.readUnacknowledged((step) => {
        const frame = step.find(volume, block);
        if (frame === MISS) return AGAIN;
        return readAt(step, volume, frame * step.pool.blockSize, index) === AGAIN ? AGAIN : true;
      });
    } catch (error) {
      this.#tell(block, `entry ${index}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  async #queuedEntry(entry: { block: number; kind: number; listed: number[] }): Promise<void> {
    // A staged tree (kind 4) is one, too, until a last group makes it a part of another.
    if (entry.kind === 1 || entry.kind === 4) await this.#queuedSubtree(entry.block);
    else {
      for (const block of entry.kind === 2 ? [entry.block] : entry.listed) {
        if (this.#seen.has(block)) this.#tell(block, "it is queued to be freed and reached");
        this.#seen.add(block);
        this.#queued++;
      }
    }
  }

  /** A detached subtree: its blocks are used by nobody else; a branch may have lost children already. */
  async #queuedSubtree(block: number): Promise<void> {
    const look = await this.#look(block);
    if (look === undefined) return;
    this.#queued++;
    const { bytes } = look;
    const kind = blockKind(bytes, 0);
    if (kind !== KIND_LEAF && kind !== KIND_BRANCH) {
      return this.#tell(block, "a queued subtree is no leaf or branch");
    }
    for (let i = 0; i < entryCount(bytes, 0); i++) {
      if (kind === KIND_BRANCH) await this.#queuedSubtree(childAt(bytes, 0, i));
      else {
        const at = valueOffset(bytes, 0, i);
        if (!isLarge(bytes, at)) continue;
        for (const part of largeBlocks(bytes, at, valueLength(bytes, 0, i))) {
          if (this.#seen.has(part)) this.#tell(part, "it is queued to be freed and reached");
          this.#seen.add(part);
          this.#queued++;
        }
      }
    }
  }

  async #maps(): Promise<void> {
    const { volume } = this.#database;
    const { extentBlocks } = volume.facts;
    for (let extent = 0; extent < volume.freeIn.length; extent++) {
      const map = volume.mapBlockOf(extent);
      const look = await this.#look(map);
      if (look === undefined) continue;
      if (blockKind(look.bytes, 0) !== KIND_MAP) {
        this.#tell(map, "it is no space map");
        continue;
      }
      this.#map(look, extent);
      if (extentBlocks - mapAllocated(look.bytes, 0) !== volume.freeIn[extent]) {
        this.#tell(map, "its count of free blocks is not the one in memory");
      }
    }
  }

  #map(look: Look, extent: number): void {
    const { extentBlocks } = this.#database.volume.facts;
    for (let bit = 0; bit < extentBlocks; bit++) {
      const block = extent * extentBlocks + bit;
      const used = block < 2 || block === look.block || this.#seen.has(block);
      const marked = mapIsSet(look.bytes, 0, bit);
      if (used && !marked) this.#tell(block, "it is in use and the map calls it free");
      if (!used && marked) this.#tell(block, "nothing reaches it and the map calls it used");
    }
  }
}

function queueEntry(bytes: Uint8Array, index: number): { block: number; kind: number; listed: number[] } {
  const key = new Uint8Array(KEY_BYTES_MAX);
  keyInto(bytes, 0, index, key);
  const block = ((key[0]! << 24) | (key[1]! << 16) | (key[2]! << 8) | key[3]!) >>> 0;
  const at = valueOffset(bytes, 0, index);
  const listed: number[] = [];
  for (let i = 1; i + 4 <= valueLength(bytes, 0, index); i += 4) listed.push(getU32(bytes, at + i));
  return { block, kind: bytes[at]!, listed };
}
