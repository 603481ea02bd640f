/** Remote calls: what this member asks of databases at others, by their names (DESIGN §2). */
import { CohortError, isCode } from "../ground/errors.ts";
import type { View } from "../ground/view.ts";
import { patienceOf, type WaitOptions } from "../global/patience.ts";
import type { Clock, Courier } from "../ports/mod.ts";
import { encodeCall, hasEffect, type RemoteCall } from "./remote_call.ts";
import { RemoteLine, type RemotePatience } from "./remote_line.ts";
import { REMOTE_PART_TOPIC } from "./remote_server.ts";

/** What calls take from their member. */
export interface RemoteCallsWorld {
  readonly courier: Courier;
  readonly clock: Clock;
  /** The present view. */
  readonly view: () => View | undefined;
}

/** Asks the members of the view. */
export class RemoteCalls {
  readonly #world: RemoteCallsWorld;
  /** By the incarnation at the other end. */
  readonly #lines = new Map<string, RemoteLine>();

  constructor(world: RemoteCallsWorld) {
    this.#world = world;
    world.courier.serve(REMOTE_PART_TOPIC, (from, body) => {
      this.#lines.get(from)?.heardPart(body);
      return undefined;
    });
  }

  /** A view begins: lines to those who are not in it end by themselves. */
  entered(members: readonly string[]): void {
    for (const member of this.#lines.keys()) if (!members.includes(member)) this.#lines.delete(member);
  }

  /** Resolves when all that was asked is settled. */
  async settled(): Promise<void> {
    await Promise.all([...this.#lines.values()].map((line) => line.settled()));
  }

  /**
   * Asks a member, after all that was asked of it before; resolves to the bytes of its answer. What has no
   * effect is asked again of whoever has the name by then. Throws at once what cannot be encoded.
   */
  ask(name: string, call: RemoteCall, options: WaitOptions | undefined): Promise<Uint8Array> {
    const bytes = encodeCall(call);
    const { clock } = this.#world;
    const deadlineMs = clock.monotonicMs() + (options?.timeoutMs ?? Infinity);
    return patienceOf(
      clock,
      options,
      ({ signal }) => this.#askNow(name, bytes, hasEffect(call), { signal, deadlineMs }),
    );
  }

  /** Its first message leaves in the caller's turn. */
  async #askNow(
    name: string,
    bytes: Uint8Array,
    isEffect: boolean,
    patience: RemotePatience,
  ): Promise<Uint8Array> {
    for (;;) {
      const to = this.#incarnationOf(name);
      try {
        return await this.#lineTo(to, name).call(bytes, isEffect, patience);
      } catch (error) {
        const isElsewhere = isCode(error, "UNREACHABLE") && this.#find(name) !== to;
        if (isEffect || !isElsewhere) throw error;
      }
    }
  }

  #lineTo(to: string, name: string): RemoteLine {
    const known = this.#lines.get(to);
    if (known !== undefined) return known;
    const { courier, clock } = this.#world;
    const made = new RemoteLine(to, { courier, clock, name });
    this.#lines.set(to, made);
    return made;
  }

  #find(name: string): string | undefined {
    return this.#world.view()?.members.find((it) => it.name === name)?.incarnation;
  }

  #incarnationOf(name: string): string {
    const found = this.#find(name);
    if (found !== undefined) return found;
    const view = this.#world.view()?.number ?? 0;
    throw new CohortError("UNREACHABLE", `No member of view ${view} is named ${name}`, {
      member: name,
      view,
    });
  }
}
