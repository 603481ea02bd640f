/**
 * What proves a member and its messages: HMAC-SHA256 over both hellos under the cluster's secret, and a key
 * of its own for each direction of each link.
 *
 * Every use of the secret has its own label, so no proof can be sent back as another one. A code costs 1.1 us
 * on Bun and 15 us on Deno (80 bytes; 8 KiB: 9 and 35), which is why all messages of a turn share one.
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import { putU32, putU48 } from "../../src/ground/bytes.ts";

/** Bytes of the code behind each envelope. */
export const MAC_BYTES = 16;

/** Which end of a link: the one that opened it, or the one that was called. */
export type LinkRole = "initiator" | "acceptor";

/** Both hellos, in the order of the roles. */
export interface Transcript {
  readonly initiator: Uint8Array;
  readonly acceptor: Uint8Array;
}

function keyed(secret: Uint8Array, label: string, { initiator, acceptor }: Transcript): Uint8Array {
  return createHmac("sha256", secret).update(`cohort link 1 ${label}\n`).update(initiator).update(acceptor)
    .digest();
}

/** What the end with this role says to prove that it knows the secret. */
export function proofOf(secret: Uint8Array, role: LinkRole, transcript: Transcript): Uint8Array {
  return keyed(secret, `proof of the ${role}`, transcript);
}

/** Whether two codes are equal, in a time that tells nothing of where they differ. */
export function isSameCode(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

/** Codes of the envelopes of one direction, which are numbered from 0 and never sent twice. */
export class EnvelopeCodes {
  readonly #key: Uint8Array;
  readonly #head = new Uint8Array(10);
  #next = 0;

  /** `role` is the sender's. */
  constructor(secret: Uint8Array, role: LinkRole, transcript: Transcript) {
    this.#key = keyed(secret, `messages of the ${role}`, transcript);
  }

  /** The code of the next envelope. */
  next(payload: Uint8Array): Uint8Array {
    putU48(this.#head, 0, this.#next++);
    putU32(this.#head, 6, payload.length);
    return createHmac("sha256", this.#key).update(this.#head).update(payload).digest().subarray(0, MAC_BYTES);
  }
}
