/**
 * Courier: requests, replies and notices between the members of the present view (DESIGN D7, D4).
 *
 * Each view begins every conversation anew: what was under way when a view ends is refused on both sides,
 * since whoever asked must ask again by what the new view says. A packet of an older view is answered with
 * an acknowledgement of this one, which tells its sender to look for it.
 */
import { CohortError } from "../ground/errors.ts";
import type {
  Answer,
  Courier,
  CourierHandler,
  CourierReply,
  CourierRequest,
  InterconnectPeer,
} from "../ports/mod.ts";
import { isPending } from "../ports/mod.ts";
import { Conversation, type ConversationWorld } from "./conversation.ts";
import { KIND_REQUEST, type Packet, readPacket } from "./packet.ts";

/** What the courier takes from the member. */
export interface CourierWorld extends ConversationWorld {
  /** Notes a commit stamp that another member knows. */
  readonly hear: (stamp: number) => void;
  /** Ends the link to a member that says what cannot be. */
  readonly disconnect: (member: string, reason: string) => void;
  /** A member is in a later view. */
  readonly onLaterView: (view: number, member: string) => void;
  /** A handler failed with what is no operating condition. */
  readonly onBroken: (error: unknown) => void;
}

/** The courier of one member. */
export class MemberCourier implements Courier {
  readonly self: string;
  readonly #world: CourierWorld;
  readonly #handlers = new Map<number, CourierHandler>();
  readonly #conversations = new Map<string, Conversation>();
  #view = 0;
  #stopped: CohortError | undefined;

  constructor(self: string, world: CourierWorld) {
    this.self = self;
    this.#world = world;
  }

  get view(): number {
    return this.#view;
  }

  /** Bytes of all messages that others are not known to have. */
  get keptBytes(): number {
    return [...this.#conversations.values()].reduce((sum, { channel }) => sum + channel.keptBytes, 0);
  }

  /** Begins a view with these members, this one among them or not; numbers only rise. */
  enter(view: number, members: readonly string[]): void {
    if (view <= this.#view) throw new RangeError(`A view has a number above ${this.#view}, got ${view}`);
    const ended = this.#view;
    this.#view = view;
    const old = [...this.#conversations.values()];
    this.#conversations.clear();
    for (const it of old) it.end(changed(ended, it.peer));
    if (this.#stopped !== undefined || !members.includes(this.self)) return;
    for (const member of members) {
      if (member === this.self) continue;
      this.#conversations.set(member, new Conversation(this.#world, member, view));
    }
    for (const it of this.#conversations.values()) it.acknowledge();
  }

  /** Ends everything: who waits, and who comes later, gets the error. */
  stop(error: CohortError): void {
    this.#stopped ??= error;
    for (const it of this.#conversations.values()) it.end(error);
    this.#conversations.clear();
  }

  request(
    to: string,
    topic: number,
    body: Uint8Array,
    options: CourierRequest = {},
  ): Promise<Uint8Array> {
    try {
      return to === this.self ? this.#askSelf(topic, body) : this.#with(to).request(topic, body, options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  tell(to: string, topic: number, body: Uint8Array, after: number = 0): Answer<void> {
    try {
      if (to !== this.self) return this.#with(to).tell(topic, body, after);
      const done = this.#handler(topic)(this.self, body);
      if (isPending(done)) done.catch((error) => this.#failed(error));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  serve(topic: number, handler: CourierHandler): void {
    if (!Number.isInteger(topic) || topic < 0 || topic > 0xffff) {
      throw new RangeError(`A topic is 0 to 65535, got ${topic}`);
    }
    if (this.#handlers.has(topic)) throw new TypeError(`Topic ${topic} is served already`);
    this.#handlers.set(topic, handler);
  }

  /** A message of the interconnect that is a packet; `bytes` may be used again afterwards. */
  heard({ incarnation }: InterconnectPeer, bytes: Uint8Array): void {
    let packet: Packet;
    try {
      packet = readPacket(bytes);
    } catch (error) {
      if (!(error instanceof CohortError)) throw error;
      return this.#world.disconnect(incarnation, error.message);
    }
    if (packet.view > this.#view) return this.#world.onLaterView(packet.view, incarnation);
    const conversation = this.#conversations.get(incarnation);
    if (conversation === undefined) return;
    if (packet.view < this.#view) return conversation.acknowledge();
    this.#world.hear(packet.stamp);
    this.#hear(conversation, packet);
  }

  /** A link to a member is there. */
  linked({ incarnation }: InterconnectPeer): void {
    this.#conversations.get(incarnation)?.linked();
  }

  /** As any other member would answer: not across a change of views. */
  async #askSelf(topic: number, body: Uint8Array): Promise<Uint8Array> {
    const view = this.#view;
    const reply = await this.#handler(topic)(this.self, body);
    if (this.#view !== view) throw changed(view, this.self);
    return (reply ?? NOTHING).body;
  }

  #hear(conversation: Conversation, packet: Packet): void {
    try {
      const verdict = conversation.heard(packet);
      if (verdict === "absurd") {
        const text = `it has ${packet.ack} and takes up to ${packet.credit}, more than was ever sent`;
        this.#world.disconnect(conversation.peer, text);
      } else if (verdict) {
        this.#serve(conversation, packet);
      }
    } catch (error) {
      if (!(error instanceof CohortError)) throw error;
      this.#world.disconnect(conversation.peer, error.message);
    }
  }

  #serve(conversation: Conversation, packet: Packet): void {
    const { topic, number, kind } = packet;
    const finish = (reply: CourierReply | CohortError | undefined): void => {
      if (kind === KIND_REQUEST) conversation.answer(topic, number, reply ?? NOTHING);
      conversation.served();
    };
    try {
      const reply = this.#handler(topic)(conversation.peer, packet.body);
      if (isPending(reply)) reply.then(finish, (error) => finish(this.#failed(error)));
      else finish(reply);
    } catch (error) {
      finish(this.#failed(error));
    }
  }

  /** The error that a requester is told. */
  #failed(error: unknown): CohortError {
    if (error instanceof CohortError) return error;
    this.#world.onBroken(error);
    return new CohortError("STOPPED", "The member that was asked has stopped", {}, error);
  }

  #handler(topic: number): CourierHandler {
    const handler = this.#handlers.get(topic);
    if (handler !== undefined) return handler;
    throw new CohortError("NOT_FOUND", `Nobody serves topic ${topic} at ${this.self}`, { topic });
  }

  #with(member: string): Conversation {
    if (this.#stopped !== undefined) throw this.#stopped;
    const conversation = this.#conversations.get(member);
    if (conversation !== undefined) return conversation;
    throw new CohortError("UNREACHABLE", `${member} is no member of view ${this.#view}`, {
      member,
      view: this.#view,
    });
  }
}

const NOTHING: CourierReply = { body: new Uint8Array(0) };

function changed(view: number, member: string): CohortError {
  return new CohortError("VIEW_CHANGED", `View ${view} ended before ${member} was known to have answered`, {
    view,
    member,
  });
}
