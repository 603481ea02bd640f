/**
 * One link's life over any reliable stream of bytes: greeting, proof of both ends, messages, end.
 *
 * The initiator says hello; the acceptor answers with its own hello and its proof; the initiator checks that,
 * and sends its proof. Until then a session looks at no more than `GREETING_BYTES_MAX` bytes and tells nobody
 * of anything.
 */
import type { InterconnectPeer, InterconnectSelf } from "../../src/ports/interconnect.ts";
import { EnvelopeBuilder, EnvelopeReader } from "./link_envelope.ts";
import {
  type Greeting,
  GREETING_BYTES_MAX,
  type Hello,
  helloOf,
  proofMessage,
  readGreeting,
  type Refusal,
  refusalMessage,
} from "./link_hello.ts";
import { EnvelopeCodes, isSameCode, type LinkRole, proofOf, type Transcript } from "./link_proof.ts";

/** The stream below a session. */
export interface LinkStream {
  /** Takes bytes for the other end, which are the stream's from now on, and so is the buffer below them. */
  write(bytes: Uint8Array): void;
  /** Ends the stream once what was written has left. */
  end(): void;
}

/** Who hears of a session. */
export interface LinkEvents {
  /** Both ends are proven. */
  proven(session: LinkSession): void;
  message(session: LinkSession, bytes: Uint8Array): void;
  /** It is over; `refusal` when one end refused the other. Once. */
  over(session: LinkSession, reason: string, refusal: Refusal | undefined): void;
}

/** One link. */
export class LinkSession {
  readonly role: LinkRole;
  /** Number of the call at the end that called; above all of its earlier ones. 0 until it is known. */
  call: number;
  readonly #self: InterconnectSelf;
  readonly #stream: LinkStream;
  readonly #events: LinkEvents;
  readonly #hello: Uint8Array;
  #greeting: Uint8Array = new Uint8Array(0);
  #theirs: { readonly hello: Hello; readonly bytes: Uint8Array } | undefined;
  #peer: InterconnectPeer | undefined;
  #isOver = false;
  #outgoing = new EnvelopeBuilder();
  #codes: EnvelopeCodes | undefined;
  #reader: EnvelopeReader | undefined;

  constructor(
    role: LinkRole,
    call: number,
    self: InterconnectSelf,
    nonce: Uint8Array,
    stream: LinkStream,
    events: LinkEvents,
  ) {
    this.role = role;
    this.call = call;
    this.#self = self;
    this.#stream = stream;
    this.#events = events;
    this.#hello = helloOf(self, nonce, call);
  }

  /** Who is at the other end, once it is proven. */
  get peer(): InterconnectPeer | undefined {
    return this.#peer;
  }

  /** True until the end. */
  get isOpen(): boolean {
    return !this.#isOver;
  }

  /** Bytes that wait for `flush`. */
  get waitingBytes(): number {
    return this.#outgoing.payloadBytes;
  }

  /** Says hello, if this end begins. */
  start(): void {
    if (this.role === "initiator") this.#stream.write(this.#hello.slice());
  }

  /** Takes what came from the other end. */
  receive(chunk: Uint8Array): void {
    if (this.#isOver) return;
    if (this.#reader !== undefined) return this.#read(chunk);
    const bytes = new Uint8Array(this.#greeting.length + chunk.length);
    bytes.set(this.#greeting);
    bytes.set(chunk, this.#greeting.length);
    this.#greeting = bytes;
    while (!this.#isOver && this.#reader === undefined) {
      const part = readGreeting(this.#greeting);
      if (part === "malformed") return this.refuse("malformed");
      if (part === undefined) {
        if (this.#greeting.length > GREETING_BYTES_MAX) this.refuse("malformed");
        return;
      }
      this.#greeting = part.rest;
      this.#greet(part);
    }
    const rest = this.#greeting;
    this.#greeting = new Uint8Array(0);
    if (!this.#isOver && rest.length > 0) this.#read(rest);
  }

  #read(chunk: Uint8Array): void {
    const wrong = this.#reader!.receive(chunk);
    if (wrong !== undefined) this.end(wrong);
  }

  #greet(part: Greeting): void {
    if (part.kind === "refusal") return this.#over(`refused: ${part.refusal}`, part.refusal);
    if (part.kind === "hello") {
      if (this.#theirs !== undefined) return this.refuse("malformed");
      return this.#hear(part.hello, part.bytes);
    }
    const transcript = this.#transcript();
    if (transcript === undefined) return this.refuse("malformed");
    const other = this.role === "initiator" ? "acceptor" : "initiator";
    const { secret } = this.#self;
    if (!isSameCode(part.proof, proofOf(secret, other, transcript))) return this.refuse("secret");
    if (this.role === "initiator") this.#stream.write(proofMessage(proofOf(secret, this.role, transcript)));
    this.#codes = new EnvelopeCodes(secret, this.role, transcript);
    this.#reader = new EnvelopeReader(new EnvelopeCodes(secret, other, transcript), (message) => {
      this.#events.message(this, message);
      return !this.#isOver;
    });
    const { name, incarnation, epoch, most } = this.#theirs!.hello;
    this.#peer = { name, incarnation, epoch, version: Math.min(most, this.#self.versions.most) };
    this.#events.proven(this);
  }

  #hear(hello: Hello, bytes: Uint8Array): void {
    const { cluster, incarnation, versions, secret } = this.#self;
    if (hello.cluster !== cluster) return this.refuse("cluster");
    if (hello.incarnation === incarnation) return this.refuse("self");
    if (hello.least > versions.most || hello.most < versions.least) return this.refuse("version");
    this.#theirs = { hello, bytes };
    if (this.role === "initiator") return;
    this.call = hello.call;
    this.#stream.write(this.#hello.slice());
    this.#stream.write(proofMessage(proofOf(secret, this.role, this.#transcript()!)));
  }

  #transcript(): Transcript | undefined {
    if (this.#theirs === undefined) return undefined;
    const { bytes } = this.#theirs;
    return this.role === "initiator"
      ? { initiator: this.#hello, acceptor: bytes }
      : { initiator: bytes, acceptor: this.#hello };
  }

  /** Adds a message to those of this turn; false when it must be flushed first, or there is no link. */
  add(message: Uint8Array): boolean {
    if (this.#isOver || this.#codes === undefined || !this.#outgoing.hasRoom(message.length)) return false;
    this.#outgoing.add(message);
    return true;
  }

  /** Hands the messages of this turn to the stream. */
  flush(): void {
    if (this.#isOver || this.#codes === undefined || this.#outgoing.payloadBytes === 0) return;
    this.#stream.write(this.#outgoing.seal(this.#codes));
  }

  /** Tells the other end why there will be no link, and ends. */
  refuse(refusal: Refusal): void {
    if (this.#isOver) return;
    this.#stream.write(refusalMessage(refusal));
    this.#over(`refused: ${refusal}`, refusal);
  }

  /** Ends a link. */
  end(reason: string): void {
    this.#over(reason, undefined);
  }

  #over(reason: string, refusal: Refusal | undefined): void {
    if (this.#isOver) return;
    this.flush();
    this.#isOver = true;
    this.#stream.end();
    this.#events.over(this, reason, refusal);
  }
}
