/**
 * Owed blocks: what this member changed and sent on. Another answers for it, yet this member's journal stays
 * until the block has been read back from its volume, as changed or newer, and that was synced (DESIGN D6).
 */
import { atEnd } from "../ground/at_end.ts";
import { blockStamp } from "../ground/block.ts";
import type { Volume } from "../storage/volume.ts";
import type { Held } from "./held_block.ts";
import { KeptResults } from "./kept_results.ts";
import type { LeftBehind } from "./left_behind.ts";
import { NO_FRAME, type Pool } from "./pool.ts";
import { syncVolume } from "./write_cycle.ts";

/** Most blocks that are looked for at a time, and of those at once. */
const LOOK_BLOCKS = 256;
const LOOK_READS = 4;
/** Times that a block was sent on of which each is known by itself; later ones count as one. */
const SENDINGS_KEPT = 8;

/** A block that was sent on. */
export interface OwedBlock {
  readonly volume: Volume;
  readonly block: number;
}

/** One time that it was sent on. */
interface Sending {
  /** Position from which this member's journal is needed to redo what it changed until then. */
  readonly from: number;
  /** Its stamp when it was sent. */
  readonly stamp: number;
}

interface Owed extends OwedBlock {
  /** Oldest first. A block that comes and goes is never home as it was sent last, but as it was before. */
  sendings: Sending[];
}

/** The blocks that were sent on. */
export class OwedBlocks {
  /** What others asked for and may ask for again: it needs the journal, too. */
  readonly results: KeptResults = new KeptResults();
  readonly #left: LeftBehind;
  readonly #blocks = new Map<number, Owed>();
  #looking: Promise<readonly OwedBlock[]> | undefined;

  /** `left` is what else needs the journal: volumes that were let go of as they were. */
  constructor(left: LeftBehind) {
    this.#left = left;
  }

  /** How many there are. */
  get size(): number {
    return this.#blocks.size;
  }

  /** Whether one of a volume is among them. */
  has(volume: Volume): boolean {
    for (const owed of this.#blocks.values()) if (owed.volume === volume) return true;
    return false;
  }

  /** A block is sent on, changed here or before it came here. */
  add({ volume, block, frame }: Held, pool: Pool): void {
    if (frame === NO_FRAME) return;
    const key = volume.index * 2 ** 32 + block;
    let owed = this.#blocks.get(key);
    if (owed === undefined) this.#blocks.set(key, owed = { volume, block, sendings: [] });
    const stamp = blockStamp(pool.bytes, frame * pool.blockSize);
    const last = owed.sendings.length < SENDINGS_KEPT ? undefined : owed.sendings.pop();
    owed.sendings.push({ from: last?.from ?? pool.neededFrom[frame]!, stamp });
  }

  /** Forgets those of a volume, which nobody brings home any more: the lowest position that they need. */
  forsake(volume: Volume): number {
    let oldest = Infinity;
    for (const [key, owed] of this.#blocks) {
      if (owed.volume !== volume) continue;
      oldest = Math.min(oldest, fromOf(owed));
      this.#blocks.delete(key);
    }
    return oldest;
  }

  /**
   * Lowest position that one of them, an answer, or a volume left behind needs; `otherwise` when there is
   * none.
   */
  oldest(otherwise: number): number {
    let oldest = this.results.oldest(this.#left.oldest(otherwise));
    for (const owed of this.#blocks.values()) oldest = Math.min(oldest, fromOf(owed));
    return oldest;
  }

  /**
   * Looks which of the oldest are home by now, and syncs their volumes; answers those that are not. What
   * nobody brings home, for its volume must not be used, is not looked for. Reads some, a few at once.
   * Whoever comes meanwhile shares the look: a volume of which none is left may be closed. Rejects
   * `SYNC_FAILED`.
   */
  lookHome(): Promise<readonly OwedBlock[]> {
    return this.#looking ??= atEnd(this.#look(), () => this.#looking = undefined);
  }

  async #look(): Promise<readonly OwedBlock[]> {
    const oldest = oldestOf(this.#blocks.values(), LOOK_BLOCKS);
    const home = new Map<Owed, number>();
    let next = 0;
    const read = async (): Promise<void> => {
      while (next < oldest.length) {
        const owed = oldest[next++]!;
        home.set(owed, await homeStamp(owed));
      }
    };
    await Promise.all(Array.from({ length: LOOK_READS }, read));
    const news = [...home].filter(([{ sendings }, stamp]) => sendings[0]!.stamp <= stamp);
    const volumes = new Set(news.map(([{ volume }]) => volume));
    for (const volume of volumes) if (!await syncVolume(volume)) volumes.delete(volume);
    for (const [owed, stamp] of home) {
      if (!volumes.has(owed.volume)) continue;
      owed.sendings = owed.sendings.filter((it) => it.stamp > stamp);
      if (owed.sendings.length === 0) this.#blocks.delete(owed.volume.index * 2 ** 32 + owed.block);
    }
    return oldest.filter(({ sendings }) => sendings.length > 0);
  }
}

/**
 * The oldest of many whose volumes may be used, in order. One pass, as nearly all are younger than the last
 * that was picked: where two members write to all of a large volume, sorting them took a tenth of their time.
 */
function oldestOf(all: Iterable<Owed>, most: number): Owed[] {
  const picked: Owed[] = [];
  for (const owed of all) {
    if (owed.volume.quarantine !== undefined) continue;
    const from = fromOf(owed);
    if (picked.length === most && from >= fromOf(picked[most - 1]!)) continue;
    let at = picked.length === most ? most - 1 : picked.length;
    for (; at > 0 && fromOf(picked[at - 1]!) > from; at--) picked[at] = picked[at - 1]!;
    picked[at] = owed;
  }
  return picked;
}

function fromOf({ sendings }: Owed): number {
  return sendings[0]!.from;
}

/** The stamp that a block has on its volume; 0 when it cannot be read. */
async function homeStamp({ volume, block }: OwedBlock): Promise<number> {
  try {
    const { bytes, fault } = await volume.readRaw(block);
    return fault === undefined ? blockStamp(bytes, 0) : 0;
  } catch {
    return 0;
  }
}
