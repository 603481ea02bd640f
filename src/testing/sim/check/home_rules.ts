/**
 * Responsibility, kept at the disk itself (DESIGN D6): as long as a block is not home and durable, whatever
 * brings it there stays; and what comes after a sealed segment waits until that one is durable.
 */
import type { SimDisk, SimFile } from "../disk.ts";
import type { Problems } from "./problems.ts";
import { readRawBlock } from "./raw_block.ts";
import { identityOf, imagesOf, type NamedBlock, namedBySegment } from "./raw_journal.ts";

const BLOCK = 8192;
const SEGMENT = /^(.*\/journal\.)([0-9]{6,})$/;

/** The rules for one disk. */
export class HomeRules {
  readonly #disk: SimDisk;
  readonly #problems: Problems;

  constructor(disk: SimDisk, problems: Problems) {
    this.#disk = disk;
    this.#problems = problems;
  }

  /** A file goes: every block that a journal segment names is home and durable, or its volume is no more. */
  removed(file: SimFile): void {
    if (!SEGMENT.test(file.path)) return;
    for (const named of namedBySegment(file.cache)) {
      this.#needsHome(named, this.#disk.find(`${named.volume}/cohort.dat`), `${file.path} is removed`);
    }
  }

  /** An image journal is told that its cycle is home. */
  released(file: SimFile): void {
    const volumes = new Map<string, SimFile>();
    for (const it of this.#disk.files()) if (it.use === "volume") volumes.set(identityOf(it.durable), it);
    for (const named of imagesOf(file.cache)) {
      this.#needsHome(named, volumes.get(named.volume), `the images in ${file.path} are released`);
    }
  }

  /** A frame is written: what stands in the segment before it is durable. */
  framed(file: SimFile): void {
    const [, name, digits] = SEGMENT.exec(file.path) ?? [];
    if (name === undefined || digits === undefined) return;
    const before = this.#disk.find(name + String(Number(digits) - 1).padStart(6, "0"));
    if (before?.unsynced.some((change) => change.kind === "write") !== true) return;
    this.#problems.add("home", `${file.path} gets a frame, ${before.path} is not durable yet`);
  }

  #needsHome(named: NamedBlock, volume: SimFile | undefined, what: string): void {
    if (volume === undefined) return;
    const { block, stamp, tag } = named;
    if (!isOf(volume, tag)) return;
    const found = readRawBlock(volume.durable.slice(block * BLOCK, BLOCK), block);
    if (typeof found === "object" && found.stamp >= stamp) return;
    const stands = typeof found === "object" ? `stands at ${found.stamp}` : found ?? "was never written";
    this.#problems.add("home", `${what}, but block ${block} of ${volume.path} ${stands}, not at ${stamp}`);
  }
}

/** Whether a volume is the incarnation that a tag says; another may have been made in its place. */
function isOf(volume: SimFile, tag: number): boolean {
  return [0, 1].some((slot) => {
    const header = readRawBlock(volume.durable.slice(slot * BLOCK, BLOCK), slot);
    return typeof header === "object" && header.tag === tag;
  });
}
