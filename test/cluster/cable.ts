/**
 * What one rail of a test runs over: interconnects that can be cut, parted, muted and slowed at will, without
 * the links below them noticing anything, and links that can be made to snap.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { CohortError, type Interconnect } from "@cohort/db";

/** One rail's cable. */
export class Cable {
  /** Nothing gets through. */
  isCut = false;
  /** Milliseconds that messages take longer; probes do not. */
  delayMs = 0;
  readonly #parted = new Set<string>();
  readonly #muted = new Set<string>();
  readonly #ends = new Map<string, Interconnect>();
  readonly #places = new Map<string, string>();

  /** An interconnect of a member, run over this cable. */
  wrap(self: string, inner: Interconnect): Interconnect {
    this.#ends.set(self, inner);
    return {
      traits: inner.traits,
      open: async (me, receiver) => {
        const address = await inner.open(me, {
          up: (peer) => receiver.up(peer),
          down: (peer, reason) => receiver.down(peer, reason),
          message: (from, bytes) => {
            if (this.#lets(from.incarnation, self)) receiver.message(from, bytes);
          },
        });
        this.#places.set(address, self);
        return address;
      },
      connect: async (address) => {
        if (!this.#lets(self, this.#places.get(address) ?? "")) {
          throw new CohortError("UNREACHABLE", `Could not open a link to ${address}: it is cut`);
        }
        return await inner.connect(address);
      },
      send: (to, bytes) => {
        if (!this.#lets(self, to)) return true;
        if (this.delayMs === 0 || bytes[0] !== 0) return inner.send(to, bytes);
        const late = bytes.slice();
        // It may be closed by then.
        void sleep(this.delayMs).then(() => inner.send(to, late)).catch(() => false);
        return true;
      },
      broadcast: (bytes) => inner.broadcast(bytes),
      disconnect: (incarnation, reason) => inner.disconnect(incarnation, reason),
      close: () => inner.close(),
    };
  }

  /** Breaks the link of two members; it may be opened again. */
  snap(a: string, b: string): void {
    this.#ends.get(a)!.disconnect(b, "it snapped");
  }

  /** Nothing gets through between two members. */
  part(a: string, b: string): void {
    this.#parted.add(a + b).add(b + a);
  }

  /** Nothing gets through from a member, or to it. */
  mute(member: string): void {
    this.#muted.add(member);
  }

  /** All gets through again. */
  mend(): void {
    this.isCut = false;
    this.#parted.clear();
    this.#muted.clear();
  }

  #lets(from: string, to: string): boolean {
    return !this.isCut && !this.#parted.has(from + to) && !this.#muted.has(from) && !this.#muted.has(to);
  }
}
