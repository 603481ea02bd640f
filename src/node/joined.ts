/**
 * Joined: this node as a member of its cluster: membership, courier and coherence around its engine
 * (DESIGN D6-D9).
 *
 * A view is entered in one synchronous step: whoever is in it speaks only with those who are, and keeps what
 * it has. What is shared waits while somebody who was lost is neither fenced nor recovered.
 */
import type { Coherence } from "../buffer/coherence.ts";
import { quarantined } from "../buffer/engine.ts";
import { Survivors } from "../buffer/survivors.ts";
import type { MemberCourier } from "../cluster/courier.ts";
import type { MembershipState } from "../cluster/member_message.ts";
import type { Membership } from "../cluster/membership.ts";
import { PACKET_CLASS } from "../cluster/packet.ts";
import { Post } from "../cluster/post.ts";
import { CohortError, isCode } from "../ground/errors.ts";
import { memberOf, type View } from "../ground/view.ts";
import { pause } from "../storage/claim_lease.ts";
import type { Volume } from "../storage/volume.ts";
import type { ClusterSettings } from "./cluster_options.ts";
import { CheckpointRounds } from "./checkpoint_rounds.ts";
import { ClusterNotices } from "./cluster_notices.ts";
import { CommitTickets } from "./commit_tickets.ts";
import { STAMPS_PER_SEGMENT } from "../storage/journal_files.ts";
import { type LostWorld, recoverLost, type RecoveryRecord } from "./cluster_recovery.ts";
import { recoverOwed } from "./cluster_volume.ts";
import { retireDead } from "./cluster_retire.ts";
import {
  type JoinedWorld,
  makeCoherence,
  makeCourier,
  makeMembership,
  makeRemoteServer,
} from "./joined_parts.ts";
import type { Member } from "./member.ts";
import { MemberLeave } from "./member_leave.ts";
import { stopped } from "./refusals.ts";
import { Increments } from "./increments.ts";
import { RemoteCalls } from "./remote_calls.ts";
import type { RemoteServer } from "./remote_server.ts";

/** Milliseconds between rounds of write cycles. */
const ROUND_MS = 2;
/** Longest wait for what was asked for of a volume that is forsaken. */
const FORSAKE_MS = 500;
/** Most recoveries that are remembered. */
const RECOVERIES_MAX = 16;
/** Longest wait, before it leaves, for others to have their answers. */
const ANSWERS_MS = 500;

/** Name of an incarnation among the members. */
export function nameOf(settings: ClusterSettings | undefined, incarnation: string): string {
  return settings?.name ?? `member-${incarnation.slice(0, 8)}`;
}

/**
 * A volume whose sync failed holds nobody knows what, and the next sync, by whichever file, says nothing of
 * it (DESIGN D4c): others recover it, from the journals.
 */
function stopUnsynced(member: Member, error: unknown): void {
  if (isCode(error, "SYNC_FAILED")) member.stop(error);
}

/** One node's part in its cluster. */
export class Joined {
  readonly cluster: string;
  readonly pij: string;
  readonly name: string;
  readonly membership: Membership;
  readonly courier: MemberCourier;
  readonly coherence: Coherence;
  readonly notices: ClusterNotices;
  readonly tickets: CommitTickets;
  /** Checkpoints of all members together, which the master leads. */
  readonly rounds: CheckpointRounds;
  /** What it recovered last, oldest first. */
  readonly recoveries: RecoveryRecord[] = [];
  /** What this node asks of databases at other members. */
  readonly remoteCalls: RemoteCalls;
  /** What members increment for each other. */
  readonly increments: Increments;
  /** What others ask of its databases. */
  readonly #remoteServer: RemoteServer;
  readonly #world: JoinedWorld;
  /** What the members of this view reported to whoever recovers. */
  #survivors: { readonly view: number; readonly of: Survivors } = { view: 0, of: new Survivors([]) };
  #nextView: PromiseWithResolvers<void> | undefined;
  /** The journals of the gone are looked at. */
  #retiring: Promise<void> = Promise.resolve();
  /** What journals hold of volumes that were set aside is applied. */
  #applying: Promise<void> = Promise.resolve();
  readonly #leave: MemberLeave;
  /** Ends a join that is under way. */
  readonly #ended: AbortController = new AbortController();
  #isOver = false;
  /** It is not known yet whether it leaves in good order. */
  #isLeaving = false;

  constructor(world: JoinedWorld) {
    this.#world = world;
    const { member, pij, settings, owner } = world;
    this.cluster = pij.cluster;
    this.pij = pij.directory;
    this.name = nameOf(settings, owner.nonce);
    const post = new Post(world.interconnect);
    this.courier = makeCourier(world, post, {
      onLaterView: (view) => this.membership.look(view),
      onBroken: (error) => this.#broken(error),
    });
    post.receive(PACKET_CLASS, {
      message: (from, bytes) => this.courier.heard(from, bytes),
      linked: (peer) => this.courier.linked(peer),
      unlinked: ({ name }, reason) =>
        member.world.observer.event("cluster.unlinked", "info", { member: name, reason }),
    });
    const { courier } = this;
    this.coherence = makeCoherence(world, courier, (error) => this.#trouble(error));
    const members = (): string[] => (this.view?.members ?? []).map((it) => it.incarnation);
    this.tickets = new CommitTickets({ courier, clock: member.world.clock, members });
    this.rounds = new CheckpointRounds({
      member,
      courier: this.courier,
      coherence: this.coherence,
      everyMs: settings.checkpointMs,
      view: () => this.view,
    });
    this.notices = new ClusterNotices({
      member,
      courier,
      members,
      nameOf: (it) => (this.view && memberOf(this.view, it)?.name) ?? it,
      onChange: world.onChange,
    });
    this.membership = makeMembership(world, this.name, post, {
      onView: (view) => this.#entered(view),
      onState: (state, why) => this.#stands(state, why),
      onTold: () => {},
      onBroken: (error) => this.#broken(error),
      recover: (view, isCurrent) => this.#recover(view, isCurrent),
      resume: () => this.coherence.resume(),
    });
    this.remoteCalls = new RemoteCalls({
      courier: this.courier,
      clock: member.world.clock,
      view: () => this.view,
    });
    this.#remoteServer = makeRemoteServer(world, this.name, courier);
    this.increments = new Increments(courier, this.coherence, member.world.clock, member.nextIncrement);
    member.engine.coherence = this.coherence;
    this.#leave = new MemberLeave(this.membership, member, () => this.#isOver && !this.#isLeaving);
  }

  /** The view it is in; undefined before it has joined. */
  get view(): View | undefined {
    return this.membership.view;
  }

  /** Joins the cluster, or founds it. */
  async join(): Promise<void> {
    await this.membership.join(this.#ended.signal);
  }

  /**
   * Waits until nobody needs this member's journal for a volume any more: what it changed and sent on is
   * home. Costs a round of write cycles of all members while it is not. Rejects `QUARANTINED` for one that
   * nobody brings home any more: other volumes do not wait for it, though it needs the journal still.
   */
  async settle(volume: Volume): Promise<void> {
    const { member } = this.#world;
    for (;;) {
      // Also whoever has nothing to bring home hears the stamps of this member, which goes.
      await this.rounds.others();
      await this.coherence.owed.lookHome();
      if (volume.quarantine !== undefined) throw quarantined(volume);
      if (!this.coherence.owed.has(volume)) return;
      await pause(member.world.clock, ROUND_MS);
    }
  }

  /**
   * Gives up all that is held of a volume here. Rejects `QUARANTINED` once its blocks stay where they are.
   */
  async unshare(volume: Volume): Promise<void> {
    const { daemon, world: { clock } } = this.#world.member;
    volume.ahead?.end();
    while (this.coherence.giveUp(volume) > 0) {
      if (volume.quarantine !== undefined) throw quarantined(volume);
      await daemon.checkpoint();
      await pause(clock, ROUND_MS);
    }
    this.coherence.unshare(volume);
  }

  /**
   * Gives up a volume that nobody may use any more, as it is. What was asked for is waited for while it may
   * come; where nobody is granted anything for so long the next view settles who has what.
   */
  async forsake(volume: Volume): Promise<void> {
    const { clock } = this.#world.member.world;
    volume.ahead?.end();
    for (let ms = 0; this.coherence.forsake(volume, ms >= FORSAKE_MS) > 0; ms += ROUND_MS) {
      await pause(clock, ROUND_MS);
    }
    this.coherence.unshare(volume);
  }

  /** Leaves in good order, when others have answered what they were asked; what is shared was dismounted. */
  async leave(): Promise<void> {
    await Promise.all([this.remoteCalls.settled(), this.increments.settled()]);
    await this.#answersHeard();
    this.#isLeaving = true;
    this.#end(new CohortError("CLOSED", "The node is closed"));
    await this.#retiring;
    try {
      await this.membership.leave();
      const { journal, journalLog } = this.#world.member;
      journalLog?.left(this.view?.number ?? 0, journal.position);
      this.letGo();
    } finally {
      this.#isLeaving = false;
    }
  }

  /** What is private goes on without a cluster: no view, no recovery and no member keeps it waiting. */
  letGo(): void {
    const { engine } = this.#world.member;
    engine.leave = undefined;
    engine.coherence = undefined;
    engine.freezes.thawOthers();
  }

  /** Waits a while until those who called have their answers: they could not know what was done. */
  async #answersHeard(): Promise<void> {
    const { clock } = this.#world.member.world;
    if (!this.#remoteServer.wasCalled) return;
    const isOpen = (): boolean => this.#remoteServer.isBusy || this.courier.keptBytes > 0;
    for (let ms = 0; ms < ANSWERS_MS && isOpen(); ms += ROUND_MS) await pause(clock, ROUND_MS);
  }

  /** Ends as it stands: the others evict it. */
  async abort(cause: CohortError): Promise<void> {
    this.#end(cause);
    this.#ended.abort(cause);
    this.coherence.stop(stopped(cause));
    await this.#retiring;
    await this.membership.close();
  }

  #end(cause: CohortError): void {
    this.#isOver = true;
    this.rounds.stop();
    this.courier.stop(cause);
    this.increments.end(cause);
    this.tickets.entered();
    this.#next();
  }

  /** Resolves when a view is entered, or this life ends. */
  nextView(): Promise<void> {
    return (this.#nextView ??= Promise.withResolvers()).promise;
  }

  #next(): void {
    this.#nextView?.resolve();
    this.#nextView = undefined;
  }

  #entered(view: View): void {
    const { observer } = this.#world.member.world;
    const members = view.members.map((it) => it.incarnation);
    const { number, cause } = view;
    this.#leave.entered(view);
    observer.event("cluster.view", "info", { view: number, cause, members: members.length });
    this.courier.enter(number, members);
    this.remoteCalls.entered(members);
    this.#remoteServer.entered(members);
    this.increments.entered(view);
    if (memberOf(view, this.#world.owner.nonce) !== undefined) {
      this.#world.member.engine.leave = this.#leave;
      const recoverer = view.pending.length > 0 ? members[0] : undefined;
      this.#survivors = { view: number, of: this.coherence.enter(members, recoverer) };
      this.notices.entered();
      this.tickets.entered();
      this.rounds.entered();
      const { journal, engine, journalLog } = this.#world.member;
      const { last: stamp } = engine.stamps;
      journalLog?.entered({ view: number, session: view.session, stamp, position: journal.position });
      // Whoever recovers goes on above every ceiling of the lost, and what it hands on bears such stamps.
      if (view.pending.length > 0) journal.expect(stamp + STAMPS_PER_SEGMENT);
    }
    this.#next();
    this.#world.onChange();
    if (view.pending.length === 0 && this.membership.isMaster) this.#retire(view);
  }

  /** Sees to it that the journals of the gone do not stay for ever; begun anew in each view. */
  #retire(view: View): void {
    const { member, owner } = this.#world;
    const { cluster, pij } = this;
    const mayGoOn = (): boolean => this.view === view && !this.#isOver;
    const bringHome = async (): Promise<void> => {
      await Promise.all([member.daemon.checkpoint(), this.rounds.others()]);
    };
    const run = async (): Promise<void> => {
      const isNewest = (number: number): Promise<boolean> => this.#isNewest(number);
      const world = { member, cluster, pij, owner, bringHome, mayGoOn, isNewest };
      if (mayGoOn()) await (this.#applying = recoverOwed(this.#lostWorld(new Survivors([]), mayGoOn), view));
      if (mayGoOn()) await retireDead(world, view);
    };
    this.#retiring = this.#retiring.then(run).catch((error) => {
      member.world.observer.event("journal.not_retired", "warn", { cause: String(error) });
      stopUnsynced(member, error);
    });
  }

  async #recover(view: View, isCurrent: () => boolean): Promise<void> {
    const { view: number, of } = this.#survivors;
    const mayGoOn = (): boolean => isCurrent() && !this.#isOver && this.#survivors.of === of;
    if (number !== view.number) throw new CohortError("VIEW_CHANGED", "A newer view has come");
    const { member } = this.#world;
    // It may be at the same volume.
    await this.#applying.catch(() => {});
    const record = await recoverLost(this.#lostWorld(of, mayGoOn), view).catch((error) => {
      stopUnsynced(member, error);
      throw error;
    });
    this.recoveries.push(record);
    if (this.recoveries.length > RECOVERIES_MAX) this.recoveries.shift();
  }

  #lostWorld(survivors: Survivors, mayGoOn: () => boolean): LostWorld {
    const { member, settings, owner } = this.#world;
    return {
      member,
      cluster: this.cluster,
      self: owner,
      confirmGone: settings.confirmGone,
      survivors,
      pij: this.pij,
      quarantine: (volumeId, cause) => this.notices.quarantine(volumeId, cause),
      nextView: () => this.nextView(),
      mayGoOn,
      steps: [this.increments.publication],
      isNewest: (number) => this.#isNewest(number),
    };
  }

  async #isNewest(view: number): Promise<boolean> {
    return !await this.membership.chain.isLater(view);
  }

  #stands(state: MembershipState, why: string): void {
    this.#leave.look();
    const { member } = this.#world;
    member.world.observer.event("cluster.state", state === "active" ? "info" : "warn", { state, why });
    if (state === "evicted") {
      const text = `Could not go on: this member was evicted (${why})`;
      member.stop(new CohortError("FENCED", text, { name: this.name }));
    }
    this.#world.onChange();
  }

  #trouble(error: unknown): void {
    // Whoever a view leaves behind hears of the next.
    if (isCode(error, "VIEW_CHANGED") || isCode(error, "UNREACHABLE") || this.#isOver) return;
    if (!(error instanceof CohortError)) return this.#broken(error);
    this.#world.member.world.observer.event("cluster.trouble", "warn", { cause: error.message });
    this.membership.look();
  }

  #broken(error: unknown): void {
    const text = `An invariant broke: ${error instanceof Error ? error.message : error}`;
    this.#world.member.stop(new CohortError("STOPPED", text, {}, error));
  }
}
