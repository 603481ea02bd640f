/**
 * Conversation: this member and another one in one view: a channel, its timers, and who waits for an answer.
 */
import { unlessAborted } from "../buffer/waiting.ts";
import { CohortError } from "../ground/errors.ts";
import type { Clock, CourierReply, CourierRequest } from "../ports/mod.ts";
import { Channel, type ChannelLimits } from "./channel.ts";
import {
  KIND_ACK,
  KIND_NOTICE,
  KIND_REFUSAL,
  KIND_REPLY,
  KIND_REQUEST,
  makePacket,
  type Packet,
  putState,
} from "./packet.ts";
import { decodeRefusal, encodeRefusal } from "./refusal.ts";

/** Milliseconds after which what has arrived is acknowledged though nothing else is to be said. */
const ACK_MS = 10;
/** Milliseconds until what nobody acknowledges goes again; twice as long each time, up to the second. */
const AGAIN_MS = 250;
const AGAIN_MS_MAX = 2_000;
/** Milliseconds until a link that took nothing is asked again. */
const RETRY_MS = 20;

/** What conversations take from the member. */
export interface ConversationWorld {
  readonly clock: Clock;
  readonly limits: ChannelLimits & {
    /** Bytes of messages kept for one member beyond which senders wait. */
    readonly keptBytes: number;
  };
  /** The highest commit stamp this member knows. */
  readonly stamp: () => number;
  /** Hands bytes to the link to a member; false when it takes none now. */
  readonly send: (to: string, bytes: Uint8Array) => boolean;
  /** Undefined when all redo up to a position is safe, else when it will be (DESIGN D4). */
  readonly safe: (position: number) => Promise<void> | undefined;
  /** What was to be safe never will be. */
  readonly onUnsafe: (error: unknown) => void;
}

/** A message that its sender waits for: to be answered, or to be let in. */
interface Entry {
  readonly bytes: Uint8Array;
  readonly after: number;
  readonly signal: AbortSignal | undefined;
  readonly isAsking: boolean;
  readonly resolve: (body: Uint8Array) => void;
  readonly reject: (error: unknown) => void;
}

/** One other member in one view. */
export class Conversation {
  readonly peer: string;
  readonly view: number;
  readonly channel: Channel;
  readonly #world: ConversationWorld;
  readonly #asked = new Map<number, Entry>();
  /** Senders who wait until less is kept, first come first served. */
  readonly #room: Entry[] = [];
  #ended: CohortError | undefined;
  #hasMet = false;
  /** True while the first message waits until it is safe. */
  #isHeld = false;
  #againMs = AGAIN_MS;
  #cancelAck: (() => void) | undefined;
  #cancelAgain: (() => void) | undefined;

  constructor(world: ConversationWorld, peer: string, view: number) {
    this.#world = world;
    this.peer = peer;
    this.view = view;
    this.channel = new Channel(world.limits);
  }

  /** Sends a request and resolves to its reply. */
  request(topic: number, body: Uint8Array, { after = 0, signal }: CourierRequest): Promise<Uint8Array> {
    const bytes = makePacket(KIND_REQUEST, topic, 0, body);
    const answered = new Promise<Uint8Array>((resolve, reject) => {
      this.#enter({ bytes, after, signal, isAsking: true, resolve, reject });
    });
    return unlessAborted(answered, signal);
  }

  /** Sends a notice; a promise when it has to wait for room. */
  tell(topic: number, body: Uint8Array, after: number): Promise<void> | undefined {
    const bytes = makePacket(KIND_NOTICE, topic, 0, body);
    if (this.#hasRoom(bytes.length)) return void this.#push(bytes, after);
    return new Promise<void>((resolve, reject) => {
      const entered = (): void => resolve();
      this.#enter({ bytes, after, signal: undefined, isAsking: false, resolve: entered, reject });
    });
  }

  /** Answers a request of the other end. */
  answer(topic: number, about: number, reply: CourierReply | CohortError): void {
    if (this.#ended !== undefined) return;
    const isRefusal = reply instanceof Error;
    const body = isRefusal ? encodeRefusal(reply) : reply.body;
    const after = isRefusal ? 0 : reply.after ?? 0;
    this.#push(makePacket(isRefusal ? KIND_REFUSAL : KIND_REPLY, topic, about, body), after);
  }

  /** The other end's message was served, whatever came of it. */
  served(): void {
    this.channel.serving--;
    if (this.channel.owesCredit) this.acknowledge();
  }

  /**
   * Takes note of a packet; true when it is a request or notice to be served now. `absurd` when the other end
   * cannot be what it says.
   */
  heard(packet: Packet): boolean | "absurd" {
    const news = this.channel.heard(packet.ack, packet.credit);
    if (news === "absurd") return news;
    if (!this.#hasMet) {
      // What was sent before the other end came to this view, it refused.
      this.#hasMet = true;
      this.channel.again();
    }
    if (news === "news") {
      this.#againMs = AGAIN_MS;
      this.#giveRoom();
    }
    const isServed = packet.kind !== KIND_ACK && this.#take(packet);
    this.#pump();
    if (this.channel.owesAck) this.#cancelAck ??= this.#after(ACK_MS, () => this.acknowledge());
    return isServed;
  }

  #take(packet: Packet): boolean {
    const verdict = this.channel.take(packet.number);
    if (verdict !== "deliver") {
      // Said at once: the other end goes on from there.
      this.acknowledge();
      return false;
    }
    if (packet.kind === KIND_REQUEST || packet.kind === KIND_NOTICE) {
      this.channel.serving++;
      return true;
    }
    const asked = this.#asked.get(packet.about);
    this.#asked.delete(packet.about);
    if (packet.kind === KIND_REPLY) asked?.resolve(packet.body.slice());
    else asked?.reject(refusalIn(packet.body, this.peer));
    return false;
  }

  /** The link is there, perhaps another one than before. */
  linked(): void {
    this.channel.again();
    this.acknowledge();
    this.#pump();
  }

  /** Says what has arrived, which also says in which view this member is. */
  acknowledge(): void {
    if (this.#ended !== undefined) return;
    this.#cancelAck?.();
    this.#cancelAck = undefined;
    this.#send(makePacket(KIND_ACK, 0, 0, new Uint8Array(0)));
  }

  /** The view is over: who waits gets the error. */
  end(error: CohortError): void {
    this.#ended = error;
    this.#cancelAck?.();
    this.#cancelAgain?.();
    for (const { reject } of [...this.#asked.values(), ...this.#room.splice(0)]) reject(error);
    this.#asked.clear();
  }

  #push(bytes: Uint8Array, after: number): number {
    const number = this.channel.push(bytes, after);
    this.#pump();
    return number;
  }

  /** Hands over what may go. */
  #pump(): void {
    const { channel } = this;
    while (this.#ended === undefined && !this.#isHeld) {
      const item = channel.next();
      if (item === undefined) break;
      if (item.after > 0 && this.#hold(item.after)) break;
      if (!this.#send(item.bytes)) {
        this.#cancelAgain?.();
        this.#cancelAgain = this.#after(RETRY_MS, () => this.#again(false));
        return;
      }
      channel.handed();
    }
    if (channel.isInFlight) this.#cancelAgain ??= this.#after(this.#againMs, () => this.#again(true));
  }

  /** Waits until a position is safe; false when it is. */
  #hold(position: number): boolean {
    const wait = this.#world.safe(position);
    if (wait === undefined) return false;
    this.#isHeld = true;
    const goOn = (): void => {
      this.#isHeld = false;
      this.#pump();
    };
    wait.then(goOn, (error) => this.#world.onUnsafe(error));
    return true;
  }

  #again(isLate: boolean): void {
    this.#cancelAgain = undefined;
    if (isLate && this.channel.again()) this.#againMs = Math.min(AGAIN_MS_MAX, this.#againMs * 2);
    this.#pump();
  }

  #send(bytes: Uint8Array): boolean {
    const { channel, view } = this;
    const credit = channel.creditToGive;
    putState(bytes, { view, stamp: this.#world.stamp(), ack: channel.arrived, credit });
    if (!this.#world.send(this.peer, bytes)) return false;
    channel.told(credit);
    return true;
  }

  #hasRoom(bytes: number): boolean {
    const kept = this.channel.keptBytes;
    const fits = kept === 0 || kept + bytes <= this.#world.limits.keptBytes;
    return this.#ended === undefined && this.#room.length === 0 && fits;
  }

  #enter(entry: Entry): void {
    if (this.#ended !== undefined) entry.reject(this.#ended);
    else if (this.#hasRoom(entry.bytes.length)) this.#admit(entry);
    else this.#room.push(entry);
  }

  #admit(entry: Entry): void {
    if (entry.signal?.aborted === true) return;
    const number = this.#push(entry.bytes, entry.after);
    if (entry.isAsking) this.#asked.set(number, entry);
    else entry.resolve(entry.bytes);
  }

  /** Lets in who waits, first come first served, as far as there is room. */
  #giveRoom(): void {
    for (const waiting = this.#room.splice(0); waiting.length > 0;) {
      const entry = waiting.shift()!;
      if (this.#hasRoom(entry.bytes.length)) {
        this.#admit(entry);
      } else {
        this.#room.unshift(entry, ...waiting);
        return;
      }
    }
  }

  #after(ms: number, task: () => void): () => void {
    return this.#world.clock.after(ms, task, true);
  }
}

/** What a refusal tells; whoever asked must hear something of one that tells nothing, too. */
function refusalIn(body: Uint8Array, from: string): CohortError {
  try {
    return decodeRefusal(body, from);
  } catch (error) {
    if (error instanceof CohortError) return error;
    throw error;
  }
}
