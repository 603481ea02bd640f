/**
 * Responsibility, kept at the disk itself (DESIGN D6): as long as a block is not home and durable, whatever
 * brings it there stays; and what comes after a sealed segment waits until that one is durable.
 */
import type { SimDisk, SimFile } from "../disk.ts";
import type { Problems } from "./problems.ts";
import { identityOf, imagesOf, type NamedBlock, namedBySegment } from "./raw_journal.ts";

const BLOCK = 8192;
/** Bytes of a block's header that are looked at. */
const HEAD = 28;
const SEGMENT = /^(.*\/journal\.)([0-9]{6,})$/;

/** The rules for one disk. */
export class HomeRules {
  readonly #disk: SimDisk;
  readonly #problems: Problems;
  /** Identities of volumes, which never change. */
  readonly #identities = new WeakMap<SimFile, string>();

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
    for (const it of this.#disk.files()) if (it.use === "volume") volumes.set(this.#identity(it), it);
    for (const named of imagesOf(file.cache)) {
      this.#needsHome(named, volumes.get(named.volume), `the images in ${file.path} are released`);
    }
  }

  #identity(volume: SimFile): string {
    let identity = this.#identities.get(volume);
    if (identity === undefined) {
      identity = identityOf(volume.durable);
      this.#identities.set(volume, identity);
    }
    return identity;
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
    if (!this.#isOf(volume, tag)) return;
    // What is durable and was written as a whole needs no look at its checksum.
    const found = readHead(volume, block);
    if (found?.number === block && found.tag === tag && found.stamp >= stamp) return;
    const stands = found === undefined ? "was never written" : `stands at ${found.stamp}`;
    this.#problems.add("home", `${what}, but block ${block} of ${volume.path} ${stands}, not at ${stamp}`);
  }

  /** Whether a volume is the incarnation that a tag says; another may have been made in its place. */
  #isOf(volume: SimFile, tag: number): boolean {
    return [0, 1].some((slot) => {
      const head = readHead(volume, slot);
      return head?.number === slot && head.tag === tag;
    });
  }
}

/** What the durable header of a block says; undefined when it was never written. */
function readHead(
  { durable }: SimFile,
  block: number,
): { readonly number: number; readonly stamp: number; readonly tag: number } | undefined {
  const bytes = durable.peek(block * BLOCK, HEAD);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < HEAD || view.getUint32(0, true) === 0) return undefined;
  const stamp = view.getUint32(16, true) + view.getUint16(20, true) * 2 ** 32;
  return { number: view.getUint32(8, true), stamp, tag: view.getUint32(24, true) };
}
