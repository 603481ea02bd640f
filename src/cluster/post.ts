/**
 * Post: the interconnect of a member, shared by those who speak over it; each has a first byte of its own.
 */
import { CohortError } from "../ground/errors.ts";
import type { Answer, Interconnect, InterconnectPeer, InterconnectSelf } from "../ports/mod.ts";

/** Who hears of links, and of the messages that begin with its byte. */
export interface PostReceiver {
  message(from: InterconnectPeer, bytes: Uint8Array): void;
  linked?(peer: InterconnectPeer): void;
  unlinked?(peer: InterconnectPeer, reason: string): void;
}

/** What came of the last calls of an address. */
export interface DialFailure {
  readonly error: CohortError;
  /** How many in a row ended so. */
  readonly times: number;
}

/** Most addresses of which is known what came of calling them. */
const ADDRESSES_MAX = 256;

function bound(known: Map<string, unknown>): void {
  const [oldest] = known.keys();
  if (known.size > ADDRESSES_MAX) known.delete(oldest!);
}

/** The links of one member. */
export class Post {
  readonly #interconnect: Interconnect;
  readonly #receivers = new Map<number, PostReceiver>();
  readonly #links = new Map<string, InterconnectPeer>();
  readonly #dialling = new Set<string>();
  /** What came of the last calls of an address that came to nothing. */
  readonly #failures = new Map<string, DialFailure>();
  /** Who answered at an address last, where that is not known to be a failure. */
  readonly #answered = new Map<string, InterconnectPeer>();

  constructor(interconnect: Interconnect) {
    this.#interconnect = interconnect;
  }

  /** Says who hears the messages that begin with `first`. Before `open`. */
  receive(first: number, receiver: PostReceiver): void {
    if (this.#receivers.has(first)) {
      throw new TypeError(`Messages that begin with ${first} are received already`);
    }
    this.#receivers.set(first, receiver);
  }

  /** Begins to be reachable; answers the address. */
  open(self: InterconnectSelf): Answer<string> {
    return this.#interconnect.open(self, {
      message: (from, bytes) => {
        const receiver = bytes.length === 0 ? undefined : this.#receivers.get(bytes[0]!);
        if (receiver !== undefined) return receiver.message(from, bytes);
        this.#interconnect.disconnect(from.incarnation, `a message begins with ${bytes[0]}`);
      },
      up: (peer) => {
        this.#links.set(peer.incarnation, peer);
        for (const receiver of this.#receivers.values()) receiver.linked?.(peer);
      },
      down: (peer, reason) => {
        this.#links.delete(peer.incarnation);
        for (const receiver of this.#receivers.values()) receiver.unlinked?.(peer, reason);
      },
    });
  }

  /** Whether there is a link to an incarnation. */
  isLinked(incarnation: string): boolean {
    return this.#links.has(incarnation);
  }

  /** Begins to open a link, unless that is under way; what comes of it is told to receivers. */
  dial(address: string): void {
    if (this.#dialling.has(address)) return;
    this.#dialling.add(address);
    const done = (): void => void this.#dialling.delete(address);
    void this.#connect(address).then(done, done);
  }

  async #connect(address: string): Promise<void> {
    try {
      const peer = await this.#interconnect.connect(address);
      this.#failures.delete(address);
      this.#answered.set(address, peer);
      bound(this.#answered);
    } catch (error) {
      // Whoever wants the link sees that there is none, and dials again.
      if (error instanceof CohortError) this.#failed(address, error);
      else if (!(error instanceof TypeError)) throw error;
    }
  }

  #failed(address: string, error: CohortError): void {
    const before = this.#failures.get(address);
    const isSame = before?.error.code === error.code &&
      before.error.facts["reason"] === error.facts["reason"];
    this.#failures.delete(address);
    this.#failures.set(address, { error, times: isSame ? before.times + 1 : 1 });
    this.#answered.delete(address);
    bound(this.#failures);
  }

  /** What came of the last calls of an address; undefined when the last was answered, or there was none. */
  failureOf(address: string): DialFailure | undefined {
    return this.#failures.get(address);
  }

  /** Who answered the last call of an address; undefined when nobody did. */
  answererOf(address: string): InterconnectPeer | undefined {
    return this.#answered.get(address);
  }

  /** As `Interconnect.send`. */
  send(incarnation: string, bytes: Uint8Array): boolean {
    return this.#interconnect.send(incarnation, bytes);
  }

  /** As `Interconnect.broadcast`. */
  broadcast(bytes: Uint8Array): number {
    return this.#interconnect.broadcast(bytes);
  }

  /** Ends a link. */
  disconnect(incarnation: string, reason: string): void {
    this.#interconnect.disconnect(incarnation, reason);
  }

  /** Ends all. */
  close(): Answer<void> {
    return this.#interconnect.close();
  }
}
