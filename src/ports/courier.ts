/** Courier: requests, replies and notices between the members of a view. Types only. */
import type { Answer } from "./answer.ts";

/** What a handler answers. */
export interface CourierReply {
  /** What the requester gets. */
  readonly body: Uint8Array;
  /**
   * Journal position that must be safe before the reply leaves, because something in it was derived from it.
   */
  readonly after?: number;
}

/**
 * Serves the messages of one topic. `from` is the sender's incarnation; `body` may be looked at until the
 * handler first waits. A `CohortError` it throws is the requester's error; to a notice nothing is answered.
 */
export type CourierHandler = (from: string, body: Uint8Array) => Answer<CourierReply | undefined>;

/** What a request may be told. */
export interface CourierRequest {
  /** Journal position that must be safe before it leaves. */
  readonly after?: number;
  /** Ends the wait; whether the request has its effect is not known then. */
  readonly signal?: AbortSignal;
}

/**
 * Messages between the members of the present view: each at most once, and sent again until the other has it
 * or the view ends. Between two of them they arrive in the order in which they were let in; a reply passes
 * those that wait for room.
 */
export interface Courier {
  /** Incarnation of this member. */
  readonly self: string;
  /** Number of the view; 0 before there is one. */
  readonly view: number;
  /**
   * Asks a member, or this one, and resolves to the body of its reply. Rejects with what its handler threw,
   * `UNREACHABLE` when it is no member of the view, `VIEW_CHANGED` when the view ended first: then the
   * request may or may not have had its effect, once. One message there and one back.
   */
  request(to: string, topic: number, body: Uint8Array, options?: CourierRequest): Promise<Uint8Array>;
  /**
   * Tells a member something and expects no answer: one message. A promise when what waits for that member is
   * too much already; it rejects as a request does.
   */
  tell(to: string, topic: number, body: Uint8Array, after?: number): Answer<void>;
  /** Says who serves a topic, 0 to 65,535. Once each. */
  serve(topic: number, handler: CourierHandler): void;
}
