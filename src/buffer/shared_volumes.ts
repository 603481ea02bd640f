/** Shared volumes: those of which a member uses blocks by leave of others, and what that has cost it. */
import { sumOf, VolumeCounts } from "./block_counts.ts";
import type { CoherenceCounts } from "./coherence_world.ts";
import type { Volume } from "../storage/volume.ts";
import { quarantined } from "./engine.ts";
import { notMounted } from "./loader.ts";

/** Of one member, by tag of the volume. */
export class SharedVolumes {
  readonly #volumes = new Map<number, Volume>();
  readonly #counts = new Map<number, VolumeCounts>();

  /** Those that are shared now. */
  get all(): Volume[] {
    return [...this.#volumes.values()];
  }

  /** Their tags. */
  get tags(): number[] {
    return [...this.#volumes.keys()];
  }

  /** What all have cost together, those too that are shared no more. */
  get sum(): CoherenceCounts {
    return sumOf(this.#counts.values());
  }

  /** Whether one is shared. */
  has(tag: number): boolean {
    return this.#volumes.has(tag);
  }

  /** Whether one is shared, and may be used. */
  isUsed(tag: number): boolean {
    const volume = this.#volumes.get(tag);
    return volume !== undefined && volume.quarantine === undefined;
  }

  /**
   * Throws why a volume may not be used; what is told of the blocks of one that is not shared nobody hears.
   */
  expect(volume: Volume): void {
    if (this.#volumes.get(volume.facts.tag) !== volume) throw notMounted(volume.path);
    if (volume.quarantine !== undefined) throw quarantined(volume);
  }

  /** The one of a tag, if it is shared. */
  find(tag: number): Volume | undefined {
    return this.#volumes.get(tag);
  }

  /** One begins to be shared. */
  add(volume: Volume): void {
    this.#volumes.set(volume.facts.tag, volume);
  }

  /** It ends. */
  delete(volume: Volume): void {
    this.#volumes.delete(volume.facts.tag);
  }

  /** What it has cost since it was shared here first. */
  countsOf({ facts: { tag } }: Volume): VolumeCounts {
    let counts = this.#counts.get(tag);
    if (counts === undefined) this.#counts.set(tag, counts = new VolumeCounts());
    return counts;
  }

  /** The same by tag, if it ever was. */
  findCounts(tag: number): VolumeCounts | undefined {
    return this.#counts.get(tag);
  }
}
