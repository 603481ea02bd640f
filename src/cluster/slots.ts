/** Slots: the files of all members beside the views, this one's written and the others' read. */
import type { Storage, StreamFile } from "../ports/mod.ts";
import { decodeSlot, encodeSlot, SLOT_BYTES, slotOffset, type SlotRecord } from "./slot_record.ts";

/** Name of the slot of a member. */
export function slotName(incarnation: string): string {
  return `slot.${incarnation}`;
}

/** Whose slot is read. */
export interface SlotOwner {
  readonly incarnation: string;
  /** View in which it joined. */
  readonly since: number;
}

interface Reader {
  readonly since: number;
  readonly file: StreamFile;
}

/** The slots of one PIJ directory, as one member uses them. */
export class Slots {
  readonly #storage: Storage;
  readonly #directory: string;
  readonly #self: string;
  /** By incarnation; whoever left and joined again since has another file under the same name. */
  readonly #readers = new Map<string, Reader>();
  #own: StreamFile | undefined;
  /** What a read may read into; none while one does. */
  #spare: Uint8Array | undefined;
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
  async read({ incarnation, since }: SlotOwner): Promise<SlotRecord | undefined> {
    let reader = this.#readers.get(incarnation);
    if (reader?.since !== since) {
      await this.#forget(incarnation);
      reader = { since, file: await this.#opened(`${this.#directory}/${slotName(incarnation)}`, false) };
      this.#readers.set(incarnation, reader);
    }
    // The same memory over and over: new pages of the kernel cost more than the read itself.
    const bytes = this.#spare ?? new Uint8Array(2 * SLOT_BYTES);
    this.#spare = undefined;
    const length = await reader.file.read(0, bytes);
    const slot = decodeSlot(bytes.subarray(0, length));
    this.#spare = bytes;
    return slot;
  }

  /** Forgets the slots of all but these. */
  async keep(incarnations: ReadonlySet<string>): Promise<void> {
    for (const incarnation of [...this.#readers.keys()]) {
      if (!incarnations.has(incarnation)) await this.#forget(incarnation);
    }
  }

  async #forget(incarnation: string): Promise<void> {
    const reader = this.#readers.get(incarnation);
    this.#readers.delete(incarnation);
    await reader?.file.close();
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
