/** Interconnect: messages between members (part 2 builds on it). Types only. */
import type { Answer } from "./answer.ts";

/** What an interconnect can promise; fixed for its life. */
export interface InterconnectTraits {
  /** Version of this contract. */
  readonly version: 1;
  /** Short name for messages and measures: `socket`, `loopback`, ... */
  readonly name: string;
  /** Messages of one sender arrive in the order sent, or not at all. */
  readonly ordered: boolean;
  /** Most bytes in one message. */
  readonly messageBytesMax: number;
  /** Peers are proven by a shared secret before anything is delivered. */
  readonly authenticated: boolean;
}

/** A member at the other end of a link. */
export interface InterconnectPeer {
  /** Name of the member. */
  readonly name: string;
  /** Its incarnation: 32 hexadecimal digits. */
  readonly incarnation: string;
}

/** One message as it arrived. */
export interface InterconnectMessage {
  /** Who sent it. */
  readonly from: InterconnectPeer;
  /** Its bytes; the receiver may keep them. */
  readonly bytes: Uint8Array;
}

/** Links to the other members. */
export interface Interconnect {
  /** What this interconnect can promise. */
  readonly traits: InterconnectTraits;
  /** Where peers reach this member; written to the PIJ. */
  address(): Answer<string>;
  /** Opens a link; resolves when the peer is proven. */
  connect(address: string): Answer<InterconnectPeer>;
  /** Hands a message to the link; false when its queue is full. Delivery is not promised. */
  send(to: InterconnectPeer, bytes: Uint8Array): boolean;
  /** To every connected peer. */
  broadcast(bytes: Uint8Array): void;
  /** Messages as they come; one consumer. */
  incoming(): AsyncIterable<InterconnectMessage>;
  /** Links that went up or down. */
  changes(): AsyncIterable<
    { readonly peer: InterconnectPeer; readonly up: boolean; readonly reason: string }
  >;
  /** Closes every link and the address. Once. */
  close(): Answer<void>;
}
