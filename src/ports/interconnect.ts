/** Interconnect: messages between members. Types only. */
import type { Answer } from "./answer.ts";

/** What an interconnect can promise; fixed for its life. */
export interface InterconnectTraits {
  /** Version of this contract. */
  readonly version: 1;
  /** Short name for messages and measures: `socket`, `loopback`, ... */
  readonly name: string;
  /** Messages of one sender to one receiver arrive in the order sent, or not at all; never twice. */
  readonly ordered: boolean;
  /** Most bytes in one message. */
  readonly messageBytesMax: number;
  /** Most bytes that may wait at one link; what does not fit is refused by `send`. */
  readonly queueBytesMax: number;
  /** A message reaches several peers for the price of one. */
  readonly broadcast: "native" | "repeated";
}

/** A member, as it names itself to the others. */
export interface InterconnectSelf {
  /** Id of the cluster: 32 hexadecimal digits. */
  readonly cluster: string;
  /** Name of the member: 1 to 255 bytes of UTF-8. */
  readonly name: string;
  /** Its incarnation: 32 hexadecimal digits. */
  readonly incarnation: string;
  /** Number of the last view it knows, below 2^48. */
  readonly epoch: number;
  /** What all members of the cluster share and nobody else has: at least 16 bytes. It is never sent. */
  readonly secret: Uint8Array;
  /** Versions of the members' protocol that it speaks; the highest that both ends speak is used. */
  readonly versions: { readonly least: number; readonly most: number };
}

/** A proven member at the other end of a link. */
export interface InterconnectPeer {
  /** Its name. */
  readonly name: string;
  /** Its incarnation: 32 hexadecimal digits. */
  readonly incarnation: string;
  /** What it said of its last view when the link was opened. */
  readonly epoch: number;
  /** The version of the protocol that both ends speak. */
  readonly version: number;
}

/**
 * Who hears of links and messages. Calls come one at a time, in turns of their own, never from within a call.
 */
export interface InterconnectReceiver {
  /** A message arrived; `bytes` may be looked at during the call only. */
  message(from: InterconnectPeer, bytes: Uint8Array): void;
  /** A peer has proven itself: messages may go both ways. */
  up(peer: InterconnectPeer): void;
  /** The link is gone, and with it what was on its way. */
  down(peer: InterconnectPeer, reason: string): void;
}

/** Links to the other members: one a peer, whoever opened it. */
export interface Interconnect {
  /** What this interconnect can promise. */
  readonly traits: InterconnectTraits;
  /** Begins to be reachable; answers the address for the others. Once. */
  open(self: InterconnectSelf, receiver: InterconnectReceiver): Answer<string>;
  /**
   * Opens a link, or finds the one there is; resolves once both ends have proven themselves. Rejects
   * `UNREACHABLE` when nobody answers in time, `PEER_REFUSED` with the reason when one end refuses the other.
   */
  connect(address: string): Answer<InterconnectPeer>;
  /**
   * Hands a message to the link to an incarnation; its bytes may be used again at once. False when there is
   * no link, or no room in its queue. Delivery is not promised.
   */
  send(incarnation: string, bytes: Uint8Array): boolean;
  /** Hands a message to every link; answers how many took it. */
  broadcast(bytes: Uint8Array): number;
  /** Ends the link to an incarnation, if there is one; both ends hear of it. */
  disconnect(incarnation: string, reason: string): void;
  /** Ends every link and the address. Once. */
  close(): Answer<void>;
}
