/**
 * Channel: what two members have said to each other in one view, as one of them sees it. Pure: no clock, no
 * link.
 *
 * Every message has a number; the other end takes them in order and says up to which it has them. What it has
 * not is kept and sent again from the first one on, so a link may break and lose all that was on its way.
 * Nobody sends beyond the credit that the other end gives.
 */
import { putNumber } from "./packet.ts";

/** Limits of a channel. */
export interface ChannelLimits {
  /** Bytes handed to the link and not known to have arrived, at most; one message always may. */
  readonly flightBytes: number;
  /** Messages of the other end that may be in service at once. */
  readonly served: number;
}

/** A message on its way, or about to be. */
export interface Outgoing {
  readonly number: number;
  /** The packet; its state is put when it leaves. */
  readonly bytes: Uint8Array;
  /** Journal position that must be safe first; 0 for none. */
  readonly after: number;
}

/** What to do with a message that came. */
export type Verdict = "deliver" | "known" | "gap";

/** One end of a channel. */
export class Channel {
  /** Highest number that has arrived here. */
  arrived = 0;
  /** Messages of the other end in service here. */
  serving = 0;
  /** True while more has arrived than the other end was told. */
  owesAck = false;
  readonly #limits: ChannelLimits;
  /** What the other end is not known to have, in order. */
  readonly #items: Outgoing[] = [];
  /** How many of those were handed to the link since it was last known to break. */
  #handed = 0;
  #flightBytes = 0;
  #keptBytes = 0;
  #last = 0;
  #credit: number;
  #creditGiven: number;

  constructor(limits: ChannelLimits) {
    this.#limits = limits;
    this.#credit = limits.served;
    this.#creditGiven = limits.served;
  }

  /** Bytes of all messages that the other end is not known to have. */
  get keptBytes(): number {
    return this.#keptBytes;
  }

  /** True while something was handed to the link and nothing says that it arrived. */
  get isInFlight(): boolean {
    return this.#handed > 0;
  }

  /** Numbers up to this the other end may send; 0 is never given back. */
  get creditToGive(): number {
    return this.arrived + Math.max(0, this.#limits.served - this.serving);
  }

  /** True when the other end may have stopped for lack of credit that it could have. */
  get owesCredit(): boolean {
    const left = this.#creditGiven - this.arrived;
    const more = this.creditToGive - this.#creditGiven;
    // Whoever has none left waits for the first.
    if (left === 0) return more > 0;
    return left < this.#limits.served / 4 && more >= this.#limits.served / 4;
  }

  /** Adds a message; answers its number. */
  push(bytes: Uint8Array, after: number): number {
    putNumber(bytes, ++this.#last);
    this.#items.push({ number: this.#last, bytes, after });
    this.#keptBytes += bytes.length;
    return this.#last;
  }

  /** The message to hand to the link next, if one may go. */
  next(): Outgoing | undefined {
    const item = this.#items[this.#handed];
    if (item === undefined || item.number > this.#credit) return undefined;
    const isFull = this.#handed > 0 && this.#flightBytes + item.bytes.length > this.#limits.flightBytes;
    return isFull ? undefined : item;
  }

  /** The message of `next` was taken by the link. */
  handed(): void {
    this.#flightBytes += (this.#items[this.#handed] as Outgoing).bytes.length;
    this.#handed++;
  }

  /** Notes that some packet left, with what it said. */
  told(credit: number): void {
    this.owesAck = false;
    this.#creditGiven = Math.max(this.#creditGiven, credit);
  }

  /** What was handed to the link may be lost: all of it goes again. True when there is something. */
  again(): boolean {
    const isSome = this.#handed > 0;
    this.#handed = 0;
    this.#flightBytes = 0;
    return isSome;
  }

  /** The other end has all up to `ack` and takes up to `credit`. Absurd is what was never sent. */
  heard(ack: number, credit: number): "news" | "nothing" | "absurd" {
    if (ack > this.#last || credit < ack) return "absurd";
    const isMore = credit > this.#credit;
    if (isMore) this.#credit = credit;
    const first = this.#items[0]?.number ?? this.#last + 1;
    if (ack < first) return isMore ? "news" : "nothing";
    const gone = this.#items.splice(0, ack - first + 1);
    for (let i = 0; i < gone.length; i++) {
      const { length } = (gone[i] as Outgoing).bytes;
      this.#keptBytes -= length;
      // What came back late, after all was to go again, never was counted.
      if (i < this.#handed) this.#flightBytes -= length;
    }
    this.#handed = Math.max(0, this.#handed - gone.length);
    return "news";
  }

  /** What to do with a message of this number. */
  take(number: number): Verdict {
    this.owesAck = true;
    if (number <= this.arrived) return "known";
    if (number > this.arrived + 1) return "gap";
    this.arrived = number;
    return "deliver";
  }
}
