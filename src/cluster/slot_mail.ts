/**
 * Slot mail: letters that pass through the slots on the shared storage while the network is dead (rule 91).
 * Pure.
 *
 * The message of a slot is a row of entries, one for each member that there is something for:
 *
 *      0 incarnation of the other (16)      16 u48 number of the letter to it, 0 for none
 *     22 u48 letters of it up to this were taken   28 u16 bytes of the letter, letter
 *
 * One letter to each member is on its way at a time. It stays in the slot until the other's slot says that it
 * was taken, and the other says so until the letter is gone: so it arrives at most once, whatever is torn,
 * read twice or missed.
 */
import { ByteReader } from "../ground/byte_reader.ts";
import { ByteWriter } from "../ground/byte_writer.ts";
import { CohortError } from "../ground/errors.ts";
import { putRecordId, readRecordId } from "../storage/record_parts.ts";
import { SLOT_MESSAGE_BYTES_MAX } from "./slot_record.ts";

const ENTRY_BYTES = 30;
/** Most bytes of a letter: alone it fills the slot. */
export const LETTER_BYTES_MAX: number = SLOT_MESSAGE_BYTES_MAX - ENTRY_BYTES;

/** How it stands with one other member. */
interface Box {
  /** Number of the last letter to it. */
  sent: number;
  /** That letter, until it was taken. */
  letter: Uint8Array | undefined;
  /** Letters of it up to this were taken. */
  taken: number;
  /** Its slot still shows a letter that was taken: it does not know yet. */
  isOwed: boolean;
}

interface Entry {
  readonly to: string;
  readonly number: number;
  readonly taken: number;
  readonly letter: Uint8Array;
}

const NO_LETTER = new Uint8Array(0);

/** The letters of one member. */
export class SlotMail {
  readonly #self: string;
  /** By the other's incarnation, in the order in which they have their turn. */
  readonly #boxes = new Map<string, Box>();

  constructor(self: string) {
    this.#self = self;
  }

  /** Puts a letter on its way; false while another one to the same member is. */
  post(to: string, letter: Uint8Array): boolean {
    if (letter.length > LETTER_BYTES_MAX) {
      throw new RangeError(`A letter has at most ${LETTER_BYTES_MAX} bytes, got ${letter.length}`);
    }
    const box = this.#box(to);
    if (box.letter !== undefined) return false;
    box.sent++;
    box.letter = letter.slice();
    return true;
  }

  /** What the slot is to say now: what does not fit has its turn in a later one. */
  outgoing(): Uint8Array {
    const writer = new ByteWriter(SLOT_MESSAGE_BYTES_MAX);
    const waiting: string[] = [];
    for (const [to, box] of this.#boxes) {
      const { letter = NO_LETTER, isOwed } = box;
      if (box.letter === undefined && !isOwed) continue;
      if (writer.length + ENTRY_BYTES + letter.length > SLOT_MESSAGE_BYTES_MAX) waiting.push(to);
      else {putEntry(writer, {
          to,
          number: box.letter === undefined ? 0 : box.sent,
          taken: box.taken,
          letter,
        });}
    }
    // Those that had no room come first the next time.
    for (const to of waiting.reverse()) this.#first(to);
    return writer.copy();
  }

  /** What another member's slot says: the letter that it has for this member and that was not taken yet. */
  incoming(from: string, message: Uint8Array): Uint8Array | undefined {
    const entry = entriesOf(message)?.find((it) => it.to === this.#self);
    const known = this.#boxes.get(from);
    if (entry === undefined) {
      if (known !== undefined) known.isOwed = false;
      return undefined;
    }
    const box = known ?? this.#box(from);
    if (entry.taken >= box.sent) box.letter = undefined;
    box.isOwed = entry.number > 0;
    if (entry.number <= box.taken) return undefined;
    box.taken = entry.number;
    return entry.letter;
  }

  /** Forgets all but these, who are the members. */
  keep(incarnations: ReadonlySet<string>): void {
    for (const it of [...this.#boxes.keys()]) if (!incarnations.has(it)) this.#boxes.delete(it);
  }

  #box(of: string): Box {
    let box = this.#boxes.get(of);
    if (box === undefined) this.#boxes.set(of, box = { sent: 0, letter: undefined, taken: 0, isOwed: false });
    return box;
  }

  #first(of: string): void {
    const rest = [...this.#boxes].filter(([it]) => it !== of);
    const box = this.#boxes.get(of)!;
    this.#boxes.clear();
    this.#boxes.set(of, box);
    for (const [it, other] of rest) this.#boxes.set(it, other);
  }
}

function putEntry(writer: ByteWriter, { to, number, taken, letter }: Entry): void {
  putRecordId(writer, to);
  writer.u48(number);
  writer.u48(taken);
  writer.u16(letter.length);
  writer.append(letter);
}

/** The entries of a message; undefined for what is none. */
function entriesOf(message: Uint8Array): Entry[] | undefined {
  const reader = new ByteReader(message, "message of a slot");
  const entries: Entry[] = [];
  try {
    while (reader.position < message.length) {
      const to = readRecordId(reader), number = reader.u48(), taken = reader.u48(), length = reader.u16();
      const at = reader.skip(length);
      entries.push({ to, number, taken, letter: message.slice(at, at + length) });
    }
  } catch (error) {
    if (error instanceof CohortError) return undefined;
    throw error;
  }
  return entries;
}
