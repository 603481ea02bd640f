/** Remote server: what other members ask of the databases mounted here (DESIGN §2, D4). */
import { CohortError } from "../ground/errors.ts";
import type { Value } from "../ground/value.ts";
import type { WaitOptions } from "../global/patience.ts";
import type { Answer, Courier, CourierReply } from "../ports/mod.ts";
import { isPending } from "../ports/mod.ts";
import type { Database, DatabaseStatus } from "./database.ts";
import { BatchWriter, encodeResult } from "./remote_answer.ts";
import { decodeMessage, type RemoteCall, type RemoteNode } from "./remote_call.ts";
import { Assembly, isPart, partsOf } from "./remote_part.ts";
import { RemoteSession } from "./remote_session.ts";

/** Topic of calls. */
export const REMOTE_TOPIC = 16;
/** Topic of the parts of answers. */
export const REMOTE_PART_TOPIC = 17;

/** Entries of the first piece of a batch, and of any. */
const PIECE_FIRST = 4;
const PIECE_MAX = 1024;

/** What a server takes from its node. */
export interface RemoteServerWorld {
  readonly courier: Courier;
  /** Name of this member. */
  readonly name: string;
  /** A mounted database by its canonical directory. */
  readonly mounted: (directory: string) => Database | undefined;
  /** The canonical directory of any spelling. */
  readonly resolve: (directory: string) => Answer<string>;
  /** Journal position behind all that was done here. */
  readonly position: () => number;
}

interface Requester {
  readonly session: RemoteSession;
  readonly parts: Assembly;
}

/** Answers the members of the view. */
export class RemoteServer {
  readonly #world: RemoteServerWorld;
  readonly #requesters = new Map<string, Requester>();

  constructor(world: RemoteServerWorld) {
    this.#world = world;
    world.courier.serve(REMOTE_TOPIC, (from, body) => this.#heard(from, body));
  }

  /** A view begins: calls of those who are not in it are given up, and forgotten. */
  entered(members: readonly string[]): void {
    for (const [member, { session }] of this.#requesters) {
      if (members.includes(member)) continue;
      this.#requesters.delete(member);
      session.end();
    }
  }

  /** Whether any member of the view has called. */
  get wasCalled(): boolean {
    return this.#requesters.size > 0;
  }

  /** Whether a call is under way. */
  get isBusy(): boolean {
    return [...this.#requesters.values()].some(({ session }) => session.isBusy);
  }

  #heard(from: string, body: Uint8Array): Answer<CourierReply | undefined> {
    const { session, parts } = this.#requesterOf(from);
    const whole = isPart(body) ? parts.take(body) : body;
    if (whole === undefined) return undefined;
    const message = decodeMessage(whole);
    const { view } = this.#world.courier;
    return session.heard(message)?.then((reply) => this.#inParts(from, view, message.sequence, reply));
  }

  #requesterOf(member: string): Requester {
    const known = this.#requesters.get(member);
    if (known !== undefined) return known;
    const { position } = this.#world;
    const run = (call: RemoteCall, options: WaitOptions | undefined): Promise<Uint8Array> =>
      this.#run(call, options);
    const made = { session: new RemoteSession({ run, position }), parts: new Assembly(1) };
    this.#requesters.set(member, made);
    return made;
  }

  /** The last part of an answer, after the others have been told. */
  async #inParts(from: string, view: number, sequence: number, reply: CourierReply): Promise<CourierReply> {
    const parts = partsOf(sequence, reply.body);
    const { courier } = this.#world;
    for (const part of parts.slice(0, -1)) {
      // In another view it is asked again, and answered by whoever hears that.
      if (courier.view !== view) return reply;
      const told = courier.tell(from, REMOTE_PART_TOPIC, part, reply.after);
      if (isPending(told)) await told;
    }
    return { ...reply, body: parts.at(-1) as Uint8Array };
  }

  /** Begins a call in the caller's turn. */
  #run(call: RemoteCall, options: WaitOptions | undefined): Promise<Uint8Array> {
    try {
      return call.what === "open" ? this.#open(call.directory) : this.#carryOut(call, options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async #open(spelling: string): Promise<Uint8Array> {
    const { directory } = this.#database(await this.#world.resolve(spelling)).status;
    return encodeResult(directory);
  }

  #database(directory: string): Database {
    const database = this.#world.mounted(directory);
    if (database !== undefined) return database;
    const { name } = this.#world;
    throw new CohortError("NOT_MOUNTED", `The database ${directory} is not mounted at ${name}`, {
      directory,
      member: name,
    });
  }

  #carryOut(call: RemoteCall, options: WaitOptions | undefined): Promise<Uint8Array> {
    const database = this.#database(call.directory);
    switch (call.what) {
      case "open":
      case "status":
        return Promise.resolve(encodeResult(definedOf(database.status)));
      case "check":
        return database.check(options).then((report) => encodeResult(report as unknown as Value));
      case "names":
        return database.nextGlobal(call.after, options).then(encodeResult);
      case "has":
        return database.has(call.name, options).then(encodeResult);
      default:
        return this.#onGlobal(call, database, options);
    }
  }

  #onGlobal(
    call: Extract<RemoteCall, RemoteNode>,
    database: Database,
    options: WaitOptions | undefined,
  ): Promise<Uint8Array> {
    const { subscripts } = call;
    const global = database.global(call.name);
    switch (call.what) {
      case "get":
        return global.get(subscripts, options).then(encodeResult);
      case "data":
        return global.data(subscripts, options).then(encodeResult);
      case "order":
        return global.order(subscripts, call.direction, options).then(encodeResult);
      case "query":
        return global.query(subscripts, call.direction, options).then(encodeResult);
      case "set":
        return global.set(subscripts, call.value, options).then(encodeDone);
      case "kill":
        return global.kill(subscripts, options).then(encodeDone);
      case "zkill":
        return global.zkill(subscripts, options).then(encodeDone);
      case "increment":
        return global.increment(subscripts, call.by, options).then(encodeResult);
      case "merge": {
        const { directory, name, subscripts: from } = call.from;
        const source = this.#database(directory).global(name);
        return global.merge(subscripts, source, from, options).then(encodeDone);
      }
      case "entries":
        return batchOf(call, database, options);
    }
  }
}

function encodeDone(): Uint8Array {
  return encodeResult(undefined);
}

/** What is told of a database, without what is not. */
function definedOf(status: DatabaseStatus): Value {
  return Object.fromEntries(Object.entries(status).filter(([, fact]) => fact !== undefined)) as Value;
}

/** Entries from a key on: small pieces at first, for each of them may be large. */
async function batchOf(
  call: Extract<RemoteCall, { readonly what: "entries" }>,
  database: Database,
  options: WaitOptions | undefined,
): Promise<Uint8Array> {
  const { name, subscripts, isReverse, most } = call;
  const entries = database.global(name).entries(subscripts, { ...options, reverse: isReverse });
  const writer = new BatchWriter(isReverse);
  let { next } = call;
  for (let piece = PIECE_FIRST; writer.count < most; piece = Math.min(PIECE_MAX, piece * 4)) {
    const batch = await entries.some(next, Math.min(piece, most - writer.count));
    if (!writer.add(batch) || batch.next === undefined) break;
    next = batch.next;
  }
  return writer.answer();
}
