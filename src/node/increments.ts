/**
 * Increments: those that this member has others do, and does for others, in one view after another (DESIGN
 * D11).
 */
import type { Coherence } from "../buffer/coherence.ts";
import type { DatabaseCore } from "../global/database.ts";
import type { Elsewhere, Increment, Outcome } from "../global/elsewhere.ts";
import type { CohortError } from "../ground/errors.ts";
import type { View } from "../ground/view.ts";
import type { Answer, Clock, Courier, CourierReply } from "../ports/mod.ts";
import { isPending } from "../ports/mod.ts";
import { pause } from "../storage/claim_lease.ts";
import type { RecoveryStep } from "./cluster_recovery.ts";
import { IncrementLine, type Standing } from "./increment_line.ts";
import {
  decodeIncrementMessage,
  decodeOutcomes,
  encodeIncrementMessage,
  encodeWaiting,
  type IncrementMessage,
} from "./increment_message.ts";
import { publicationOf } from "./increment_publication.ts";
import { IncrementServer } from "./increment_server.ts";
import { INCREMENT_TOPIC } from "./topics.ts";

/** Milliseconds after which who did the last increments hears that their answers came. */
const TELL_MS = 5;
/** Milliseconds between two looks whether all answers came. */
const LOOK_MS = 2;

/** Of one member. */
export class Increments implements Elsewhere {
  readonly self: string;
  /** What a recovery does about those that the lost did. */
  readonly publication: RecoveryStep;
  readonly #courier: Courier;
  readonly #coherence: Coherence;
  readonly #clock: Clock;
  readonly #server: IncrementServer;
  readonly #number: () => number;
  /** By the incarnation that is asked. */
  readonly #lines = new Map<string, IncrementLine>();
  #members: readonly string[] = [];
  #asked = 0;
  #cancelTell: (() => void) | undefined;
  #ended: CohortError | undefined;

  /**
   * `number`: the next that no increment of this incarnation ever had, also before it left and joined again:
   * journals tell by it what was done.
   */
  constructor(courier: Courier, coherence: Coherence, clock: Clock, number: () => number) {
    this.#number = number;
    this.#courier = courier;
    this.#coherence = coherence;
    this.#clock = clock;
    this.self = courier.self;
    this.publication = publicationOf(courier);
    this.#server = new IncrementServer(coherence, () => courier.view);
    courier.serve(INCREMENT_TOPIC, (from, body) => this.#heard(from, decodeIncrementMessage(body)));
  }

  /** How many others were asked for, of how many it is not known what came of them, how many were served. */
  get counts(): { readonly asked: number; readonly open: number; readonly served: number } {
    let open = 0;
    for (const line of this.#lines.values()) open += line.size;
    return { asked: this.#asked, open, served: this.#server.served };
  }

  /** A database is shared here: its increments may be done elsewhere, and those of others here. */
  share(core: DatabaseCore): void {
    core.elsewhere = this;
    this.#server.share(core);
  }

  /** It is to be given back, and takes no increment any more. Resolves when all answers came to who asked. */
  async unshare(core: DatabaseCore): Promise<void> {
    const { engine, volume } = core;
    while (this.#coherence.owed.results.has(volume.index) && engine.stopped === undefined) {
      await pause(this.#clock, LOOK_MS);
    }
    this.#server.unshare(core);
  }

  /** It takes no increment any more, as it is: what was answered is kept until it is heard. */
  forsake(core: DatabaseCore): void {
    this.#server.unshare(core);
  }

  /** A view begins. */
  entered(view: View): void {
    const members = this.#members = view.members.map((it) => it.incarnation);
    const { owed: { results }, held: { taken } } = this.#coherence;
    results.keepOnly(members);
    taken.keepOnly(members);
    for (const [member, line] of this.#lines) {
      line.entered(view.number, standingOf(view, member));
      if (line.size === 0 && !members.includes(member)) this.#lines.delete(member);
    }
    // What was told in the view before may not have been heard.
    this.#tellSoon();
  }

  ask(increment: Increment): Promise<Outcome> {
    const { by: member } = increment.taken;
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    if (!this.#members.includes(member)) return Promise.resolve({ kind: "refused", holder: undefined });
    this.#asked++;
    this.#tellSoon();
    return this.#lineTo(member).ask(increment);
  }

  /** Resolves when it is known of all that was asked what came of it. */
  async settled(): Promise<void> {
    await Promise.all([...this.#lines.values()].map((line) => line.settled()));
  }

  /** This member ends. */
  end(cause: CohortError): void {
    this.#ended ??= cause;
    this.#cancelTell?.();
    for (const line of this.#lines.values()) line.end(cause);
  }

  #lineTo(member: string): IncrementLine {
    const known = this.#lines.get(member);
    if (known !== undefined) return known;
    const courier = this.#courier;
    const made = new IncrementLine(member, courier.view, {
      number: this.#number,
      soon: (task) => queueMicrotask(task),
      later: (task) => void this.#clock.after(0, task, true),
      request: async (message) => {
        const body = await courier.request(member, INCREMENT_TOPIC, encodeIncrementMessage(message));
        this.#tellSoon();
        return decodeOutcomes(body, message.increments.length);
      },
    });
    this.#lines.set(member, made);
    return made;
  }

  /** Whoever asks for more says with it what it has; else that is told by itself. */
  #tellSoon(): void {
    // The view that a member has left is entered once it has ended.
    if (this.#ended !== undefined) return;
    this.#cancelTell ??= this.#clock.after(TELL_MS, () => {
      this.#cancelTell = undefined;
      for (const [member, line] of this.#lines) {
        // Also what is settled by a failure is told, or the other would wait for that to leave.
        if (line.size > 0) this.#tellSoon();
        const settled = line.untold;
        if (settled === undefined || !this.#members.includes(member)) continue;
        line.told(settled);
        this.#tell(member, { kind: "settled", settled });
      }
    }, true);
  }

  #tell(member: string, message: IncrementMessage): void {
    const told = this.#courier.tell(member, INCREMENT_TOPIC, encodeIncrementMessage(message));
    // In the next view it is told again.
    if (isPending(told)) told.catch(() => {});
  }

  #heard(from: string, message: IncrementMessage): Answer<CourierReply | undefined> {
    switch (message.kind) {
      case "asked":
        return this.#server.asked(from, message);
      case "settled":
        this.#coherence.owed.results.acknowledge(from, message.settled);
        return undefined;
      case "waiting":
        return { body: encodeWaiting(this.#lines.get(message.lost)?.firstOpen ?? 0) };
      case "published":
        this.#lines.get(message.lost)?.published(message.results);
        return undefined;
    }
  }
}

function standingOf(view: View, member: string): Standing {
  if (view.members.some((it) => it.incarnation === member)) return "member";
  return view.pending.some((it) => it.incarnation === member) ? "pending" : "gone";
}
