/**
 * Volume: one open database file, its geometry, and blocks read from it only when they prove to be
 * themselves.
 *
 * Every read is checked for checksum, address, volume and stamp: a block older than the one this mount put
 * home is a lost or misdirected write or a stale read, and is loud. Knows nothing of pools, trees or who may
 * write.
 */
import { atEnd } from "../ground/at_end.ts";
import { blockStamp, isBlank, verifyBlock } from "../ground/block.ts";
import { CohortError, isCode } from "../ground/errors.ts";
import type { Answer, BlockWrite, VolumeFile } from "../ports/mod.ts";
import { isPending } from "../ports/mod.ts";
import { syncFailed } from "./journal_waiters.ts";

/** Which block is the root of the catalog of globals, in every volume. */
export const CATALOG_ROOT = 3;
/** Which block is the root of the queue of blocks to free, in every volume. */
export const QUEUE_ROOT = 4;

/** What a volume is, from its header. */
export interface VolumeFacts {
  readonly blockSize: number;
  readonly extentBlocks: number;
  /** Low 32 bits that every block of this volume incarnation carries. */
  readonly tag: number;
  /** 32 hexadecimal digits. */
  readonly id: string;
  /** 32 hexadecimal digits; another after restore or copy. */
  readonly incarnation: string;
}

/** What a read found: the block itself, or a place never written. */
export type BlockFound = "block" | "blank";

/** Takes free blocks of a shared volume before they are needed. */
export interface BlocksAhead {
  /**
   * A free block is used by this member, and `next` is the free one behind it: how many behind it it should
   * have soon, mostly 0.
   */
  took(block: number, next: number): number;
  /** Those: the next free ones, in their order. */
  have(blocks: readonly number[]): void;
  /** Takes no more; what is on its way is given back when it comes. */
  end(): void;
}

/** One open volume. */
export class Volume {
  readonly facts: VolumeFacts;
  /** Its number in the journal's volume table and in the pool. */
  readonly index: number;
  readonly path: string;
  readonly readOnly: boolean;
  /** Set when the volume must not be used: every access is refused with this cause. */
  quarantine: CohortError | undefined;
  /** Whether other members use it too: then each block is had by leave of its keeper (DESIGN D6). */
  isShared = false;
  /**
   * Lets a growth run alone among all members that use the volume; undefined where nobody else does. It
   * settles as the growth does.
   */
  growAlone: ((growth: () => Promise<void>) => Promise<void>) | undefined;
  /** Takes free blocks before they are needed; undefined where nobody else uses the volume. */
  ahead: BlocksAhead | undefined;
  /** Called after a group that put something on the free queue. */
  onQueued: (() => void) | undefined;
  /** Roots of staged trees that somebody builds now: others that the free queue names are leftovers. */
  readonly staged: Set<number> = new Set();
  /**
   * Rises with every change of the catalog of globals: cached roots of another version are looked up again.
   */
  catalogVersion = 1;
  /**
   * Rises with every change but a put into one leaf: what was known of the shape of its trees is looked up
   * again.
   */
  shapeVersion = 1;
  /** Roots that were leaves when somebody last came to change them here: a hint. */
  readonly leafRoots: Set<number> = new Set();
  /** Free blocks of each extent, by its map; the extents that exist. */
  readonly freeIn: number[] = [];

  readonly #file: VolumeFile;
  /** Stamps put home since the mount, by extent: what a later read may not fall below. */
  readonly #homeStamps = new Map<number, Float64Array>();
  #blocks: number;
  /** Set once a sync has failed. */
  #syncFailure: CohortError | undefined;
  /** The growth begun last, while it runs. */
  #growth: { readonly blocks: number; readonly done: Promise<void> } | undefined;

  constructor(file: VolumeFile, facts: VolumeFacts, index: number, blocks: number, readOnly: boolean) {
    this.#file = file;
    this.facts = facts;
    this.index = index;
    this.path = file.path;
    this.readOnly = readOnly;
    this.#blocks = blocks;
  }

  /** Size in blocks, as far as space is really allocated. */
  get blocks(): number {
    return this.#blocks;
  }

  /** The map block of an extent. */
  mapBlockOf(extent: number): number {
    return extent === 0 ? 2 : extent * this.facts.extentBlocks;
  }

  /** Reads one block into `bytes` at `base`; rejects `CORRUPT` with what was expected and found. */
  read(block: number, bytes: Uint8Array, base: number): Answer<BlockFound> {
    const size = this.facts.blockSize;
    if (block >= this.#blocks) throw this.#corrupt(block, "the volume ends before it");
    const answer = this.#file.read(block, bytes.subarray(base, base + size));
    if (isPending(answer)) return answer.then((count) => this.#judge(block, bytes, base, count));
    return this.#judge(block, bytes, base, answer);
  }

  /** Reads one block as it is, for recovery and tools: its bytes, and what is wrong with it if anything. */
  async readRaw(block: number): Promise<{ readonly bytes: Uint8Array; readonly fault: string | undefined }> {
    const size = this.facts.blockSize;
    const bytes = new Uint8Array(size);
    const count = await readWhole(this.#file, block, bytes);
    if (count !== size) return { bytes, fault: `only ${count} of ${size} bytes could be read` };
    if (isBlank(bytes, 0, size)) return { bytes, fault: "blank" };
    return { bytes, fault: verifyBlock(bytes, 0, size, block, this.facts.tag) };
  }

  /** Writes blocks home and remembers their stamps. Not durable before `sync`. */
  write(set: readonly BlockWrite[]): Answer<void> {
    const answer = this.#file.write(set);
    if (isPending(answer)) return answer.then(() => this.#remember(set));
    this.#remember(set);
  }

  /**
   * Makes what was written durable. Rejects `SYNC_FAILED`, and from then on always, without another try: what
   * the file system dropped would be taken for durable (DESIGN D4c). Whoever opens the volume anew recovers.
   */
  sync(): Answer<void> {
    if (this.#syncFailure !== undefined) throw this.#syncFailure;
    try {
      const answer = this.#file.sync();
      return isPending(answer) ? answer.catch((error) => this.#failSync(error)) : answer;
    } catch (error) {
      return this.#failSync(error);
    }
  }

  #failSync(error: unknown): never {
    if (isCode(error, "CLOSED")) throw error;
    throw this.#syncFailure ??= syncFailed(this.path, error);
  }

  /**
   * Makes the volume at least `blocks` long; who asks for no more shares a growth under way. Rejects `FULL`.
   */
  grow(blocks: number): Promise<void> {
    if (blocks <= this.#blocks) return Promise.resolve();
    const running = this.#growth;
    if (running !== undefined && running.blocks >= blocks) return running.done;
    const done = atEnd(this.#grow(blocks), () => {
      if (this.#growth?.done === done) this.#growth = undefined;
    });
    this.#growth = { blocks, done };
    return done;
  }

  /** The same before anybody needs it: a failure is told to whoever then asks again. */
  growAhead(blocks: number): void {
    if (this.#growth === undefined) this.grow(blocks).catch(() => {});
  }

  async #grow(blocks: number): Promise<void> {
    if (this.growAlone !== undefined) return await this.growAlone(() => this.#lengthen(blocks));
    await this.#file.grow(blocks);
    if (blocks > this.#blocks) this.#blocks = blocks;
  }

  /** The same of a file that others lengthen, and write to, as well: they may have done it already. */
  async #lengthen(blocks: number): Promise<void> {
    await this.measure();
    if (blocks <= this.#blocks) return;
    await this.#file.grow(blocks, true);
    await this.measure();
  }

  /** Looks how long it is by now: other members may have made it longer. */
  async measure(): Promise<void> {
    const blocks = await this.#file.size();
    if (blocks > this.#blocks) this.#blocks = blocks;
  }

  /** Closes the file, once it grows no more. */
  close(): Answer<void> {
    const growth = this.#growth;
    if (growth === undefined) return this.#file.close();
    return growth.done.catch(() => {}).then(() => this.#file.close());
  }

  #judge(block: number, bytes: Uint8Array, base: number, count: number): BlockFound {
    const size = this.facts.blockSize;
    if (count !== size) throw this.#corrupt(block, `only ${count} of ${size} bytes could be read`);
    if (isBlank(bytes, base, size)) {
      if (this.#homeStamp(block) > 0) throw this.#corrupt(block, "it is blank though it was written");
      return "blank";
    }
    const fault = verifyBlock(bytes, base, size, block, this.facts.tag);
    if (fault !== undefined) throw this.#corrupt(block, fault);
    const stamp = blockStamp(bytes, base);
    const least = this.#homeStamp(block);
    if (stamp < least) {
      throw this.#corrupt(block, `its stamp ${stamp} is older than ${least}, which was put home`);
    }
    return "block";
  }

  #remember(set: readonly BlockWrite[]): void {
    const extentBlocks = this.facts.extentBlocks;
    for (const { block, bytes } of set) {
      const extent = Math.floor(block / extentBlocks);
      let stamps = this.#homeStamps.get(extent);
      if (stamps === undefined) {
        stamps = new Float64Array(extentBlocks);
        this.#homeStamps.set(extent, stamps);
      }
      stamps[block % extentBlocks] = blockStamp(bytes, 0);
    }
  }

  #homeStamp(block: number): number {
    const extentBlocks = this.facts.extentBlocks;
    return this.#homeStamps.get(Math.floor(block / extentBlocks))?.[block % extentBlocks] ?? 0;
  }

  #corrupt(block: number, found: string): CohortError {
    return new CohortError("CORRUPT", `Could not read block ${block} of ${this.path}: ${found}`, {
      path: this.path,
      block,
      found,
    });
  }
}

/**
 * Reads from a block on, for those who would take what is missing for damage: a read may stop short; where
 * the file ends, it stops at the same place again. Returns how many bytes there are.
 */
export async function readWhole(file: VolumeFile, block: number, into: Uint8Array): Promise<number> {
  let count = await file.read(block, into);
  for (let before = -1; count < into.length && count !== before;) {
    before = count;
    count = await file.read(block, into);
  }
  return count;
}
