/**
 * Rails: two interconnects as one. Everything goes over the one in use; when it makes too many errors the
 * whole cluster goes over to the other one (`rail_table.ts`).
 *
 * In each round a member says over each rail to each other member how it is with its rails, which is a probe
 * at the same time: a rail over which nothing came, while something came over the other one, made an error.
 * So did one whose link broke. A member that is silent on both is no rail's fault.
 *
 * Every message bears the generation it was sent in. Across a switch all links go down and up again, for what
 * was on its way may be lost; what comes late over the rail that was left is of an older generation and is
 * dropped, so messages keep their order.
 */
import { CohortError } from "../ground/errors.ts";
import type {
  Clock,
  Interconnect,
  InterconnectPeer,
  InterconnectReceiver,
  InterconnectSelf,
  InterconnectTraits,
  Observer,
} from "../ports/mod.ts";
import { RailCalls } from "./rail_calls.ts";
import {
  formatRails,
  parseRails,
  putEnd,
  putMessage,
  putState,
  RAIL_HEAD_BYTES,
  readRailMessage,
} from "./rail_message.ts";
import { RailPeer } from "./rail_peer.ts";
import { otherRail, type RailNumber } from "./rail_table.ts";
import { type RailsStatus, RailWatch } from "./rail_watch.ts";

/** Two interconnects as one. */
export interface Rails extends Interconnect {
  /** How it is with the rails. */
  readonly status: RailsStatus;
  /**
   * Says for the whole cluster that the rail which was left is repaired. It is used again, if it must, once
   * it has answered every member. Unsaid, that takes a minute in which it answers without an error.
   */
  repaired(): void;
  /**
   * Has the whole cluster change over to the other rail. Throws `RAIL_NO_SECONDARY` if some member cannot.
   */
  switchOver(cause: string): void;
}

/** What rails take from the world. */
export interface RailsWorld {
  /** All time. */
  readonly clock: Clock;
  /** Is told of switches, of none for want of a secondary, of repairs and of each error. */
  readonly observer: Observer;
  /** Milliseconds between two rounds. */
  readonly probeMs: number;
}

/** Makes rails; nothing happens before they are opened. */
export function railsCore(
  primary: Interconnect,
  secondary: Interconnect | undefined,
  world: RailsWorld,
): Rails {
  if (!(world.probeMs > 0)) throw new RangeError(`probeMs is above 0, got ${world.probeMs}`);
  return new RailInterconnect(primary, secondary, world);
}

const BOTH: readonly RailNumber[] = [0, 1];

/** Rails of one member. */
class RailInterconnect implements Rails {
  readonly traits: InterconnectTraits;
  readonly #rails: readonly Interconnect[];
  readonly #world: RailsWorld;
  readonly #watch: RailWatch;
  readonly #calls: RailCalls;
  #receiver: InterconnectReceiver | undefined;
  #round = 0;
  #cancelRound: () => void = () => {};
  #isOpened = false;
  #isClosed = false;

  constructor(primary: Interconnect, secondary: Interconnect | undefined, world: RailsWorld) {
    this.#rails = secondary === undefined ? [primary] : [primary, secondary];
    this.#world = world;
    this.#watch = new RailWatch(secondary !== undefined, world.clock, world.observer);
    this.#calls = new RailCalls(world.clock);
    const all = this.#rails.map((it) => it.traits);
    this.traits = {
      version: 1,
      name: `rails ${all.map((it) => it.name).join(", ")}`,
      ordered: all.every((it) => it.ordered),
      messageBytesMax: Math.min(...all.map((it) => it.messageBytesMax)) - RAIL_HEAD_BYTES,
      queueBytesMax: Math.min(...all.map((it) => it.queueBytesMax)),
      broadcast: "repeated",
    };
  }

  get status(): RailsStatus {
    return this.#watch.status;
  }

  async open(self: InterconnectSelf, receiver: InterconnectReceiver): Promise<string> {
    this.#refuseClosed("open");
    if (this.#isOpened) throw new TypeError("An interconnect is opened once");
    this.#isOpened = true;
    this.#receiver = receiver;
    this.#watch.name = self.name;
    const addresses: string[] = [];
    for (const [i, rail] of this.#rails.entries()) addresses.push(await rail.open(self, this.#hearing(i)));
    this.#refuseClosed("open");
    this.#cancelRound = this.#world.clock.after(this.#world.probeMs, this.#turn, true);
    return formatRails(addresses);
  }

  async connect(address: string): Promise<InterconnectPeer> {
    this.#opened("connect");
    const addresses = parseRails(address);
    const active = this.#active;
    for (const peer of this.#peers.values()) {
      const isThere = peer.addresses !== undefined && formatRails(peer.addresses) === address;
      if (isThere && peer.up !== undefined && this.#round - peer.heard[active] <= 1) return peer.up;
    }
    const dials = [active, otherRail(active)]
      .filter((rail) => this.#rails[rail] !== undefined && addresses[rail] !== undefined)
      .map((rail) => this.#dial(rail, addresses));
    if (dials.length === 0) throw new TypeError(`There is no rail of this member in ${address}`);
    return await this.#calls.run(address, dials, (incarnation) => {
      const peer = this.#peers.get(incarnation);
      return peer === undefined ? "unknown" : peer.up ?? "linked";
    });
  }

  send(incarnation: string, bytes: Uint8Array): boolean {
    this.#opened("send");
    this.#checkMessage(bytes);
    const peer = this.#peers.get(incarnation);
    return peer !== undefined && this.#hand(peer, putMessage(this.#watch.health.generation, bytes));
  }

  broadcast(bytes: Uint8Array): number {
    this.#opened("broadcast");
    this.#checkMessage(bytes);
    const put = putMessage(this.#watch.health.generation, bytes);
    let taken = 0;
    for (const peer of this.#peers.values()) if (this.#hand(peer, put)) taken++;
    return taken;
  }

  disconnect(incarnation: string, reason: string): void {
    this.#opened("disconnect");
    const peer = this.#peers.get(incarnation);
    if (peer === undefined) return;
    this.#sayEnd(peer);
    for (const rail of this.#rails) rail.disconnect(incarnation, reason);
  }

  async close(): Promise<void> {
    this.#refuseClosed("close");
    this.#isClosed = true;
    this.#cancelRound();
    for (const peer of this.#peers.values()) this.#sayEnd(peer);
    const ends = await Promise.allSettled(this.#rails.map(async (rail) => await rail.close()));
    this.#calls.close();
    for (const end of ends) if (end.status === "rejected") throw end.reason;
  }

  repaired(): void {
    this.#opened("call a rail repaired");
    const { health, name } = this.#watch;
    if (this.#watch.repair(health.generation, name)) this.#announce();
  }

  switchOver(cause: string): void {
    this.#opened("switch over");
    const lacking = this.#watch.lacking();
    if (lacking !== undefined) {
      throw new CohortError("RAIL_NO_SECONDARY", `Could not switch over: ${lacking}`, { lacking });
    }
    const { generation } = this.#watch.health;
    queueMicrotask(() => {
      if (!this.#isClosed && this.#watch.health.generation === generation) {
        this.#switch(generation + 1, cause);
      }
    });
  }

  #hearing(i: number): InterconnectReceiver {
    const rail: RailNumber = i === 0 ? 0 : 1;
    return {
      up: (peer) => this.#linked(rail, peer),
      down: (peer, reason) => this.#unlinked(rail, peer, reason),
      message: (from, bytes) => this.#heard(rail, from, bytes),
    };
  }

  #linked(rail: RailNumber, peer: InterconnectPeer): void {
    const { incarnation } = peer;
    const it = this.#peers.get(incarnation) ?? new RailPeer(peer, this.#round);
    this.#peers.set(incarnation, it);
    it.links[rail] = { peer, isGreeted: false, isEnding: false };
    it.heard[rail] = this.#round;
    this.#rails[rail]!.send(incarnation, putState(this.#watch.state()));
  }

  #unlinked(rail: RailNumber, { incarnation }: InterconnectPeer, reason: string): void {
    const peer = this.#peers.get(incarnation);
    const link = peer?.links[rail];
    if (peer === undefined || link === undefined) return;
    peer.links[rail] = undefined;
    // One that is replaced by another in this turn has not broken.
    queueMicrotask(() => this.#ended(rail, peer, link.isEnding ? undefined : reason));
    const { up } = peer;
    if (up === undefined || rail !== this.#active) return;
    peer.up = undefined;
    this.#receiver?.down(up, reason);
  }

  /** A link has ended, with a reason if that is an error. */
  #ended(rail: RailNumber, peer: RailPeer, error: string | undefined): void {
    if (this.#isClosed || peer.links[rail] !== undefined) return;
    if (peer.isGone && this.#peers.delete(peer.incarnation)) this.#calls.gone(peer.incarnation);
    if (error === undefined) return;
    this.#watch.broke(rail, peer, error);
    this.#decide();
  }

  #heard(rail: RailNumber, { incarnation }: InterconnectPeer, bytes: Uint8Array): void {
    const peer = this.#peers.get(incarnation);
    const link = peer?.links[rail];
    if (peer === undefined || link === undefined) return;
    peer.heard[rail] = this.#round;
    const message = readRailMessage(bytes);
    switch (message?.kind) {
      case "message":
        this.#follow(peer, message.generation, 0);
        // What is late on the rail that was left is of an older one.
        if (peer.up === undefined || message.generation !== this.#watch.health.generation) return;
        return this.#receiver?.message(peer.up, message.bytes);
      case "state":
        peer.says(message.state);
        link.isGreeted = true;
        this.#follow(peer, message.state.generation, message.state.repaired);
        return this.#raise(peer);
      case "end":
        link.isEnding = true;
        peer.addresses = undefined;
        return;
      default:
        this.#rails[rail]!.disconnect(incarnation, "a message is none of rails");
    }
  }

  /** Takes over what another member knows of switches and repairs. */
  #follow(peer: RailPeer, generation: number, repaired: number): void {
    if (generation > this.#watch.health.generation) this.#switch(generation, `${peer.name} has switched`);
    this.#watch.repair(repaired, peer.name);
  }

  /** Tells of a member whose link over the rail in use works. */
  #raise(peer: RailPeer): void {
    const link = peer.open(this.#active);
    if (link === undefined || peer.up !== undefined) return;
    peer.up = link.peer;
    this.#receiver?.up(peer.up);
    this.#calls.up(link.peer);
  }

  readonly #turn = (): void => {
    const { clock, probeMs } = this.#world;
    this.#cancelRound = clock.after(probeMs, this.#turn, true);
    this.#round++;
    this.#watch.examine();
    this.#decide();
    this.#announce();
    for (const peer of this.#peers.values()) this.#dialAgain(peer);
  };

  #decide(): void {
    const cause = this.#watch.cause();
    if (cause !== undefined) this.#switch(this.#watch.health.generation + 1, cause);
  }

  #switch(generation: number, cause: string): void {
    this.#watch.enter(generation, cause);
    const downs = [...this.#peers.values()].flatMap((peer) => peer.up ?? []);
    for (const peer of this.#peers.values()) peer.up = undefined;
    // First of all that is said in this generation, so that nothing of it comes to who does not know it.
    this.#announce();
    for (const peer of downs) this.#receiver?.down(peer, `rail ${this.#active} is in use now: ${cause}`);
    for (const peer of [...this.#peers.values()]) this.#raise(peer);
  }

  #announce(): void {
    const state = putState(this.#watch.state());
    for (const { incarnation, links } of this.#peers.values()) {
      for (const [i, rail] of this.#rails.entries()) {
        if (links[i]?.isEnding === false) rail.send(incarnation, state);
      }
    }
  }

  #sayEnd(peer: RailPeer): void {
    peer.addresses = undefined;
    for (const [i, rail] of this.#rails.entries()) {
      const link = peer.links[i];
      if (link === undefined || link.isEnding) continue;
      link.isEnding = true;
      rail.send(peer.incarnation, putEnd());
    }
  }

  async #dial(rail: RailNumber, addresses: readonly string[]): Promise<InterconnectPeer> {
    const found = await this.#rails[rail]!.connect(addresses[rail]!);
    const peer = this.#peers.get(found.incarnation);
    if (peer !== undefined) peer.addresses = addresses;
    return found;
  }

  /** Dials what is missing or silent, if this end has dialled before. */
  #dialAgain(peer: RailPeer): void {
    for (const rail of BOTH) {
      const { addresses, dialling, links } = peer;
      if (this.#rails[rail] === undefined || addresses?.[rail] === undefined || dialling.has(rail)) continue;
      if (links[rail] !== undefined && peer.silent() !== rail) continue;
      dialling.add(rail);
      const done = (): void => void dialling.delete(rail);
      // That it failed shows in the rounds.
      this.#dial(rail, addresses).then(done, done);
    }
  }

  #hand(peer: RailPeer, put: Uint8Array): boolean {
    const active = this.#active;
    if (peer.up === undefined || peer.open(active) === undefined) return false;
    return this.#rails[active]!.send(peer.incarnation, put);
  }

  get #active(): RailNumber {
    return this.#watch.health.active;
  }

  get #peers(): Map<string, RailPeer> {
    return this.#watch.peers;
  }

  #checkMessage(bytes: Uint8Array): void {
    const most = this.traits.messageBytesMax;
    if (bytes.length > most) throw new RangeError(`A message has at most ${most} bytes, got ${bytes.length}`);
  }

  #opened(operation: string): void {
    this.#refuseClosed(operation);
    if (this.#receiver === undefined) {
      throw new TypeError(`Could not ${operation}: the interconnect is not open`);
    }
  }

  #refuseClosed(operation: string): void {
    if (this.#isClosed) throw new CohortError("CLOSED", `Could not ${operation}: the interconnect is closed`);
  }
}
