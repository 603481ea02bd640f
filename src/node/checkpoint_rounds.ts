/**
 * Checkpoint rounds: the master write daemon. From time to time the master has all members bring home what
 * was changed before the round began, then asks each from where its journal is needed, and writes the answers
 * to the cluster journal log: recovery and retirement begin there, and not where a journal begins.
 *
 * One member's checkpoint does not do as much: what it changed and sent on only the others bring home. Each
 * member still goes on by itself when its own limits say so. A round that a view ends, or a member, is none:
 * what it brought home is home, and the next master leads the next.
 */
import type { Coherence } from "../buffer/coherence.ts";
import { oldestDirty } from "../buffer/unplaced.ts";
import type { LogNeed } from "../cluster/journal_log_record.ts";
import { ByteReader } from "../ground/byte_reader.ts";
import { ByteWriter } from "../ground/byte_writer.ts";
import { CohortError } from "../ground/errors.ts";
import { masterOf, type View } from "../ground/view.ts";
import type { Courier } from "../ports/mod.ts";
import type { Member } from "./member.ts";
import { CHECKPOINT_TOPIC, NEED_TOPIC } from "./topics.ts";

/** What it takes. */
export interface RoundsWorld {
  readonly member: Member;
  readonly courier: Courier;
  readonly coherence: Coherence;
  /** Milliseconds between two rounds. */
  readonly everyMs: number;
  /** The view in force. */
  readonly view: () => View | undefined;
}

/** A round that came to its end. */
export interface CheckpointRound {
  /** Counts those that this node led. */
  readonly round: number;
  /** Number of the view. */
  readonly view: number;
  /** When it ended: milliseconds since 1970. */
  readonly endedMs: number;
  /** Milliseconds that it took. */
  readonly tookMs: number;
  /** Bytes of journal that were needed still when it ended, of all members together. */
  readonly neededBytes: number;
}

/** Of one member: it answers the master's rounds, and leads them while it is the master itself. */
export class CheckpointRounds {
  /** The last round that it led to its end. */
  last: CheckpointRound | undefined;
  /** Whether one is under way that it leads. */
  isLeading = false;
  readonly #world: RoundsWorld;
  #cancel: () => void = () => {};
  #isOver = false;
  #count = 0;
  /** What the last round was told, to see whether anything has changed since. */
  #needs: readonly LogNeed[] = [];

  constructor(world: RoundsWorld) {
    this.#world = world;
    const { courier, member } = world;
    courier.serve(CHECKPOINT_TOPIC, async () => {
      await member.daemon.checkpoint();
      return undefined;
    });
    courier.serve(NEED_TOPIC, async () => ({ body: encodeNeed(await this.#need()) }));
  }

  /** A view is entered: its master leads from now on. */
  entered(): void {
    this.#cancel();
    this.#arm();
  }

  /** Ends it. */
  stop(): void {
    this.#isOver = true;
    this.#cancel();
  }

  /** Has all others bring home what they answer for; who is gone meanwhile is nobody to wait for. */
  async others(): Promise<void> {
    const { courier, view } = this.#world;
    const others = (view()?.members ?? []).filter((it) => it.incarnation !== courier.self);
    const asked = others.map((it) => courier.request(it.incarnation, CHECKPOINT_TOPIC, new Uint8Array(0)));
    for (const result of await Promise.allSettled(asked)) {
      if (result.status === "rejected" && !(result.reason instanceof CohortError)) throw result.reason;
    }
  }

  #arm(): void {
    const { member: { world: { clock } }, courier, everyMs, view } = this.#world;
    const present = view();
    if (present === undefined || this.#isOver || masterOf(present)?.incarnation !== courier.self) return;
    this.#cancel = clock.after(everyMs, () => void this.#lead(present), true);
  }

  async #lead(view: View): Promise<void> {
    const { member } = this.#world;
    if (this.isLeading) return this.#arm();
    this.isLeading = true;
    try {
      await this.#round(view);
    } catch (error) {
      // The next view has its own master; a member that could not answer is asked again the next time.
      const cause = error instanceof Error ? error.message : String(error);
      if (error instanceof CohortError) {
        member.world.observer.event("checkpoint.unfinished", "info", { view: view.number, cause });
      } else member.stop(new CohortError("STOPPED", `An invariant broke: ${cause}`, {}, error));
    } finally {
      this.isLeading = false;
      if (this.#world.view() === view) this.#arm();
      else this.entered();
    }
  }

  async #round(view: View): Promise<void> {
    const { member, courier, view: present } = this.#world;
    const { clock, observer } = member.world;
    const isCurrent = (): boolean => present() === view && !this.#isOver;
    // What the lost left is brought home by whoever recovers it.
    if (view.pending.length > 0 || !isCurrent()) return;
    const begun = clock.monotonicMs();
    if (isAlike(await this.#askAll(view), this.#needs)) return;
    const home = view.members.map((it) =>
      courier.request(it.incarnation, CHECKPOINT_TOPIC, new Uint8Array(0))
    );
    await Promise.all(home);
    const needs = await this.#askAll(view);
    if (!isCurrent()) return;
    const round = ++this.#count;
    await member.journalLog?.round({ round, view: view.number, needs });
    this.#needs = needs;
    const neededBytes = needs.reduce((sum, it) => sum + Math.max(0, it.position - it.from), 0);
    const tookMs = Math.round(clock.monotonicMs() - begun);
    this.last = { round, view: view.number, endedMs: clock.wallMs(), tookMs, neededBytes };
    observer.event("checkpoint.round", "info", { ...this.last });
  }

  async #askAll(view: View): Promise<LogNeed[]> {
    const { courier } = this.#world;
    return await Promise.all(view.members.map(async ({ incarnation }) => {
      const body = await courier.request(incarnation, NEED_TOPIC, new Uint8Array(0));
      return { incarnation, ...decodeNeed(body) };
    }));
  }

  /** From where this member's journal is needed: what it sent on, and is home by now, is seen first. */
  async #need(): Promise<Need> {
    const { member: { engine, journal, daemon }, coherence } = this.#world;
    const { owed } = coherence;
    const oldest = owed.oldest(Infinity);
    for (let before = -1; owed.size > 0 && owed.oldest(Infinity) > before;) {
      before = owed.oldest(Infinity);
      await owed.lookHome();
    }
    if (owed.oldest(Infinity) > oldest) daemon.noteOwed();
    const { position, safe } = journal;
    if (coherence.isRecovering) return { from: 0, position };
    // What is not dirty, here or on its way, went home by a cycle that was synced; what is not safe did not.
    return { from: owed.oldest(Math.min(oldestDirty(engine), safe)), position };
  }
}

/** What a member says of its journal. */
type Need = Omit<LogNeed, "incarnation">;

function isAlike(needs: readonly LogNeed[], before: readonly LogNeed[]): boolean {
  return needs.length === before.length && needs.every((it, at) => {
    const was = before[at]!;
    return it.incarnation === was.incarnation && it.from === was.from && it.position === was.position;
  });
}

/** `u48` needed from, `u48` how far the journal is. */
function encodeNeed({ from, position }: Need): Uint8Array {
  const writer = new ByteWriter(12);
  writer.u48(from);
  writer.u48(position);
  return writer.copy();
}

function decodeNeed(body: Uint8Array): Need {
  const reader = new ByteReader(body, "answer about a journal");
  const need = { from: reader.u48(), position: reader.u48() };
  reader.expectEnd();
  return need;
}
