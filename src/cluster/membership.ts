/**
 * Membership: a member's way into, through and out of the views of its cluster (DESIGN D7, D9).
 *
 * Two rhythms: a pulse that says over the network that this member lives, whatever the disk does; and a round
 * that writes its slot, reads the others', looks for a newer view, and does what must be done about members
 * that are lost. What decides views runs one after the other.
 */
import { CohortError } from "../ground/errors.ts";
import { masterOf, memberOf, type View } from "../ground/view.ts";
import type { InterconnectPeer } from "../ports/mod.ts";
import { Aftermath, type RecoveryTrouble } from "./aftermath.ts";
import { courseOf, patienceOf } from "./course.ts";
import { HostStatus } from "./host_status.ts";
import { Joining } from "./joining.ts";
import { Lease } from "./lease.ts";
import { endedMeanwhile, leaving } from "./leaving.ts";
import {
  decodeMember,
  encodeMember,
  type JoinRequest,
  MEMBER_CLASS,
  type MemberMessage,
  type MemberReport,
  type MembershipState,
  newsOf,
} from "./member_message.ts";
import type { MembershipWorld } from "./membership_world.ts";
import { nextView, type ViewChange } from "./next_view.ts";
import { endOwn } from "./over.ts";
import { Peers } from "./peers.ts";
import { Slots } from "./slots.ts";
import { type RoundParts, storageRound } from "./storage_round.ts";
import { StorageWatch } from "./storage_watch.ts";
import type { Verdict } from "./verdict.ts";
import { ViewChain } from "./view_chain.ts";
import { Welcome } from "./welcome.ts";

/** One life in a cluster. */
export class Membership {
  readonly self: string;
  readonly chain: ViewChain;
  readonly #world: MembershipWorld;
  readonly #parts: RoundParts;
  readonly #peers: Peers;
  readonly #aftermath: Aftermath;
  readonly #joining: Joining;
  readonly #welcome: Welcome;
  #state: MembershipState = "joining";
  #view: View | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  #cancelPulse: () => void = () => {};
  #cancelRound: () => void = () => {};
  #ranAt = Infinity;
  #isRounding = false;
  #isOver = false;
  /** Since when the same course holds, and which. */
  #course = { text: "", since: 0 };
  #why = "";

  constructor(world: MembershipWorld) {
    this.self = world.owner.nonce;
    this.#world = world;
    this.chain = new ViewChain(world.storage, world.directory);
    this.#peers = new Peers(world.timings, world.evictSilent ?? true);
    this.#aftermath = new Aftermath(world);
    this.#parts = {
      world,
      chain: this.chain,
      peers: this.#peers,
      slots: new Slots(world.storage, world.directory, this.self),
      watch: new StorageWatch(world.timings.storageMs, world.clock.monotonicMs()),
      lease: new Lease(world.clock, world.timings.leaseMs),
      status: new HostStatus(world, this.#peers),
    };
    this.#joining = new Joining(world, this.chain, this.#parts.lease);
    this.#welcome = new Welcome(world);
    world.post.receive(MEMBER_CLASS, {
      message: (from, bytes) => this.#message(from, bytes),
      linked: ({ incarnation }) => this.#peers.heard(incarnation, this.#now()),
      unlinked: () => this.#hurry(),
    });
  }

  /** How it stands now. */
  get state(): MembershipState {
    return this.#state;
  }

  /** Why it stands so; empty when there is nothing to say. */
  get why(): string {
    return this.#state === "joining" ? `waits for this: ${this.#joining.waitsFor}` : this.#why;
  }

  /** What keeps this member, as the master, from recovering the lost; undefined when nothing does. */
  get trouble(): RecoveryTrouble | undefined {
    return this.#aftermath.trouble;
  }

  /** What it can say of the others, by incarnation (rule 92). */
  get verdicts(): Map<string, Verdict> {
    return this.#peers.verdicts(this.#now());
  }

  /** How another member says that it stands, by whichever way it could; undefined when it could not yet. */
  reportOf(incarnation: string): MemberReport | undefined {
    return this.#parts.status.reportOf(incarnation);
  }

  /**
   * Tells a member of the view up to `TELL_BYTES_MAX` bytes, which arrive at most once: over the network, or
   * through the shared storage while there is no link to it. False when it is no member, or what it was told
   * before is still on its way.
   */
  tell(to: string, bytes: Uint8Array): boolean {
    return this.#parts.status.tell(to, bytes);
  }

  /**
   * Whether an answer may leave that was made in view `number`: it is still in force, and so is this member
   * in it. To be asked when the answer is released (DESIGN D8); costs two looks at clocks.
   */
  mayAnswer(number: number): boolean {
    return this.#view?.number === number && this.#state === "active" && this.#parts.lease.isHeld();
  }

  /** The view it is in; undefined before it has joined. */
  get view(): View | undefined {
    return this.#view;
  }

  /** True when it is the master of its view. */
  get isMaster(): boolean {
    return this.#view !== undefined && masterOf(this.#view)?.incarnation === this.self;
  }

  /**
   * Becomes a member. Rejects with what refused it, `TIMEOUT` with what it waited for, or the signal's
   * reason.
   */
  async join(signal?: AbortSignal): Promise<View> {
    const { post, link } = this.#world;
    const address = await post.open(link);
    const view = await this.#joining.run(address, signal);
    this.#parts.watch.good(this.#now());
    this.#adopt(view);
    this.#pulse();
    this.#cancelRound = this.#after(0, () => void this.#round());
    return view;
  }

  /**
   * Leaves in good order: no fence and no recovery follows. What is to be brought home has been. Ends this
   * life in any case; rejects with what refused it when the others will have to evict it.
   */
  async leave(): Promise<void> {
    let refused: CohortError | undefined;
    // Nobody fences whoever has left: what it recovers must be over by then.
    await this.#aftermath.end();
    await this.#inTurn(async () => {
      refused = await leaving(this.#world, async () => {
        while (this.#state === "active" || this.#state === "suspended") {
          if (this.#isOver) throw endedMeanwhile();
          if (await this.#decide({ kind: "leave", incarnation: this.self })) break;
        }
      });
    });
    await this.close();
    if (refused !== undefined) throw refused;
  }

  /** Ends this life as it stands; the others find it silent, unless it has left. */
  async close(): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#cancelPulse();
    this.#cancelRound();
    await this.#turn;
    await this.#aftermath.settled();
    await this.#parts.slots.close(this.#state === "left");
    await this.#world.post.close();
  }

  #message(from: InterconnectPeer, bytes: Uint8Array): void {
    let message: MemberMessage;
    try {
      message = decodeMember(bytes, from.name);
    } catch (error) {
      if (!(error instanceof CohortError)) throw error;
      return this.#world.post.disconnect(from.incarnation, error.message);
    }
    this.#peers.heard(from.incarnation, this.#now());
    if (message.kind === "ask") {
      this.#welcome.inTurn(from.incarnation, (to) => this.#inTurn(() => this.#asked(to, message.asked)));
    } else if (message.kind === "wait" || message.kind === "refuse") this.#joining.answered(message);
    else if (message.kind === "state" || message.kind === "letter") {
      this.#parts.status.received(from.incarnation, message);
    } else if (message.kind === "vouch") {
      if (this.isMaster) this.#welcome.vouched(this.#view!, from.incarnation, message);
    } else if (message.kind === "decided") {
      // Told once it is durable: as good as to find it on the storage.
      if (message.next.cluster === this.#view?.cluster) void this.#inTurn(() => this.#adopt(message.next));
    } else if (message.view > (this.#view?.number ?? 0)) this.look(message.view);
  }

  /** Looks for a newer view soon: somebody says that there is one, or that there is this one. */
  look(said: number = Infinity): void {
    const isNews = (): boolean => this.#view !== undefined && said > this.#view.number;
    if (isNews()) void this.#inTurn(() => isNews() ? this.#look() : undefined);
  }

  async #asked(from: string, asked: JoinRequest): Promise<void> {
    const view = this.#view;
    if (view === undefined || this.#isOver || memberOf(view, from) !== undefined) return this.#sayLook(from);
    if (!this.isMaster) {
      const master = masterOf(view)?.incarnation ?? "";
      return void this.#world.post.send(master, encodeMember(await this.#welcome.vouch(view, asked)));
    }
    const answer = await this.#welcome.answer(view, this.#state === "active", asked);
    if (answer.kind !== "join") {
      this.#world.post.send(from, encodeMember({ ...answer, view: view.number }));
      if (answer.kind === "wait") await this.#judge();
    } else if (this.#view === view && await this.#decide(answer)) {
      this.#sayLook(from);
    }
  }

  #sayLook(to: string): void {
    this.#world.post.send(to, encodeMember({ kind: "look", view: this.#view?.number ?? 0 }));
  }

  /** Says that this member lives, and dials whom it has no link to. */
  #pulse(): void {
    const { post, timings } = this.#world;
    this.#noteStall();
    // Also while a disk does not answer, and rounds stand still.
    if (this.#ownProblem() !== undefined) this.#standUp();
    this.#parts.status.flush();
    post.broadcast(encodeMember({ kind: "beat", view: this.#view?.number ?? 0 }));
    for (const { incarnation, address } of this.#peers.members) {
      if (!post.isLinked(incarnation)) post.dial(address);
    }
    this.#cancelPulse = this.#after(timings.pulseMs, () => this.#pulse());
  }

  /** Whoever did not run cannot have heard anything: neither rhythm may judge others by that time. */
  #noteStall(): void {
    const { pulseMs } = this.#world.timings;
    const now = this.#now();
    if (now - this.#ranAt > 2 * pulseMs) {
      this.#peers.excuse(now - this.#ranAt - pulseMs);
      this.#parts.watch.excuse(now - this.#ranAt - pulseMs);
    }
    this.#ranAt = now;
  }

  /** What of its own keeps this member from being active: its way to the storage, or its lease. */
  #ownProblem(): string | undefined {
    const { watch, lease } = this.#parts;
    const over = "its lease has run out, and no look at the views has renewed it yet";
    return watch.problem(this.#now()) ?? (lease.isHeld() ? undefined : over);
  }

  /** Active, unless something of its own speaks against it. */
  #standUp(): void {
    const problem = this.#ownProblem();
    this.#stand(problem === undefined ? "active" : "suspended", problem ?? "");
  }

  /** The next round comes at once. */
  #hurry(): void {
    if (this.#view === undefined || this.#isRounding || this.#isOver) return;
    this.#cancelRound();
    this.#cancelRound = this.#after(0, () => void this.#round(true));
  }

  async #round(isHurried = false): Promise<void> {
    this.#isRounding = true;
    this.#noteStall();
    await this.#inTurn(async () => {
      const view = this.#view;
      // A process that is gone is seen without the storage.
      if (isHurried) await this.#judge();
      if (this.#view !== view) return;
      const newer = await storageRound(this.#parts, this.#view!);
      if (newer !== undefined) this.#adopt(newer);
      await this.#judge();
    });
    this.#isRounding = false;
    if (this.#isOver || this.#state === "evicted") return;
    const pauseMs = this.#peers.pauseMs(this.#world.timings.pulseMs);
    this.#cancelRound = this.#after(pauseMs, () => void this.#round());
  }

  async #look(): Promise<void> {
    const newer = this.#isOver ? undefined : await this.chain.newest(this.#view?.number);
    if (newer !== undefined) this.#adopt(newer);
  }

  /** Does what the situation asks for. */
  async #judge(): Promise<void> {
    const view = this.#view;
    if (view === undefined || this.#isOver || this.#state === "evicted" || this.#state === "left") return;
    const { storage, post } = this.#world;
    await this.#peers.examine(storage.fence, (it) => post.isLinked(it), (it) => this.chain.over.has(it));
    this.#noteStall();
    const now = this.#now();
    const problem = this.#parts.watch.problem(now);
    if (problem !== undefined) return this.#stand("suspended", problem);
    const situation = this.#peers.situation(view, this.self, now);
    const course = courseOf(situation);
    const text = `${view.number} ${course.kind} ${course.kind === "evict" ? [...course.kept].join() : ""}`;
    if (text !== this.#course.text) this.#course = { text, since: now };
    if (course.kind === "stand back") return this.#stand("suspended", course.why);
    if (course.kind === "go on") {
      this.#standUp();
      this.#startRecovery(view);
      return this.isMaster ? undefined : await endOwn(this.#world, view);
    }
    if (now - this.#course.since < patienceOf(course, situation, this.#world.timings.settleMs)) return;
    try {
      await this.#decide({ kind: "evict", kept: course.kept });
    } catch (error) {
      if (!(error instanceof CohortError) || error.code !== "QUORUM_LOST") throw error;
      this.#stand("suspended", error.message);
    }
  }

  /** Decides what follows the present view and tells it; false when another view did, which is taken then. */
  async #decide(change: ViewChange): Promise<boolean> {
    const present = new Set(this.#peers.hears(this.#now()));
    const next = nextView(this.#view!, this.self, present, change);
    if (!await this.chain.decide(next)) {
      await this.#look();
      return false;
    }
    this.#world.post.broadcast(encodeMember(newsOf(next)));
    this.#adopt(next);
    await this.chain.purge(next);
    return true;
  }

  /** Goes over to a view. */
  #adopt(view: View): void {
    if (this.#isOver || view.number <= (this.#view?.number ?? 0)) return;
    this.#view = view;
    this.#peers.enter(view, this.self, this.#now());
    this.#aftermath.entered(view);
    this.#parts.status.entered(view);
    this.#world.onView(view);
    const isMember = memberOf(view, this.self) !== undefined;
    if (isMember) this.#startRecovery(view);
    if (isMember) return this.#standUp();
    const left = view.cause === "left" && view.creator === this.self;
    this.#stand(left ? "left" : "evicted", left ? "" : `view ${view.number} is without this member`);
  }

  #stand(state: MembershipState, why: string): void {
    if (this.#state === "left" || this.#state === "evicted") return;
    const isNews = this.#state !== state;
    this.#state = state;
    this.#why = why;
    if (state === "left" || state === "evicted") this.#parts.lease.end();
    if (!isNews) return;
    this.#parts.status.stands({ state, why });
    this.#world.onState(state, why);
  }

  /** The master sees to it that whoever was evicted is fenced, recovered and outlasted. */
  #startRecovery(view: View): void {
    if (!this.isMaster) return;
    const isCurrent = (): boolean => this.#view === view && !this.#isOver;
    this.#aftermath.start(view, isCurrent, (incarnations) =>
      this.#inTurn(async () => {
        if (isCurrent()) await this.#decide({ kind: "recover", incarnations });
      }));
  }

  /** Runs what decides views, one after the other; what the world refuses is told, and tried again. */
  #inTurn(task: () => Promise<void> | void): Promise<void> {
    const run = async (): Promise<void> => {
      try {
        await task();
      } catch (error) {
        if (!(error instanceof CohortError)) return this.#world.onBroken(error);
        this.#world.observer.event("cluster.round_failed", "warn", { cause: error.message });
      }
    };
    const turn = this.#turn.then(run);
    this.#turn = turn;
    return turn;
  }

  #now(): number {
    return this.#world.clock.monotonicMs();
  }

  #after(ms: number, task: () => void): () => void {
    return this.#isOver ? () => {} : this.#world.clock.after(ms, task, true);
  }
}
