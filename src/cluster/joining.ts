/** Joining: a newcomer's way to its first view. */
import { CohortError } from "../ground/errors.ts";
import { toHex } from "../ground/hex.ts";
import { memberOf, type View, type ViewMember } from "../ground/view.ts";
import { pause } from "../storage/claim_lease.ts";
import { isConfirmed, refuseUnshareable, remedyFor, unfenceable } from "./fencing.ts";
import type { Lease } from "./lease.ts";
import { encodeMember, type MemberMessage } from "./member_message.ts";
import type { MembershipWorld } from "./membership_world.ts";
import { foundingView, type Joiner } from "./next_view.ts";
import { sayOver } from "./over.ts";
import type { ViewChain } from "./view_chain.ts";
import { probeName } from "./welcome.ts";

/** Milliseconds between two tries. */
const TRY_MS = 50;
/** So often in a row a member refuses before that is believed: a damaged greeting looks the same. */
const REFUSALS_MAX = 5;

/** One newcomer. */
export class Joining {
  readonly #world: MembershipWorld;
  readonly #chain: ViewChain;
  /** Begins with the look that finds this member in a view. */
  readonly #lease: Lease;
  #refused: CohortError | undefined;
  /** Which member it has no link to, and why; undefined when it waits for something else. */
  #lacks: CohortError | undefined;
  #waitsFor = "an answer";
  /** What it last said that it waits for. */
  #said = "an answer";

  constructor(world: MembershipWorld, chain: ViewChain, lease: Lease) {
    this.#world = world;
    this.#chain = chain;
    this.#lease = lease;
  }

  /** What it waits for, to be shown. */
  get waitsFor(): string {
    return this.#waitsFor;
  }

  /** What a member has answered. */
  answered(message: MemberMessage): void {
    if (message.kind === "refuse") this.#refused ??= message.error;
    if (message.kind === "wait") this.#waitsFor = message.why;
  }

  /** Joins under an address, or rejects; resolves to the first view it is in. */
  async run(address: string, signal: AbortSignal | undefined): Promise<View> {
    const { clock, storage, directory, timings, owner, link, votes, journal, observer } = this.#world;
    await refuseUnshareable(storage.fence, directory);
    const joiner: Joiner = { name: link.name, incarnation: owner.nonce, owner, address, journal, votes };
    const probe = await this.#writeProbe();
    const until = clock.monotonicMs() + timings.joinMs;
    let isIn = false;
    try {
      for (;;) {
        const view = await this.#try(joiner, probe).catch((error) => this.#waitFor(error));
        isIn = view !== undefined;
        if (view !== undefined) return view;
        if (this.#refused !== undefined) {
          await this.#refuseSecondLife(undefined);
          throw this.#refused;
        }
        if (clock.monotonicMs() > until) {
          const late = await this.#lateView();
          isIn = late !== undefined;
          if (late !== undefined) return late;
          const text = `Could not join within ${timings.joinMs} ms, waiting for this: ${this.#waitsFor}`;
          if (this.#lacks !== undefined) throw new CohortError(this.#lacks.code, text, this.#lacks.facts);
          throw new CohortError("TIMEOUT", text, { timeoutMs: timings.joinMs });
        }
        this.#sayWait();
        await pause(clock, TRY_MS, signal);
      }
    } finally {
      // Whoever is a member is one, whatever becomes of this file.
      await this.#removeProbe().catch((error) => {
        if (!isIn) throw error;
        observer.event("node.litter", "warn", { directory, cause: String(error) });
      });
    }
  }

  /** The view that took it in after all: who was asked last may have been about to when it gave up. */
  async #lateView(): Promise<View | undefined> {
    // Without it nobody vouches any more.
    await this.#removeProbe();
    const from = this.#lease.now();
    const newest = await this.#chain.newest();
    if (newest === undefined || memberOf(newest, this.#world.owner.nonce) === undefined) return undefined;
    this.#lease.renew(from);
    return newest;
  }

  async #removeProbe(): Promise<void> {
    const { storage, directory, owner } = this.#world;
    await storage.remove(`${directory}/${probeName(owner.nonce)}`);
  }

  /** Tells what it waits for, once it is something else. */
  #sayWait(): void {
    const { observer, link: { name } } = this.#world;
    if (this.#said !== this.#waitsFor) {
      observer.event("cluster.join_waits", "info", { name, for: this.#waitsFor });
    }
    this.#said = this.#waitsFor;
  }

  /** A storage that does not answer now is waited for, as a member is. */
  #waitFor(error: unknown): undefined {
    if (!(error instanceof CohortError) || !error.retryable) throw error;
    this.#waitsFor = error.message;
  }

  async #try(joiner: Joiner, probe: string): Promise<View | undefined> {
    this.#lacks = undefined;
    const from = this.#lease.now();
    const newest = await this.#chain.newest();
    if (newest !== undefined && memberOf(newest, joiner.incarnation) !== undefined) {
      this.#lease.renew(from);
      return newest;
    }
    await this.#refuseSecondLife(newest);
    // Views of the cluster that this directory is a copy of say nothing of this one.
    if (newest?.cluster !== this.#world.link.cluster) return await this.#found(newest, joiner, new Set());
    await sayOver(this.#world, newest);
    const gone = await this.#goneOf(newest);
    const alive = (newest?.members ?? []).filter((it) => !gone.has(it.incarnation));
    if (alive.length === 0) return await this.#found(newest, joiner, gone);
    const { post, settings } = this.#world;
    const unlinked = alive.filter((it) => !post.isLinked(it.incarnation));
    // Whoever cannot reach every member is none.
    for (const it of unlinked) post.dial(it.address);
    if (unlinked.length > 0) return this.#unlinked(unlinked);
    // All are asked: each reads the probe by its own path and vouches for it to the master.
    const message = encodeMember({ kind: "ask", view: 0, asked: { joiner, settings, probe } });
    for (const it of alive) post.send(it.incarnation, message);
    return undefined;
  }

  /**
   * Whoever slept while it was taken in, evicted and recovered has had its life: what it would do now was
   * ended for it. Its probe is taken away before it is forgotten, so this look comes after that at the views.
   */
  async #refuseSecondLife(newest: View | undefined): Promise<void> {
    const { storage, directory, link, owner } = this.#world;
    const isPending = newest?.pending.some((it) => it.incarnation === owner.nonce) ?? false;
    if (!isPending && await storage.readRegister(`${directory}/${probeName(owner.nonce)}`) !== undefined) {
      return;
    }
    const text = `Could not join: ${link.name} was taken in, and evicted again before it knew; begin anew`;
    throw new CohortError("FENCED", text, { name: link.name, incarnation: owner.nonce });
  }

  /** Says what keeps it from members; one that refuses it again and again will go on to do so. */
  #unlinked(members: readonly ViewMember[]): undefined {
    const texts = members.map((member) => {
      const { name, address } = member;
      const failure = this.#world.post.failureOf(address);
      if (failure?.error.code === "PEER_REFUSED" && failure.times >= REFUSALS_MAX) {
        const text = `Could not join: no link to ${name} at ${address}: ${failure.error.message}`;
        this.#refused ??= new CohortError("PEER_REFUSED", text, { ...failure.error.facts, member: name });
      }
      const lacking = this.#lacking(member);
      this.#lacks ??= lacking;
      return lacking.message;
    });
    this.#waitsFor = `a link to ${texts.join(", ")}`;
    return undefined;
  }

  /** What is wrong where a member should be: nobody, or another one, answers there. */
  #lacking({ name, incarnation, address }: ViewMember): CohortError {
    const { post } = this.#world;
    const other = post.answererOf(address);
    if (other !== undefined && other.incarnation !== incarnation) {
      const facts = { member: name, address, found: other.name, expected: incarnation };
      return new CohortError("PEER_WRONG", `${name} at ${address}, where ${other.name} answers`, facts);
    }
    const failure = post.failureOf(address)?.error;
    const text = `${name} at ${address}${failure === undefined ? "" : ` (${failure.message})`}`;
    const reason = failure?.facts["reason"] ?? failure?.message;
    return new CohortError("UNREACHABLE", text, { member: name, address, reason });
  }

  async #found(
    before: View | undefined,
    joiner: Joiner,
    gone: ReadonlySet<string>,
  ): Promise<View | undefined> {
    const { link, storageVotes, entropy } = this.#world;
    if (joiner.votes === 0) {
      // Nobody could decide anything in a view without votes.
      this.#waitsFor = "a member with votes: this one has none, and another has to begin the cluster";
      return undefined;
    }
    const session = toHex(entropy.fill(new Uint8Array(16)));
    const view = foundingView(before, joiner, gone, { cluster: link.cluster, session, storageVotes });
    const from = this.#lease.now();
    if (!(await this.#chain.decide(view))) return undefined;
    this.#lease.renew(from);
    return view;
  }

  async #goneOf(view: View | undefined): Promise<Set<string>> {
    const gone = new Set<string>();
    if (view === undefined) return gone;
    for (const member of view.members) if (await this.#isGone(member)) gone.add(member.incarnation);
    for (const { incarnation, owner } of view.pending) {
      const isGone = (await this.#world.storage.fence.examine(owner)).state === "gone";
      if (isGone || this.#chain.over.has(incarnation)) gone.add(incarnation);
    }
    // Nobody is left to ask for those who are pending: they stay so, and whoever recovers them fences them.
    if (view.members.every((it) => gone.has(it.incarnation))) {
      for (const { incarnation } of view.pending) gone.add(incarnation);
    }
    return gone;
  }

  /** Whether a member is gone, by proof or a person's word; throws for one that nobody here could fence. */
  async #isGone({ name, incarnation, owner }: ViewMember): Promise<boolean> {
    const { storage, observer, confirmGone = false } = this.#world;
    if (this.#chain.over.has(incarnation)) return true;
    const report = await storage.fence.examine(owner);
    const error = unfenceable(storage, name, owner, report);
    if (error === undefined) return report.state === "gone";
    if (!isConfirmed(confirmGone, owner)) {
      throw new CohortError(error.code, `${error.message}; ${remedyFor(owner)}`, error.facts);
    }
    observer.event("cluster.confirmed_gone", "warn", { name, incarnation, reason: report.reason });
    return true;
  }

  async #writeProbe(): Promise<string> {
    const { storage, directory, entropy, owner } = this.#world;
    const probe = toHex(entropy.fill(new Uint8Array(16)));
    await storage.createRegister(`${directory}/${probeName(owner.nonce)}`, new TextEncoder().encode(probe));
    return probe;
  }
}
