/** Rail watch: the members that one member is linked to, what went wrong with them, and what follows. */
import type { Clock, Observer } from "../ports/mod.ts";
import type { RailState } from "./rail_message.ts";
import type { RailPeer } from "./rail_peer.ts";
import { otherRail, RAIL_ERRORS_MAX, RailHealth, type RailNumber, railVerdict } from "./rail_table.ts";

const BOTH: readonly RailNumber[] = [0, 1];

/** How it is with the rails, as one member sees it. */
export interface RailsStatus {
  /** Switches of the cluster until now. */
  readonly generation: number;
  /** The rail in use: 0 is the first one that was given. */
  readonly active: RailNumber;
  /** Errors of each rail that this member has counted since it was opened. */
  readonly errors: readonly [number, number];
  /** Errors of the rail in use within the last minute, up to eleven. */
  readonly recent: number;
  /** Why there would be no switch; undefined if there would be one. */
  readonly lacking: string | undefined;
}

/** One member's view of the rails. */
export class RailWatch {
  /** Members with a link over either rail, by incarnation. */
  readonly peers: Map<string, RailPeer> = new Map<string, RailPeer>();
  readonly health: RailHealth = new RailHealth();
  /** Whether this member has a second rail. */
  readonly hasTwo: boolean;
  /** Name of this member, once it is open. */
  name = "";
  readonly #clock: Clock;
  readonly #observer: Observer;
  #states = 0;
  /** Whether it was told that there is no secondary. */
  #isRefused = false;

  constructor(hasTwo: boolean, clock: Clock, observer: Observer) {
    this.hasTwo = hasTwo;
    this.#clock = clock;
    this.#observer = observer;
  }

  /** As `Rails.status`. */
  get status(): RailsStatus {
    const { generation, active, errors } = this.health;
    const recent = this.health.recent(this.#clock.monotonicMs());
    return { generation, active, errors, recent, lacking: this.lacking() };
  }

  /** The link of a member over a rail broke, and is not there again. */
  broke(rail: RailNumber, peer: RailPeer, reason: string): void {
    // By the next round the other rail shows whether the member itself has ended.
    if (this.hasTwo && peer.hasTwo) peer.broken[rail].push(reason);
    else this.#error(rail, peer, reason);
  }

  /** The end of a round: counts what went wrong in it. */
  examine(): void {
    if (!this.hasTwo) return;
    for (const peer of this.peers.values()) {
      for (const rail of BOTH) for (const reason of peer.takeBroken(rail)) this.#error(rail, peer, reason);
      const silent = peer.silent();
      if (silent !== undefined) this.#error(silent, peer, "nothing came");
    }
  }

  /** Why the cluster has to switch now, if it has to. */
  cause(): string | undefined {
    const errors = this.health.recent(this.#clock.monotonicMs());
    const lacking = errors > RAIL_ERRORS_MAX ? this.lacking() : undefined;
    const verdict = railVerdict(errors, lacking === undefined);
    if (verdict === "no secondary" && !this.#isRefused) {
      const facts = { code: "RAIL_NO_SECONDARY", rail: this.health.active, errors, lacking };
      this.#observer.event("rail.no_secondary", "error", facts);
    }
    this.#isRefused = verdict === "no secondary";
    return verdict === "switch" ? `more than ${RAIL_ERRORS_MAX} errors within a minute` : undefined;
  }

  /** The cluster is in a generation from now on. */
  enter(generation: number, cause: string): void {
    const now = this.#clock.monotonicMs();
    const from = this.health.active;
    const errors = this.health.recent(now);
    this.health.enter(generation, now);
    const rail = this.health.active;
    this.#observer.event("rail.switched", "warn", { generation, from, rail, errors, cause });
  }

  /** Somebody has said that the unused rail of a generation is repaired; false when that is known. */
  repair(generation: number, by: string): boolean {
    if (!this.health.repair(generation)) return false;
    this.#observer.event("rail.repaired", "info", { generation, rail: otherRail(this.health.active), by });
    return true;
  }

  /** Why some member could not do with the other rail. */
  lacking(): string | undefined {
    const unready = this.#unready();
    if (unready !== undefined) return unready;
    for (const { name, state } of this.peers.values()) {
      if (state?.isReady !== true) return `${name} lacks a rail to another member`;
    }
    return undefined;
  }

  /** What this member says of its rails. */
  state(): RailState {
    const { generation, repaired } = this.health;
    const isReady = this.#unready() === undefined;
    return { generation, repaired, number: ++this.#states, hasTwo: this.hasTwo, isReady };
  }

  /** Why this member could not. */
  #unready(): string | undefined {
    if (!this.hasTwo) return `${this.name} has one rail`;
    const other = otherRail(this.health.active);
    if (!this.health.isRepaired(this.#clock.monotonicMs())) {
      return `rail ${other} was left and is not repaired`;
    }
    for (const peer of this.peers.values()) {
      if (!peer.hasTwo) return `${peer.name} has one rail`;
      if (!peer.isReached(other)) return `${peer.name} is not reached by rail ${other}`;
    }
    return undefined;
  }

  #error(rail: RailNumber, peer: RailPeer, reason: string): void {
    this.health.error(rail, this.#clock.monotonicMs());
    this.#observer.event("rail.error", "debug", { rail, member: peer.name, reason });
  }
}
