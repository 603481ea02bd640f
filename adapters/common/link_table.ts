/**
 * The links of one member: at most one a peer, whichever end opened it.
 *
 * When two members call each other at once, both keep the link that the smaller incarnation opened. Of two
 * that the same end opened the one that it called later counts, whichever is proven first: it would not have
 * called again if the earlier one still worked. What it sent on that one is not heard after the later one.
 */
import { CohortError } from "../../src/ground/errors.ts";
import type {
  InterconnectPeer,
  InterconnectReceiver,
  InterconnectSelf,
} from "../../src/ports/interconnect.ts";
import { MESSAGE_BYTES_MAX } from "./link_envelope.ts";
import type { Refusal } from "./link_hello.ts";
import type { LinkEvents, LinkSession } from "./link_session.ts";

/** Most bytes that may wait at one link. */
export const QUEUE_BYTES_MAX: number = 8 * 1024 * 1024;

/** Callers whose latest call is remembered: many more than a cluster has incarnations at a time. */
const CALLS_KEPT = 4096;

/** The stream of a session, as the table looks at it. */
export interface Outlet {
  /** Bytes that were written and have not left. */
  readonly pendingBytes: number;
}

interface Call {
  readonly address: string;
  readonly resolve: (peer: InterconnectPeer) => void;
  readonly reject: (error: CohortError) => void;
}

/** All links of a member. */
export class LinkTable implements LinkEvents {
  readonly #self: InterconnectSelf;
  readonly #receiver: InterconnectReceiver;
  readonly #atTurnsEnd: (task: () => void) => void;
  readonly #links = new Map<string, LinkSession>();
  readonly #outlets = new Map<LinkSession, Outlet>();
  readonly #calls = new Map<LinkSession, Call>();
  readonly #dirty = new Set<LinkSession>();
  /** The latest call that was proven, by caller and peer. */
  readonly #latest = new Map<string, number>();
  #unproven = 0;
  #isFlushing = false;

  /** `atTurnsEnd` runs a task once what the loop found in this turn is done. */
  constructor(
    self: InterconnectSelf,
    receiver: InterconnectReceiver,
    atTurnsEnd: (task: () => void) => void,
  ) {
    this.#self = self;
    this.#receiver = receiver;
    this.#atTurnsEnd = atTurnsEnd;
  }

  /** Sessions that others opened and have not proven themselves in. */
  get unproven(): number {
    return this.#unproven;
  }

  /** Takes a session that has just begun. */
  add(session: LinkSession, outlet: Outlet): void {
    this.#outlets.set(session, outlet);
    if (session.role === "acceptor") this.#unproven++;
  }

  /** Resolves when the session that this end opened is proven, or another link to the same peer was there. */
  called(session: LinkSession, address: string): Promise<InterconnectPeer> {
    return new Promise((resolve, reject) => this.#calls.set(session, { address, resolve, reject }));
  }

  /** As `Interconnect.send`. */
  send(incarnation: string, bytes: Uint8Array): boolean {
    checkMessage(bytes);
    const session = this.#links.get(incarnation);
    return session !== undefined && this.#hand(session, bytes);
  }

  /** As `Interconnect.broadcast`. */
  broadcast(bytes: Uint8Array): number {
    checkMessage(bytes);
    let taken = 0;
    for (const session of this.#links.values()) if (this.#hand(session, bytes)) taken++;
    return taken;
  }

  /** As `Interconnect.disconnect`. */
  disconnect(incarnation: string, reason: string): void {
    const session = this.#links.get(incarnation);
    if (session !== undefined) queueMicrotask(() => session.end(reason));
  }

  /** Ends all sessions. */
  end(reason: string): void {
    for (const session of [...this.#outlets.keys()]) session.end(reason);
  }

  proven(session: LinkSession): void {
    if (session.role === "acceptor") this.#unproven--;
    const peer = session.peer!;
    const old = this.#links.get(peer.incarnation);
    if (this.#isLate(session) || (old !== undefined && !this.#replaces(session, old))) {
      if (old !== undefined) {
        this.#calls.get(session)?.resolve(old.peer!);
        this.#calls.delete(session);
      }
      session.end("another link is there");
      return;
    }
    this.#links.set(peer.incarnation, session);
    if (old !== undefined) {
      old.end("replaced");
      this.#receiver.down(old.peer!, "replaced");
    }
    this.#receiver.up(peer);
    this.#calls.get(session)?.resolve(peer);
    this.#calls.delete(session);
  }

  message(session: LinkSession, bytes: Uint8Array): void {
    const peer = session.peer!;
    // What comes over a replaced link is late: its successor's messages may have been told already.
    if (this.#links.get(peer.incarnation) === session) this.#receiver.message(peer, bytes);
  }

  over(session: LinkSession, reason: string, refusal: Refusal | undefined): void {
    this.#outlets.delete(session);
    this.#dirty.delete(session);
    const { peer } = session;
    if (peer === undefined && session.role === "acceptor") this.#unproven--;
    this.#fail(session, reason, refusal);
    if (peer === undefined || this.#links.get(peer.incarnation) !== session) return;
    this.#links.delete(peer.incarnation);
    this.#receiver.down(peer, reason);
  }

  #fail(session: LinkSession, reason: string, refusal: Refusal | undefined): void {
    const call = this.#calls.get(session);
    if (call === undefined) return;
    this.#calls.delete(session);
    const { address } = call;
    const message = `Could not open a link to ${address}: ${reason}`;
    const code = refusal === undefined || refusal === "busy" ? "UNREACHABLE" : "PEER_REFUSED";
    call.reject(new CohortError(code, message, { address, reason: refusal ?? reason }));
  }

  /** Whether its caller has called again meanwhile; if not, it is the caller's latest from now on. */
  #isLate(session: LinkSession): boolean {
    const name = `${this.#callerOf(session)}>${session.peer!.incarnation}`;
    const { call } = session;
    if (call <= (this.#latest.get(name) ?? 0)) return true;
    this.#latest.delete(name);
    this.#latest.set(name, call);
    for (const oldest of this.#latest.keys()) {
      if (this.#latest.size <= CALLS_KEPT) break;
      this.#latest.delete(oldest);
    }
    return false;
  }

  #replaces(session: LinkSession, old: LinkSession): boolean {
    const caller = this.#callerOf(session);
    return caller === this.#callerOf(old) || caller < this.#callerOf(old);
  }

  #callerOf(session: LinkSession): string {
    return session.role === "initiator" ? this.#self.incarnation : session.peer!.incarnation;
  }

  #hand(session: LinkSession, bytes: Uint8Array): boolean {
    const waiting = session.waitingBytes + (this.#outlets.get(session)?.pendingBytes ?? 0);
    if (waiting + bytes.length > QUEUE_BYTES_MAX) return false;
    if (!session.add(bytes)) {
      session.flush();
      if (!session.add(bytes)) return false;
    }
    this.#dirty.add(session);
    if (!this.#isFlushing) {
      this.#isFlushing = true;
      // A code costs more than most messages: all of a turn share one. Sent at the end of each callback
      // instead, a transfer cost a quarter more of processor time on Deno.
      this.#atTurnsEnd(this.#flush);
    }
    return true;
  }

  readonly #flush = (): void => {
    this.#isFlushing = false;
    for (const session of this.#dirty) session.flush();
    this.#dirty.clear();
  };
}

function checkMessage(bytes: Uint8Array): void {
  if (bytes.length > MESSAGE_BYTES_MAX) {
    throw new RangeError(`A message has at most ${MESSAGE_BYTES_MAX} bytes, got ${bytes.length}`);
  }
}
