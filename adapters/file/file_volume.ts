/** A volume in a file: sets of blocks off the loop, consecutive ones in one write. */
import type { Answer, BlockWrite, VolumeFile } from "../../src/ports/mod.ts";
import { checkBlockRead, checkBlockWrites, checkCount } from "../common/storage_arguments.ts";
import { type OpenedFile, OpenFile } from "./open_file.ts";

/** Most bytes of consecutive blocks gathered into one write. */
const RUN_BYTES_MAX = 262_144;

/** An open volume. */
export class FileVolume extends OpenFile implements VolumeFile {
  readonly blockSize: number;
  /** Whole blocks there are known to be; others may have grown the file since. */
  #blocks: number;
  /** Growths run one after another. */
  #growing: Promise<unknown> = Promise.resolve();

  constructor(opened: OpenedFile, blockSize: number) {
    super(opened);
    this.blockSize = blockSize;
    this.#blocks = Math.floor(opened.size / blockSize);
  }

  read(block: number, into: Uint8Array): Answer<number> {
    this.checkOpen("read blocks");
    checkBlockRead(block, into, this.blockSize);
    return this.readAt("read blocks", block * this.blockSize, into);
  }

  async write(set: readonly BlockWrite[]): Promise<void> {
    this.checkWritable("write blocks");
    const sorted = [...set].sort((a, b) => a.block - b.block);
    await this.hold(async () => {
      const last = sorted.at(-1);
      if (last !== undefined && last.block >= this.#blocks) {
        await this.#measure("write blocks", this.#growing);
      }
      checkBlockWrites(sorted, this.blockSize, this.#blocks);
      const runs = this.#runs(sorted);
      await this.lanes.run(runs.length, async (lane, index) => {
        const run = runs[index]!;
        await lane.write("write blocks", run[0]!.block * this.blockSize, gather(run));
      });
    });
  }

  sync(): Answer<void> {
    this.checkOpen("sync a volume");
    return this.syncNow("sync a volume", false);
  }

  async size(): Promise<number> {
    this.checkOpen("size of a volume");
    await this.#measure("size of a volume", this.#growing);
    return this.#blocks;
  }

  async grow(blocks: number, isShared = false): Promise<void> {
    this.checkWritable("grow a volume");
    checkCount("grow a volume", "number of blocks", blocks);
    const before = this.#growing;
    const growth = this.hold(async () => {
      await before;
      const wanted = blocks * this.blockSize;
      const size = await this.sizeNow("grow a volume");
      if (isShared) await this.append("grow a volume", wanted);
      else if (wanted > size) await this.fill("grow a volume", size, wanted);
      this.#blocks = Math.max(this.#blocks, blocks);
    });
    this.#growing = growth.catch(() => {});
    await growth;
  }

  /**
   * Learns the size again; a growth under way counts once it has ended, for until then its zeros may follow.
   */
  async #measure(operation: string, growing: Promise<unknown>): Promise<void> {
    await growing;
    this.#blocks = Math.floor(await this.sizeNow(operation) / this.blockSize);
  }

  /** Consecutive blocks together, as long as they fit one write. */
  #runs(sorted: readonly BlockWrite[]): BlockWrite[][] {
    const runs: BlockWrite[][] = [];
    const lengthMax = Math.max(1, Math.floor(RUN_BYTES_MAX / this.blockSize));
    for (const write of sorted) {
      const run = runs.at(-1);
      if (run !== undefined && run.length < lengthMax && run.at(-1)!.block + 1 === write.block) {
        run.push(write);
      } else runs.push([write]);
    }
    return runs;
  }
}

/** The bytes of a run in one piece. */
function gather(run: readonly BlockWrite[]): Uint8Array {
  const first = run[0]!.bytes;
  if (run.length === 1) return first;
  const bytes = new Uint8Array(run.length * first.length);
  for (let index = 0; index < run.length; index++) bytes.set(run[index]!.bytes, index * first.length);
  return bytes;
}
