/**
 * Joined: this node as a member of its cluster: membership, courier and coherence around its engine
 * (DESIGN D6-D9).
 *
 * A view is entered in one synchronous step: whoever is in it speaks only with those who are, and keeps what
 * it has. What is shared waits while somebody who was lost is neither fenced nor recovered.
 */
import { Coherence } from "../buffer/coherence.ts";
import { Survivors } from "../buffer/survivors.ts";
import { MemberCourier } from "../cluster/courier.ts";
import type { MembershipState } from "../cluster/member_message.ts";
import { Membership } from "../cluster/membership.ts";
import { PACKET_CLASS } from "../cluster/packet.ts";
import type { Pij } from "../cluster/pij.ts";
import { Post } from "../cluster/post.ts";
import { sharedSettings } from "../cluster/shared_settings.ts";
import { CohortError, isCode } from "../ground/errors.ts";
import { memberOf, type View } from "../ground/view.ts";
import type { Interconnect, OwnerIdentity } from "../ports/mod.ts";
import { pause } from "../storage/claim_lease.ts";
import type { Volume } from "../storage/volume.ts";
import type { ClusterSettings } from "./cluster_options.ts";
import { ClusterNotices } from "./cluster_notices.ts";
import { recoverLost, type RecoveryRecord } from "./cluster_recovery.ts";
import { retireDead } from "./cluster_retire.ts";
import type { Database } from "./database.ts";
import { pathOfDirectory } from "./directory.ts";
import type { Member } from "./member.ts";
import { MemberLeave } from "./member_leave.ts";
import { CHECKPOINT_TOPIC } from "./topics.ts";
import { RemoteCalls } from "./remote_calls.ts";
import { RemoteServer } from "./remote_server.ts";

/** Bytes on their way to one member, messages served for it at once, bytes kept for it. */
const LIMITS = { flightBytes: 1 << 20, served: 256, keptBytes: 8 << 20 } as const;

/** Milliseconds until a volume that could not be read is looked at again. */
const REST_MS = 10;
/** Milliseconds between rounds of write cycles. */
const ROUND_MS = 2;
/** Most recoveries that are remembered. */
const RECOVERIES_MAX = 16;
/** Longest wait, before it leaves, for others to have their answers. */
const ANSWERS_MS = 500;

/** What it takes to join. */
export interface JoinedWorld {
  readonly member: Member;
  readonly pij: Pij;
  readonly secret: Uint8Array;
  readonly owner: OwnerIdentity;
  readonly settings: ClusterSettings;
  readonly interconnect: Interconnect;
  /** User, group and umask, as far as they can be told. */
  readonly rights: Readonly<Record<string, string>>;
  /** Something of what it is has changed. */
  readonly onChange: () => void;
  /** A mounted database by its canonical directory. */
  readonly mounted: (directory: string) => Database | undefined;
}

/** Name of an incarnation among the members. */
export function nameOf(settings: ClusterSettings | undefined, incarnation: string): string {
  return settings?.name ?? `member-${incarnation.slice(0, 8)}`;
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
  /** What it recovered last, oldest first. */
  readonly recoveries: RecoveryRecord[] = [];
  /** What this node asks of databases at other members. */
  readonly remoteCalls: RemoteCalls;
  /** What others ask of its databases. */
  readonly #remoteServer: RemoteServer;
  readonly #world: JoinedWorld;
  /** What the members of this view reported to whoever recovers. */
  #survivors: { readonly view: number; readonly of: Survivors } = { view: 0, of: new Survivors([]) };
  /** Called at the next view. */
  #onNext: Array<() => void> = [];
  /** The journals of the gone are looked at. */
  #retiring: Promise<void> = Promise.resolve();
  readonly #leave: MemberLeave;
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
    this.courier = this.#makeCourier(post);
    post.receive(PACKET_CLASS, {
      message: (from, bytes) => this.courier.heard(from, bytes),
      linked: (peer) => this.courier.linked(peer),
    });
    this.courier.serve(CHECKPOINT_TOPIC, async () => {
      await member.daemon.checkpoint();
      return undefined;
    });
    this.coherence = this.#makeCoherence();
    this.notices = new ClusterNotices({
      member,
      courier: this.courier,
      members: () => (this.view?.members ?? []).map((it) => it.incarnation),
      nameOf: (it) => (this.view && memberOf(this.view, it)?.name) ?? it,
      onChange: world.onChange,
    });
    this.membership = this.#makeMembership(post);
    this.remoteCalls = new RemoteCalls({
      courier: this.courier,
      clock: member.world.clock,
      view: () => this.view,
    });
    this.#remoteServer = this.#makeRemoteServer();
    member.engine.coherence = this.coherence;
    this.#leave = new MemberLeave(this.membership, member, () => this.#isOver && !this.#isLeaving);
    member.engine.leave = this.#leave;
  }

  #makeCourier(post: Post): MemberCourier {
    const { member, owner } = this.#world;
    const { engine, journal, world: { clock, observer } } = member;
    return new MemberCourier(owner.nonce, {
      clock,
      limits: LIMITS,
      stamp: () => engine.stamps.last,
      hear: (stamp) => engine.stamps.hear(stamp),
      send: (to, bytes) => post.send(to, bytes),
      safe: (position) => position <= journal.safe ? undefined : journal.makeSafe(position),
      // Whatever ends the journal stops the member.
      onUnsafe: (error) => observer.event("cluster.unsafe", "warn", { cause: String(error) }),
      disconnect: (to, reason) => post.disconnect(to, reason),
      onLaterView: () => this.membership.look(),
      onBroken: (error) => this.#broken(error),
    });
  }

  #makeCoherence(): Coherence {
    const { engine, journal, daemon, world: { clock } } = this.#world.member;
    return new Coherence({
      pool: engine.pool,
      loader: engine.loader,
      stamps: engine.stamps,
      courier: this.courier,
      position: () => journal.position,
      letGo: (volume, block) => daemon.letGo(volume, block),
      handover: this.#world.settings.handover,
      makeRoom: () => daemon.makeRoom(1),
      nudge: () => daemon.nudge(),
      bringHome: (volume, block) => daemon.bringHome(volume, block),
      rest: () => pause(clock, REST_MS),
      soon: (task) => void clock.after(0, task),
      onTrouble: (error) => this.#trouble(error),
    });
  }

  #makeRemoteServer(): RemoteServer {
    const { member, mounted } = this.#world;
    const { journal, settings: { devices }, world: { storage } } = member;
    return new RemoteServer({
      courier: this.courier,
      name: this.name,
      mounted,
      resolve: (directory) => storage.resolve(pathOfDirectory(directory, devices)),
      position: () => journal.position,
    });
  }

  #makeMembership(post: Post): Membership {
    const { member, pij, secret, owner, settings, rights } = this.#world;
    const { clock, entropy, storage, observer } = member.world;
    const { durability } = member.settings;
    const { votes, storageVotes, timings, confirmGone } = settings;
    return new Membership({
      clock,
      entropy,
      storage,
      observer,
      post,
      link: {
        cluster: pij.cluster,
        name: this.name,
        incarnation: owner.nonce,
        epoch: 0,
        secret,
        versions: { least: 1, most: 1 },
      },
      directory: pij.directory,
      owner,
      votes,
      storageVotes,
      journal: member.directory,
      settings: sharedSettings({
        durability,
        timings,
        rights,
        traits: storage.traits,
        cluster: { version: 1, values: {} },
      }),
      timings,
      confirmGone,
      onView: (view) => this.#entered(view),
      onState: (state, why) => this.#stands(state, why),
      onTold: () => {},
      onBroken: (error) => this.#broken(error),
      recover: (view, isCurrent) => this.#recover(view, isCurrent),
    });
  }

  /** The view it is in; undefined before it has joined. */
  get view(): View | undefined {
    return this.membership.view;
  }

  /** Joins the cluster, or founds it. */
  async join(signal: AbortSignal | undefined): Promise<void> {
    await this.membership.join(signal);
  }

  /**
   * Waits until nobody needs this member's journal for a volume any more: what it changed and sent on is
   * home. Costs a round of write cycles of all members while it is not.
   */
  async settle(): Promise<void> {
    const { member } = this.#world;
    for (;;) {
      // Also whoever has nothing to bring home hears the stamps of this member, which goes.
      await this.#checkpointOthers();
      await this.coherence.owed.lookHome();
      if (this.coherence.owed.size === 0) return;
      await pause(member.world.clock, ROUND_MS);
    }
  }

  async #checkpointOthers(): Promise<void> {
    const { self } = this.courier;
    const others = (this.view?.members ?? []).filter((it) => it.incarnation !== self);
    const asked = others.map((it) =>
      this.courier.request(it.incarnation, CHECKPOINT_TOPIC, new Uint8Array(0))
    );
    for (const result of await Promise.allSettled(asked)) {
      if (result.status === "rejected" && !(result.reason instanceof CohortError)) throw result.reason;
    }
  }

  /** Gives up all that is held of a volume here. */
  async unshare(volume: Volume): Promise<void> {
    const { daemon, world: { clock } } = this.#world.member;
    while (this.coherence.giveUp(volume) > 0) {
      await daemon.checkpoint();
      await pause(clock, ROUND_MS);
    }
    this.coherence.unshare(volume);
  }

  /** Leaves in good order, when others have answered what they were asked; what is shared was dismounted. */
  async leave(): Promise<void> {
    await this.remoteCalls.settled();
    await this.#answersHeard();
    const { engine } = this.#world.member;
    this.#isLeaving = true;
    this.#end(new CohortError("CLOSED", "The node is closed"));
    await this.#retiring;
    try {
      await this.membership.leave();
      // What is private goes on without the leave of a view.
      engine.leave = undefined;
    } finally {
      this.#isLeaving = false;
    }
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
    await this.#retiring;
    await this.membership.close();
  }

  #end(cause: CohortError): void {
    this.#isOver = true;
    this.courier.stop(cause);
    this.#next();
  }

  /** Resolves when a view is entered, or this life ends. */
  nextView(): Promise<void> {
    return new Promise((go) => this.#onNext.push(go));
  }

  #next(): void {
    for (const go of this.#onNext.splice(0)) go();
  }

  #entered(view: View): void {
    const { observer } = this.#world.member.world;
    const members = view.members.map((it) => it.incarnation);
    const { number, cause } = view;
    observer.event("cluster.view", "info", { view: number, cause, members: members.length });
    this.courier.enter(number, members);
    this.remoteCalls.entered(members);
    this.#remoteServer.entered(members);
    if (memberOf(view, this.#world.owner.nonce) !== undefined) {
      const recoverer = view.pending.length > 0 ? members[0] : undefined;
      this.#survivors = { view: number, of: this.coherence.enter(members, recoverer) };
      this.notices.entered();
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
      await Promise.all([member.daemon.checkpoint(), this.#checkpointOthers()]);
    };
    const run = async (): Promise<void> => {
      const isNewest = async (number: number): Promise<boolean> =>
        !await this.membership.chain.isLater(number);
      const world = { member, cluster, pij, owner, bringHome, mayGoOn, isNewest };
      if (mayGoOn()) await retireDead(world, view);
    };
    this.#retiring = this.#retiring.then(run).catch((error) => {
      member.world.observer.event("journal.not_retired", "warn", { cause: String(error) });
    });
  }

  async #recover(view: View, isCurrent: () => boolean): Promise<void> {
    const { view: number, of } = this.#survivors;
    const mayGoOn = (): boolean => isCurrent() && !this.#isOver && this.#survivors.of === of;
    if (number !== view.number) throw new CohortError("VIEW_CHANGED", "A newer view has come");
    const { member, settings, owner } = this.#world;
    const record = await recoverLost({
      member,
      cluster: this.cluster,
      self: owner,
      confirmGone: settings.confirmGone,
      survivors: of,
      pij: this.pij,
      quarantine: (volumeId, cause) => this.notices.quarantine(volumeId, cause),
      nextView: () => this.nextView(),
      mayGoOn,
    }, view);
    this.recoveries.push(record);
    if (this.recoveries.length > RECOVERIES_MAX) this.recoveries.shift();
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
