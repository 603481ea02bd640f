/**
 * Envelopes: all messages of one turn, with one code behind them.
 *
 *     0 u32 bytes of the messages   4 u32 the same, all bits turned
 *     8 messages: u32 length, bytes; one behind the other   code (16)
 *
 * A length is looked at before anything is allocated for it, and a code before any message is given away. The
 * length stands there twice: damaged alone it would have the reader wait, for hours where little is said, for
 * bytes that nobody sent.
 */
import { getU32, putU32 } from "../../src/ground/bytes.ts";
import { type EnvelopeCodes, isSameCode, MAC_BYTES } from "./link_proof.ts";

/** Bytes before the messages. */
const HEAD_BYTES = 8;
/** Bytes of the length before a message. */
const LENGTH_BYTES = 4;
/** Most bytes of a message: a block of 32 KiB many times over, and what describes it. */
export const MESSAGE_BYTES_MAX: number = 1024 * 1024 + 65_536;
/** Most bytes of the messages in an envelope. */
export const ENVELOPE_BYTES_MAX: number = 2 * (MESSAGE_BYTES_MAX + LENGTH_BYTES);
const FIRST_BYTES = 1024;
/** An envelope begins with the room that the last one took, up to this. */
const FIRST_BYTES_MAX = 16_384;

/** Collects messages into one envelope. */
export class EnvelopeBuilder {
  #bytes: Uint8Array = new Uint8Array(FIRST_BYTES);
  #length = HEAD_BYTES;

  /** Bytes of the messages in it. */
  get payloadBytes(): number {
    return this.#length - HEAD_BYTES;
  }

  /** Whether a message has room beside those that are in it. */
  hasRoom(bytes: number): boolean {
    return this.payloadBytes + LENGTH_BYTES + bytes <= ENVELOPE_BYTES_MAX;
  }

  /** Adds a copy of a message. */
  add(message: Uint8Array): void {
    const at = this.#length;
    this.#length += LENGTH_BYTES + message.length;
    if (this.#length + MAC_BYTES > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(2 * this.#bytes.length, this.#length + MAC_BYTES));
      grown.set(this.#bytes.subarray(0, at));
      this.#bytes = grown;
    }
    putU32(this.#bytes, at, message.length);
    this.#bytes.set(message, at + LENGTH_BYTES);
  }

  /** The whole envelope, whose bytes are the caller's from now on; the next one begins empty. */
  seal(codes: EnvelopeCodes): Uint8Array {
    const bytes = this.#bytes;
    const end = this.#length;
    putU32(bytes, 0, end - HEAD_BYTES);
    putU32(bytes, 4, ~(end - HEAD_BYTES) >>> 0);
    bytes.set(codes.next(bytes.subarray(HEAD_BYTES, end)), end);
    this.#bytes = new Uint8Array(Math.min(FIRST_BYTES_MAX, Math.max(FIRST_BYTES, end + MAC_BYTES)));
    this.#length = HEAD_BYTES;
    return bytes.subarray(0, end + MAC_BYTES);
  }
}

/** Takes envelopes out of a stream of bytes. */
export class EnvelopeReader {
  readonly #codes: EnvelopeCodes;
  readonly #deliver: (message: Uint8Array) => boolean;
  /** The beginning of an envelope that has not come whole. */
  #held: Uint8Array = new Uint8Array(0);
  #heldLength = 0;

  /** `deliver` answers false when no more is wanted. */
  constructor(codes: EnvelopeCodes, deliver: (message: Uint8Array) => boolean) {
    this.#codes = codes;
    this.#deliver = deliver;
  }

  /** Takes what has come; answers what is wrong with it. */
  receive(chunk: Uint8Array): string | undefined {
    let rest = chunk;
    while (rest.length > 0) {
      if (this.#heldLength === 0) {
        const whole = rest.length < HEAD_BYTES ? undefined : wholeBytes(rest);
        if (typeof whole === "string") return whole;
        if (whole !== undefined && rest.length >= whole) {
          const wrong = this.#open(rest.subarray(0, whole));
          if (wrong !== undefined) return wrong === STOP ? undefined : wrong;
          rest = rest.subarray(whole);
          continue;
        }
      }
      const taken = this.#hold(rest);
      if (typeof taken === "string") return taken;
      rest = rest.subarray(taken);
      if (this.#heldLength < HEAD_BYTES || this.#heldLength < this.#held.length) continue;
      const envelope = this.#held;
      this.#held = new Uint8Array(0);
      this.#heldLength = 0;
      const wrong = this.#open(envelope);
      if (wrong !== undefined) return wrong === STOP ? undefined : wrong;
    }
    return undefined;
  }

  /** Keeps a part of an envelope; answers how many bytes it took. Space is taken once its length is known. */
  #hold(bytes: Uint8Array): number | string {
    if (this.#held.length < HEAD_BYTES) this.#held = new Uint8Array(HEAD_BYTES);
    const room = this.#held.length - this.#heldLength;
    const taken = Math.min(room, bytes.length);
    this.#held.set(bytes.subarray(0, taken), this.#heldLength);
    this.#heldLength += taken;
    if (this.#heldLength === HEAD_BYTES && this.#held.length === HEAD_BYTES) {
      const whole = wholeBytes(this.#held);
      if (typeof whole === "string") return whole;
      const grown = new Uint8Array(whole);
      grown.set(this.#held);
      this.#held = grown;
    }
    return taken;
  }

  #open(envelope: Uint8Array): string | undefined {
    const end = envelope.length - MAC_BYTES;
    const payload = envelope.subarray(HEAD_BYTES, end);
    if (!isSameCode(this.#codes.next(payload), envelope.subarray(end))) return "an envelope has a wrong code";
    for (let at = 0; at < payload.length;) {
      const from = at + LENGTH_BYTES;
      const length = from > payload.length ? Infinity : getU32(payload, at);
      if (length > MESSAGE_BYTES_MAX || from + length > payload.length) return "a message has a wrong length";
      if (!this.#deliver(payload.subarray(from, from + length))) return STOP;
      at = from + length;
    }
    return undefined;
  }
}

/** The receiver wants no more. */
const STOP = "stop";

/** Bytes of the envelope that begins here, or what is wrong with its head. */
function wholeBytes(head: Uint8Array): number | string {
  const payload = getU32(head, 0);
  if (getU32(head, 4) !== ~payload >>> 0) return "the length of an envelope is damaged";
  if (payload > ENVELOPE_BYTES_MAX) return `an envelope of ${payload} bytes is too long`;
  return HEAD_BYTES + payload + MAC_BYTES;
}
