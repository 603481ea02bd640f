/**
 * Rules kept at the disk itself, whatever the engine believes: no block leaves memory before the redo that
 * made it is durable, none goes home before its image is durable, and no block in place gets older.
 *
 * Journals and image journals are read here a second time, from their byte layout alone.
 */
import { crc32 } from "node:zlib";
import type { SimDisk, SimFile } from "../disk.ts";
import type { PagedBytes } from "../pages.ts";
import type { DiskWatch } from "../sim_storage.ts";
import { HomeRules } from "./home_rules.ts";
import type { Problems } from "./problems.ts";
import { RAW_KIND, readRawBlock } from "./raw_block.ts";

const BLOCK = 8192;
const FRAME_MAGIC = 0x3146_4a43;
const FRAME_HEADER = 56;
const CYCLE_MAGIC = 0x3143_4943;
const ENTRY_MAGIC = 0x3145_4943;
const ENTRIES_AT = 4096;
/** Where an image journal is told that its cycle is home. */
const RELEASE_AT = 2048;
const ENTRY_HEADER = 64;
/** Blocks of a volume that do not go home through the image journal: its two header slots. */
const HEADER_SLOTS = 2;
/** Images remembered; older ones are looked up on the disk again. */
const IMAGES_MAX = 4096;

/** Watches one disk. */
export class DiskRules implements DiskWatch {
  /** False while the drive betrays: then what reaches it says nothing about the engine. */
  active = true;
  readonly #disk: SimDisk;
  readonly #problems: Problems;
  readonly #home: HomeRules;
  /** Highest stamp of a group that is durable in some journal. */
  #durableStamp = 1;
  /** True where one database is all there is: then its owners follow each other. */
  readonly #isAlone: boolean;
  /** Highest stamp of any group that was written, lost ones too. */
  #highestStamp = 0;
  /** What had been written when an owner's first group was. */
  readonly #floors = new Map<string, number>();
  readonly #isShared: boolean;
  /** Where the next frame of a journal file is looked for. */
  readonly #scanned = new WeakMap<SimFile, number>();
  /** Images that are durable, by block and checksum. */
  readonly #images = new Set<string>();

  /** `isShared`: the disk of a cluster, whose members write at the same time. */
  constructor(disk: SimDisk, problems: Problems, databases: number, isShared = false) {
    this.#isAlone = databases === 1 && !isShared;
    this.#isShared = isShared;
    this.#disk = disk;
    this.#problems = problems;
    this.#home = new HomeRules(disk, problems);
  }

  removed(file: SimFile): void {
    if (this.active && file.use === "journal") this.#home.removed(file);
  }

  synced(file: SimFile): void {
    if (file.use === "journal") this.#readJournal(file);
    else if (file.use === "image") this.#readImages(file);
  }

  written(file: SimFile, position: number, bytes: Uint8Array): void {
    if (this.active && file.use === "journal") this.#judgeFrame(file, bytes);
    // A block that was sent to another member left the cycle: that one brings it home.
    const isReleased = file.use === "image" && position === RELEASE_AT && !this.#isShared;
    if (this.active && isReleased) this.#home.released(file);
    if (!this.active || file.use !== "volume" || file.cache.size === 0) return;
    for (let at = 0; at + BLOCK <= bytes.length; at += BLOCK) {
      const number = (position + at) / BLOCK;
      if (number >= HEADER_SLOTS) this.#judge(file, number, bytes.subarray(at, at + BLOCK));
    }
  }

  /**
   * No stamp is given twice, not even one whose group was lost: a new owner begins above all of them. That
   * can be told where owners follow each other.
   */
  #judgeFrame(file: SimFile, bytes: Uint8Array): void {
    if (file.path.endsWith(".tail") || bytes.length < FRAME_HEADER) return;
    const view = viewOf(bytes);
    const first = view.getUint32(36, true) + view.getUint16(40, true) * 2 ** 32;
    const last = view.getUint32(42, true) + view.getUint16(46, true) * 2 ** 32;
    if (view.getUint32(0, true) !== FRAME_MAGIC) return;
    this.#home.framed(file);
    if (view.getUint32(20, true) === 0 || !this.#isAlone) return;
    const owner = file.path.slice(0, file.path.lastIndexOf("/"));
    let floor = this.#floors.get(owner);
    if (floor === undefined) {
      floor = this.#highestStamp;
      this.#floors.set(owner, floor);
    }
    if (first <= floor) {
      this.#problems.add(
        "stamps",
        `${file.path}: stamp ${first} is given, an earlier owner gave up to ${floor}`,
      );
    }
    this.#highestStamp = Math.max(this.#highestStamp, last);
  }

  #judge(file: SimFile, number: number, bytes: Uint8Array): void {
    const block = readRawBlock(bytes, number);
    if (typeof block !== "object" || block.kind === RAW_KIND.header) {
      this.#say(file, number, typeof block === "string" ? block : "it is blank or a header");
      return;
    }
    if (block.stamp > this.#durableStamp) this.#readAll();
    if (block.stamp > this.#durableStamp) {
      this.#say(file, number, `its stamp is ${block.stamp}, redo is durable up to ${this.#durableStamp}`);
    }
    const image = `${number}:${crc32(bytes)}`;
    if (!this.#images.has(image)) this.#readAll();
    if (!this.#images.has(image)) {
      this.#say(file, number, `stamp ${block.stamp} goes home before its image is durable`);
    }
    // Most blocks in place are older; only one that claims not to be is worth a checksum.
    if (stampAt(file.cache, number * BLOCK) <= block.stamp) return;
    const before = readRawBlock(file.cache.peek(number * BLOCK, BLOCK), number);
    if (typeof before === "object" && before.stamp > block.stamp) {
      this.#say(file, number, `stamp ${block.stamp} is written over stamp ${before.stamp}`);
    }
  }

  #say(file: SimFile, number: number, text: string): void {
    this.#problems.add("stamps", `block ${number} of ${file.path}: ${text}`);
  }

  /** What survived a power cut is durable though no sync said so. */
  #readAll(): void {
    for (const file of this.#disk.files()) this.synced(file);
  }

  #readJournal(file: SimFile): void {
    const image = file.durable;
    let at = this.#scanned.get(file) ?? (file.path.endsWith(".tail") ? 0 : image.word(8));
    for (;;) {
      const header = image.peek(at, FRAME_HEADER);
      if (header.length < FRAME_HEADER) break;
      const view = viewOf(header);
      const length = view.getUint32(8, true);
      if (view.getUint32(0, true) !== FRAME_MAGIC || length < FRAME_HEADER || at + length > image.size) break;
      if (crc32(image.peek(at + 8, length - 8)) !== view.getUint32(4, true)) break;
      const last = view.getUint32(42, true) + view.getUint16(46, true) * 2 ** 32;
      this.#durableStamp = Math.max(this.#durableStamp, last);
      at += length;
    }
    if (at > 0 || file.path.endsWith(".tail")) this.#scanned.set(file, at);
  }

  #readImages(file: SimFile): void {
    const image = file.durable;
    if (image.word(0) !== CYCLE_MAGIC) return;
    const count = image.word(12);
    const stride = image.word(60);
    if (this.#images.size > IMAGES_MAX) this.#images.clear();
    for (let i = 0; i < count && stride > ENTRY_HEADER; i++) {
      const header = image.peek(ENTRIES_AT + i * stride, ENTRY_HEADER);
      if (header.length < ENTRY_HEADER) return;
      const view = viewOf(header);
      if (view.getUint32(0, true) !== ENTRY_MAGIC) continue;
      const bytes = image.peek(ENTRIES_AT + i * stride + ENTRY_HEADER, view.getUint32(12, true));
      const checksum = crc32(bytes);
      if (checksum === view.getUint32(28, true)) this.#images.add(`${view.getUint32(24, true)}:${checksum}`);
    }
  }
}

function stampAt(image: PagedBytes, at: number): number {
  const bytes = image.peek(at + 16, 6);
  if (bytes.length < 6) return 0;
  const view = viewOf(bytes);
  return view.getUint32(0, true) + view.getUint16(4, true) * 2 ** 32;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
