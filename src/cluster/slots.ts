/** Slots: the files of all members beside the views, this one's written and the others' read. */
import type { Storage, StreamFile } from "../ports/mod.ts";
import { decodeSlot, encodeSlot, SLOT_BYTES, slotOffset, type SlotRecord } from "./slot_record.ts";

/** Name of the slot of a member. */
export function slotName(incarnation: string): string {
  return `slot.${incarnation}`;
}

/** The slots of one PIJ directory, as one member uses them. */
export class Slots {
  readonly #storage: Storage;
  readonly #directory: string;
  readonly #self: string;
  readonly #readers = new Map<string, StreamFile>();
  #own: StreamFile | undefined;
  #counter = 0;
  #isClosed = false;

  constructor(storage: Storage, directory: string, self: string) {
    this.#storage = storage;
    this.#directory = directory;
    this.#self = self;
  }

  /** Writes this member's slot. One write, no sync: it says who lives, and need not outlive the host. */
  async write(said: Omit<SlotRecord, "counter">): Promise<void> {
    const path = `${this.#directory}/${slotName(this.#self)}`;
    this.#own ??= await this.#opened(path, true);
    const counter = ++this.#counter;
    await this.#own.write(slotOffset(counter), encodeSlot({ ...said, counter }));
  }

  /** What another member's slot says; undefined when it has none that is whole. One read. */
  async read(incarnation: string): Promise<SlotRecord | undefined> {
    let file = this.#readers.get(incarnation);
    if (file === undefined) {
      file = await this.#opened(`${this.#directory}/${slotName(incarnation)}`, false);
      this.#readers.set(incarnation, file);
    }
    const bytes = new Uint8Array(2 * SLOT_BYTES);
    await file.read(0, bytes);
    return decodeSlot(bytes);
  }

  /** Forgets the slots of all but these. */
  async keep(incarnations: ReadonlySet<string>): Promise<void> {
    for (const [incarnation, file] of [...this.#readers]) {
      if (incarnations.has(incarnation)) continue;
      this.#readers.delete(incarnation);
      await file.close();
    }
  }

  /** Closes all; the slot of this member goes when it has `left`. */
  async close(left: boolean): Promise<void> {
    this.#isClosed = true;
    await this.keep(new Set());
    await this.#own?.close();
    if (left) await this.#storage.remove(`${this.#directory}/${slotName(this.#self)}`);
  }

  async #opened(path: string, writes: boolean): Promise<StreamFile> {
    const file = await this.#storage.openStream(
      path,
      writes ? { access: "write", create: true } : { access: "read" },
    );
    if (this.#isClosed) await file.close();
    return file;
  }
}
