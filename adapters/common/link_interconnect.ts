/** An interconnect over any transport that gives reliable streams of bytes: what all of them share. */
import { CohortError } from "../../src/ground/errors.ts";
import type { Clock } from "../../src/ports/clock.ts";
import type { Entropy } from "../../src/ports/entropy.ts";
import type {
  Interconnect,
  InterconnectPeer,
  InterconnectReceiver,
  InterconnectSelf,
  InterconnectTraits,
} from "../../src/ports/interconnect.ts";
import { MESSAGE_BYTES_MAX } from "./link_envelope.ts";
import { checkSelf, NONCE_BYTES } from "./link_hello.ts";
import type { LinkRole } from "./link_proof.ts";
import { LinkSession } from "./link_session.ts";
import { LinkTable, QUEUE_BYTES_MAX } from "./link_table.ts";

/** Who hears of a pipe; in turns of their own. */
export interface PipeEvents {
  /** A dialled pipe has reached the other end. */
  open(): void;
  data(bytes: Uint8Array): void;
  /** Nothing more comes, and nothing more leaves. */
  gone(reason: string): void;
}

/** A stream of bytes both ways. */
export interface Pipe {
  /** Bytes that were written and have not left. */
  readonly pendingBytes: number;
  /** Says who hears of it; nothing is told before. */
  begin(events: PipeEvents): void;
  /** Takes bytes, which are the pipe's from now on, and so is the buffer that they lie in. */
  write(bytes: Uint8Array): void;
  /** Ends it once what was written has left. */
  end(): void;
}

/** A way to reach other members. */
export interface LinkTransport {
  /** Short name for messages and measures. */
  readonly name: string;
  /** Begins to be reachable; answers the address. Rejects `UNREACHABLE`. */
  listen(accept: (pipe: Pipe) => void): Promise<string>;
  /** Begins to reach an address. Throws `TypeError` when it is none. */
  dial(address: string): Pipe;
  /** Ends everything; resolves when nothing is left open. */
  close(): Promise<void>;
}

/** What links take from the world, and how long they wait for the other end. */
export interface LinkWorld {
  readonly clock: Clock;
  readonly entropy: Entropy;
  /** Milliseconds until both ends must have proven themselves. */
  readonly greetingMs: number;
}

/** Milliseconds of a greeting where nothing else is asked for. */
export const GREETING_MS = 2_000;

/** Sessions that may be unproven at once; who comes then is told that this end is busy. */
const UNPROVEN_MAX = 64;

/** An interconnect over a transport. */
export class LinkInterconnect implements Interconnect {
  readonly traits: InterconnectTraits;
  readonly #transport: LinkTransport;
  readonly #world: LinkWorld;
  #self: InterconnectSelf | undefined;
  #links: LinkTable | undefined;
  #calls = 0;
  #isClosed = false;

  constructor(transport: LinkTransport, world: LinkWorld) {
    if (!(world.greetingMs > 0)) throw new RangeError(`greetingMs is above 0, got ${world.greetingMs}`);
    this.#transport = transport;
    this.#world = world;
    this.traits = {
      version: 1,
      name: transport.name,
      ordered: true,
      messageBytesMax: MESSAGE_BYTES_MAX,
      queueBytesMax: QUEUE_BYTES_MAX,
      broadcast: "repeated",
    };
  }

  async open(self: InterconnectSelf, receiver: InterconnectReceiver): Promise<string> {
    this.#refuseClosed("open");
    checkSelf(self);
    if (this.#self !== undefined) throw new TypeError("An interconnect is opened once");
    this.#self = self;
    const { clock } = this.#world;
    this.#links = new LinkTable(self, receiver, (task) => void clock.after(0, task));
    return await this.#transport.listen((pipe) => this.#accept(pipe));
  }

  async connect(address: string): Promise<InterconnectPeer> {
    const links = this.#opened("connect");
    const session = this.#begin(this.#transport.dial(address), "initiator");
    return await links.called(session, address);
  }

  send(incarnation: string, bytes: Uint8Array): boolean {
    return this.#opened("send").send(incarnation, bytes);
  }

  broadcast(bytes: Uint8Array): number {
    return this.#opened("broadcast").broadcast(bytes);
  }

  disconnect(incarnation: string, reason: string): void {
    this.#opened("disconnect").disconnect(incarnation, reason);
  }

  async close(): Promise<void> {
    this.#refuseClosed("close");
    this.#isClosed = true;
    this.#links?.end("closed");
    await this.#transport.close();
  }

  #accept(pipe: Pipe): void {
    const session = this.#begin(pipe, "acceptor");
    if (this.#links!.unproven > UNPROVEN_MAX) session.refuse("busy");
  }

  #begin(pipe: Pipe, role: LinkRole): LinkSession {
    const links = this.#links!;
    const { clock, entropy, greetingMs } = this.#world;
    const call = role === "initiator" ? ++this.#calls : 0;
    const nonce = entropy.fill(new Uint8Array(NONCE_BYTES));
    const session: LinkSession = new LinkSession(role, call, this.#self!, nonce, pipe, {
      proven: (it) => {
        cancel();
        links.proven(it);
      },
      message: (it, bytes) => links.message(it, bytes),
      over: (it, reason, refusal) => {
        cancel();
        links.over(it, reason, refusal);
      },
    });
    const cancel = clock.after(greetingMs, () => session.end("no greeting in time"));
    links.add(session, pipe);
    pipe.begin({
      open: () => session.start(),
      data: (bytes) => session.receive(bytes),
      gone: (reason) => session.end(reason),
    });
    return session;
  }

  #opened(operation: string): LinkTable {
    this.#refuseClosed(operation);
    if (this.#links === undefined) {
      throw new TypeError(`Could not ${operation}: the interconnect is not open`);
    }
    return this.#links;
  }

  #refuseClosed(operation: string): void {
    if (this.#isClosed) throw new CohortError("CLOSED", `Could not ${operation}: the interconnect is closed`);
  }
}
