/** Rail calls: who waits for a member to be linked over the rail in use. */
import { CohortError } from "../ground/errors.ts";
import type { Clock, InterconnectPeer } from "../ports/mod.ts";

/** Milliseconds that a member which is linked over one rail has to be linked over the one in use. */
const ANSWER_MS = 2_000;

/** One call. */
interface Call {
  readonly address: string;
  /** Who answered, whichever rail it was. */
  readonly found: Set<string>;
  /** What dialling failed with, by the order of the dials. */
  readonly errors: unknown[];
  /** True once no rail is dialled any more. */
  isDialled: boolean;
  cancel: () => void;
  readonly resolve: (peer: InterconnectPeer) => void;
  readonly reject: (error: unknown) => void;
}

/** All calls of one member. */
export class RailCalls {
  readonly #clock: Clock;
  readonly #calls = new Set<Call>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Waits for who is found by one of the dials, the rail in use first, to be up. `upOf` answers who is up
   * already, or whether nothing is known of it.
   */
  run(
    address: string,
    dials: readonly Promise<InterconnectPeer>[],
    upOf: (incarnation: string) => InterconnectPeer | "linked" | "unknown",
  ): Promise<InterconnectPeer> {
    return new Promise((resolve, reject) => {
      const call: Call = {
        address,
        found: new Set(),
        errors: [],
        isDialled: false,
        cancel: () => {},
        resolve,
        reject,
      };
      this.#calls.add(call);
      let waiting = dials.length;
      const settle = (): void => {
        if (--waiting > 0 || !this.#calls.has(call)) return;
        call.isDialled = true;
        if (call.found.size === 0) this.#end(call, () => call.reject(firstOf(call.errors)));
        else if ([...call.found].every((it) => upOf(it) === "unknown")) {
          this.#fail(call, "the link has ended");
        } else call.cancel = this.#clock.after(ANSWER_MS, () => this.#fail(call, "not over the rail in use"));
      };
      for (const [i, dial] of dials.entries()) {
        dial.then(({ incarnation }) => {
          call.found.add(incarnation);
          const up = upOf(incarnation);
          if (typeof up === "object") this.#end(call, () => call.resolve(up));
        }, (error) => call.errors[i] = error).then(settle);
      }
    });
  }

  /** A member is up. */
  up(peer: InterconnectPeer): void {
    for (const call of [...this.#calls]) {
      if (call.found.has(peer.incarnation)) this.#end(call, () => call.resolve(peer));
    }
  }

  /** No link to a member is left. */
  gone(incarnation: string): void {
    for (const call of [...this.#calls]) {
      if (call.isDialled && call.found.has(incarnation)) this.#fail(call, "the link has ended");
    }
  }

  /** Nobody will be up any more. */
  close(): void {
    for (const call of [...this.#calls]) this.#fail(call, "closed");
  }

  #fail(call: Call, reason: string): void {
    const { address } = call;
    const message = `Could not open a link to ${address}: ${reason}`;
    const error = new CohortError("UNREACHABLE", message, { address, reason }, firstOf(call.errors));
    this.#end(call, () => call.reject(error));
  }

  #end(call: Call, tell: () => void): void {
    if (!this.#calls.delete(call)) return;
    call.cancel();
    tell();
  }
}

function firstOf(errors: readonly unknown[]): unknown {
  return errors.find((it) => it !== undefined);
}
