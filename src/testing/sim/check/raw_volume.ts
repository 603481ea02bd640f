/**
 * A whole volume walked from its bytes: every block reachable exactly once or free, in order, between its
 * fences, and itself. It shares no line with the engine, so that the two cannot be wrong together.
 */
import { textOfValue } from "../model/values.ts";
import type { PagedBytes } from "../pages.ts";
import {
  compareRaw,
  RAW_KIND,
  type RawBlock,
  type RawEntries,
  readEntries,
  readRawBlock,
} from "./raw_block.ts";
import { isWholeLarge, readStoredValue, textOfStoredKey } from "./raw_values.ts";

/** Geometry of a volume. */
export interface RawGeometry {
  readonly blockSize: number;
  readonly extentBlocks: number;
}

/** What was found. */
export interface RawReport {
  readonly problems: string[];
  /** Value texts by key text, for each global. */
  readonly globals: Map<string, Map<string, string>>;
  /** Blocks written by anyone, ever. */
  readonly written: number;
  /** Blocks reachable from the catalog, the queue and the fixed places. */
  readonly reachable: number;
  readonly stampMax: number;
}

const CATALOG = 3;
const QUEUE = 4;
const LEVELS_MAX = 16;

/** Walks a volume that was closed cleanly, so that everything is home. */
export function walkVolume(image: PagedBytes, geometry: RawGeometry): RawReport {
  return new Walk(image, geometry).run();
}

interface Fences {
  readonly low: Uint8Array;
  readonly high: Uint8Array | undefined;
}

const EVERYTHING: Fences = { low: new Uint8Array(0), high: undefined };

class Walk {
  readonly #image: PagedBytes;
  readonly #geometry: RawGeometry;
  readonly #problems: string[] = [];
  /** By whom each block is reached. */
  readonly #reached = new Map<number, string>();
  readonly #blocks = new Map<number, RawBlock | string>();
  #tag: number | undefined;
  #written = 0;
  #stampMax = 0;

  constructor(image: PagedBytes, geometry: RawGeometry) {
    this.#image = image;
    this.#geometry = geometry;
  }

  run(): RawReport {
    const globals = new Map<string, Map<string, string>>();
    for (const fixed of [0, 1]) this.#reach(fixed, "header slot");
    if ([0, 1].every((slot) => typeof this.#read(slot) !== "object")) this.#say("both header slots are bad");
    const allocated = this.#maps();
    for (const [name, value] of this.#tree(CATALOG, "catalog")) {
      const root = new DataView(value.buffer, value.byteOffset).getUint32(0, true);
      globals.set(new TextDecoder().decode(name), this.#global(root, `^${new TextDecoder().decode(name)}`));
    }
    for (const [key, value] of this.#tree(QUEUE, "queue")) this.#queued(key, value);
    this.#compare(allocated);
    return {
      problems: this.#problems,
      globals,
      written: this.#written,
      reachable: this.#reached.size,
      stampMax: this.#stampMax,
    };
  }

  #say(text: string): void {
    if (this.#problems.length < 20) this.#problems.push(text);
  }

  #read(number: number): RawBlock | string | undefined {
    const known = this.#blocks.get(number);
    if (known !== undefined) return known;
    const { blockSize } = this.#geometry;
    const inside = (number + 1) * blockSize <= this.#image.size;
    if (inside && this.#image.isHole(number * blockSize, blockSize)) return undefined;
    const bytes = this.#image.peek(number * blockSize, blockSize);
    if (bytes.length < blockSize) return "the volume ends before it";
    const block = readRawBlock(bytes, number);
    if (typeof block === "object") {
      this.#tag ??= block.tag;
      if (block.tag !== this.#tag) return `its volume tag is ${block.tag}, not ${this.#tag}`;
      this.#stampMax = Math.max(this.#stampMax, block.stamp);
    }
    if (block !== undefined) this.#blocks.set(number, block);
    return block;
  }

  #reach(number: number, by: string): boolean {
    const other = this.#reached.get(number);
    if (other === undefined) {
      this.#reached.set(number, by);
      return true;
    }
    this.#say(`block ${number} is reached by ${other} and by ${by}`);
    return false;
  }

  /** A block of one of the kinds, reached by `by`. */
  #need(number: number, kinds: readonly number[], by: string): RawBlock | undefined {
    if (!this.#reach(number, by)) return undefined;
    const block = this.#read(number);
    if (block === undefined) this.#say(`block ${number} (${by}) was never written`);
    else if (typeof block === "string") this.#say(`block ${number} (${by}): ${block}`);
    else if (!kinds.includes(block.kind)) this.#say(`block ${number} (${by}) is of kind ${block.kind}`);
    else return block;
    return undefined;
  }

  /** Block numbers that the space maps call used. */
  #maps(): Set<number> {
    const { blockSize, extentBlocks } = this.#geometry;
    const blocks = Math.floor(this.#image.size / blockSize);
    const allocated = new Set<number>();
    for (let extent = 0; extent * extentBlocks < blocks; extent++) {
      const at = extent === 0 ? 2 : extent * extentBlocks;
      if (extent > 0 && this.#read(at) === undefined) continue;
      const map = this.#need(at, [RAW_KIND.map], `map of extent ${extent}`);
      if (map === undefined) continue;
      let count = 0;
      for (let bit = 0; bit < extentBlocks; bit++) {
        if (((map.bytes[40 + (bit >> 3)] as number) & (1 << (bit & 7))) === 0) continue;
        allocated.add(extent * extentBlocks + bit);
        count++;
      }
      if (count !== map.count) this.#say(`map of extent ${extent} counts ${map.count}, has ${count}`);
    }
    for (let number = 0; number < blocks; number++) if (this.#read(number) !== undefined) this.#written++;
    return allocated;
  }

  #compare(allocated: ReadonlySet<number>): void {
    for (const [number, by] of this.#reached) {
      if (!allocated.has(number)) this.#say(`block ${number} (${by}) is free in the map`);
    }
    for (const number of allocated) {
      if (!this.#reached.has(number)) this.#say(`block ${number} is used in the map, nothing reaches it`);
    }
  }

  #global(root: number, name: string): Map<string, string> {
    const nodes = new Map<string, string>();
    for (const [key, stored] of this.#tree(root, name)) {
      try {
        const value = readStoredValue(stored);
        nodes.set(
          textOfStoredKey(key),
          textOfValue("blocks" in value ? this.#large(value, name) : value.value),
        );
      } catch (error) {
        this.#say(`${name}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
    return nodes;
  }

  #large(value: { length: number; checksum: number; blocks: readonly number[] }, name: string): unknown {
    const parts: Uint8Array[] = [];
    for (const number of value.blocks) {
      const block = this.#need(number, [RAW_KIND.value], `value of ${name}`);
      if (block !== undefined) parts.push(block.bytes.subarray(40, 40 + block.payload));
    }
    const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) {
      whole.set(part, at);
      at += part.length;
    }
    if (!isWholeLarge(whole, value.length, value.checksum)) throw new Error("a large value is not whole");
    const inner = readStoredValue(whole);
    return "blocks" in inner ? undefined : inner.value;
  }

  /** Entries of all leaves of a tree, in order. */
  #tree(root: number, name: string): [Uint8Array, Uint8Array][] {
    const found: [Uint8Array, Uint8Array][] = [];
    this.#descend(root, root, undefined, EVERYTHING, name, found);
    return found;
  }

  #descend(
    number: number,
    root: number,
    level: number | undefined,
    fences: Fences | undefined,
    name: string,
    found: [Uint8Array, Uint8Array][],
  ): void {
    const block = this.#need(number, [RAW_KIND.leaf, RAW_KIND.branch], name);
    if (block === undefined) return;
    const faults: string[] = [];
    const content = readEntries(block, faults);
    if (block.tree !== root) faults.push(`its tree is ${block.tree}, not ${root}`);
    if (level !== undefined && block.level !== level) {
      faults.push(`its level is ${block.level}, not ${level}`);
    }
    if (block.level > LEVELS_MAX) faults.push(`its level is ${block.level}`);
    if ((block.kind === RAW_KIND.leaf) !== (block.level === 0)) {
      faults.push("its kind does not fit its level");
    }
    if (fences !== undefined) checkFences(content, fences, faults);
    for (const fault of faults) this.#say(`block ${number} (${name}): ${fault}`);
    if (block.level > LEVELS_MAX) return;
    if (block.kind === RAW_KIND.leaf) {
      for (const { key, value } of content.entries) found.push([key, value]);
      return;
    }
    this.#children(block, content, root, fences !== undefined, name, found);
  }

  #children(
    block: RawBlock,
    content: RawEntries,
    root: number,
    fenced: boolean,
    name: string,
    found: [Uint8Array, Uint8Array][],
  ): void {
    const { entries, low, high } = content;
    const first = entries[0];
    if (fenced && first === undefined) {
      this.#say(`block ${block.number} (${name}): a branch without children`);
    }
    if (fenced && first !== undefined && compareRaw(first.key, low) !== 0) {
      this.#say(`block ${block.number} (${name}): its first key is not its low key`);
    }
    entries.forEach(({ key, value }, i) => {
      const child = new DataView(value.buffer, value.byteOffset, value.byteLength).getUint32(0, true);
      const next = entries[i + 1];
      const fences = { low: key, high: next === undefined ? high : next.key };
      this.#descend(child, root, block.level - 1, fenced ? fences : undefined, name, found);
    });
  }

  /** An entry of the free queue: 1 a block and all below it, 2 a block alone, 3 a list of blocks. */
  #queued(key: Uint8Array, value: Uint8Array): void {
    const number = new DataView(key.buffer, key.byteOffset, key.byteLength).getUint32(0);
    if (value[0] === 2) {
      this.#reach(number, "queue");
    } else if (value[0] === 3) {
      const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
      for (let at = 1; at + 4 <= value.length; at += 4) this.#reach(view.getUint32(at, true), "queue");
    } else {
      const cut: [Uint8Array, Uint8Array][] = [];
      const block = this.#read(number);
      const tree = typeof block === "object" ? block.tree : 0;
      this.#descend(number, tree, undefined, undefined, "queued subtree", cut);
      for (const [, stored] of cut) {
        const large = readStoredValue(stored);
        if ("blocks" in large) { for (const part of large.blocks) this.#reach(part, "queued value"); }
      }
    }
  }
}

function checkFences(content: RawEntries, fences: Fences, faults: string[]): void {
  if (compareRaw(content.low, fences.low) !== 0) faults.push("its low key is not the separator above it");
  const { high } = content;
  const same = high === undefined || fences.high === undefined
    ? high === fences.high
    : compareRaw(high, fences.high) === 0;
  if (!same) faults.push("its high key is not the next separator above it");
}
