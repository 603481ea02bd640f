/** Interconnect: messages between members (part 2 builds on it). Types only. */
import type { Answer } from "./answer.ts";

export interface InterconnectTraits {
  readonly version: 1;
  readonly name: string;
  /** Messages of one sender arrive in the order sent, or not at all. */
  readonly ordered: boolean;
  /** Most bytes in one message. */
  readonly messageBytesMax: number;
  /** Peers are proven by a shared secret before anything is delivered. */
  readonly authenticated: boolean;
}

export interface InterconnectPeer {
  readonly name: string;
  readonly incarnation: string;
}

export interface InterconnectMessage {
  readonly from: InterconnectPeer;
  readonly bytes: Uint8Array;
}

export interface Interconnect {
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
  close(): Answer<void>;
}
