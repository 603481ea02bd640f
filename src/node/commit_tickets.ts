/**
 * Commit tickets of the cluster: a transaction that keeps meeting conflicts has all members' commits of a
 * database wait for it (DESIGN D3). The master of the view gives them, one a database at a time, first come
 * first served; a view's end voids all. They are for fairness alone: what is committed is validated with a
 * ticket as without one, so that where none is to be had a transaction just tries on.
 *
 * A ticket among n members costs two messages to the master and back, one there and back with each of the
 * others, and as many notices when it is given back.
 */
import { unlessAborted } from "../buffer/waiting.ts";
import { CohortError, isCode } from "../ground/errors.ts";
import { ByteReader } from "../ground/byte_reader.ts";
import { ByteWriter } from "../ground/byte_writer.ts";
import type { DatabaseCore } from "../global/database.ts";
import type { Clock, Courier } from "../ports/mod.ts";
import { isPending } from "../ports/mod.ts";
import { TICKET_TOPIC } from "./topics.ts";

/** To the master: a ticket is wanted, or is needed no more. From it: commits wait, or go on. */
const TAKE = 1, GIVE = 2, HOLD = 3, FREE = 4;
/** Milliseconds after which the master takes a ticket for lost: somewhat more than who has it may keep it. */
const GRANT_MS_MAX = 6_000;

/** What it takes. */
export interface CommitTicketsWorld {
  readonly courier: Courier;
  readonly clock: Clock;
  /** Incarnations of the members of the view, the master's first. */
  readonly members: () => readonly string[];
}

/** Somebody who has a ticket, or waits for it: the master's memory. */
interface Claim {
  readonly from: string;
  readonly id: number;
  /** What names it to those whose commits wait. */
  readonly number: number;
  /** Those whose commits wait, once it is first. */
  held: readonly string[];
  isOver: boolean;
  go: () => void;
  cancel: () => void;
}

/** Of one member. */
export class CommitTickets {
  readonly #world: CommitTicketsWorld;
  /** Databases that are mounted here and shared, by tag of the volume. */
  readonly #shared = new Map<number, DatabaseCore>();
  /** Tickets of others that commits here wait for, by number. */
  readonly #holds = new Map<number, () => void>();
  /** Who has a ticket and who waits, by tag; of the master. */
  readonly #claims = new Map<number, Claim[]>();
  /** Those of this member that ask for a ticket, or have one: resolves when the last is done; by tag. */
  readonly #turns = new Map<number, Promise<unknown>>();
  #last = 0;

  constructor(world: CommitTicketsWorld) {
    this.#world = world;
    world.courier.serve(TICKET_TOPIC, (from, body) => this.#heard(from, body));
  }

  /** A database is shared here. */
  share(core: DatabaseCore): void {
    const { tag } = core.volume.facts;
    this.#shared.set(tag, core);
    core.clusterTicket = (signal) => this.#take(tag, signal);
  }

  /** It is not any more. */
  unshare(core: DatabaseCore): void {
    core.clusterTicket = undefined;
    this.#shared.delete(core.volume.facts.tag);
  }

  /** A view is entered, or this member ends: no ticket of an earlier one counts. */
  entered(): void {
    for (const free of [...this.#holds.values()]) free();
    for (const claims of this.#claims.values()) for (const claim of claims) end(claim);
    this.#claims.clear();
  }

  /**
   * Takes the cluster's ticket; answers how to give it back. One of this member at a time asks for that of a
   * database: requests that wait at the master would else keep back all that this member has to tell it.
   */
  async #take(tag: number, signal: AbortSignal | undefined): Promise<() => void> {
    const done = await this.#turn(tag, signal);
    const { courier, members } = this.#world;
    const master = members()[0];
    if (master === undefined) return done;
    const id = ++this.#last;
    let isGiven = false;
    const give = (): void => {
      if (isGiven) return;
      isGiven = true;
      this.#tell(master, GIVE, tag, id);
      done();
    };
    try {
      const body = encoded(TAKE, tag, id);
      await courier.request(master, TICKET_TOPIC, body, signal === undefined ? {} : { signal });
      return give;
    } catch (error) {
      give();
      if (isCode(error, "VIEW_CHANGED") || isCode(error, "UNREACHABLE")) return give;
      throw error;
    }
  }

  /** Waits for those of this member that came before; answers how to let the next go. */
  async #turn(tag: number, signal: AbortSignal | undefined): Promise<() => void> {
    const before = this.#turns.get(tag);
    const over = Promise.withResolvers<void>();
    const turn = Promise.all([before, over.promise]);
    this.#turns.set(tag, turn);
    const done = (): void => {
      over.resolve();
      if (this.#turns.get(tag) === turn) this.#turns.delete(tag);
    };
    try {
      if (before !== undefined) await unlessAborted(before, signal);
    } catch (error) {
      over.resolve();
      throw error;
    }
    return done;
  }

  #heard(from: string, body: Uint8Array): Promise<undefined> | undefined {
    const { kind, tag, number } = decoded(body);
    if (kind === TAKE) return this.#wanted(from, tag, number);
    if (kind === GIVE) return void this.#given(tag, from, number);
    if (kind === HOLD) return this.#hold(tag, number);
    return void this.#holds.get(number)?.();
  }

  async #wanted(from: string, tag: number, id: number): Promise<undefined> {
    const { courier, clock, members } = this.#world;
    const claims = this.#claims.get(tag) ?? [];
    this.#claims.set(tag, claims);
    const turn = Promise.withResolvers<void>();
    const number = ++this.#last;
    const claim: Claim = { from, id, number, held: [], isOver: false, go: turn.resolve, cancel: () => {} };
    claims.push(claim);
    if (claims[0] === claim) claim.go();
    await turn.promise;
    if (claim.isOver) return undefined;
    claim.cancel = clock.after(GRANT_MS_MAX, () => this.#given(tag, from, id), true);
    claim.held = members().filter((it) => it !== from);
    const body = encoded(HOLD, tag, number);
    await Promise.allSettled(claim.held.map((it) => courier.request(it, TICKET_TOPIC, body)));
    return undefined;
  }

  #given(tag: number, from: string, id: number): void {
    const claims = this.#claims.get(tag) ?? [];
    const at = claims.findIndex((it) => it.from === from && it.id === id);
    if (at < 0) return;
    const [claim] = claims.splice(at, 1) as [Claim];
    end(claim);
    for (const member of claim.held) this.#tell(member, FREE, tag, claim.number);
    if (claims.length === 0) this.#claims.delete(tag);
    else if (at === 0) claims[0]!.go();
  }

  /** Commits here wait, once who has the ticket of this member is done. */
  async #hold(tag: number, number: number): Promise<undefined> {
    const core = this.#shared.get(tag);
    if (core === undefined) return undefined;
    const holder = {};
    const freed = new AbortController();
    this.#holds.set(number, () => {
      this.#holds.delete(number);
      freed.abort(new CohortError("VIEW_CHANGED", "The ticket was given back"));
      core.giveTicket(holder);
    });
    await core.takeTicket(holder, freed.signal);
    if (freed.signal.aborted) core.giveTicket(holder);
    return undefined;
  }

  #tell(to: string, kind: number, tag: number, number: number): void {
    const told = this.#world.courier.tell(to, TICKET_TOPIC, encoded(kind, tag, number));
    // In the next view it counts no more.
    if (isPending(told)) told.catch(() => {});
  }
}

function end(claim: Claim): void {
  claim.isOver = true;
  claim.cancel();
  claim.go();
}

function encoded(kind: number, tag: number, number: number): Uint8Array {
  const writer = new ByteWriter(16);
  writer.u8(kind);
  writer.u32(tag);
  writer.u48(number);
  return writer.copy();
}

function decoded(body: Uint8Array): { readonly kind: number; readonly tag: number; readonly number: number } {
  const reader = new ByteReader(body, "Message about a ticket");
  const message = { kind: reader.u8(), tag: reader.u32(), number: reader.u48() };
  if (message.kind >= TAKE && message.kind <= FREE) return message;
  throw new CohortError("CORRUPT", `Could not read a message about a ticket: it is of kind ${message.kind}`);
}
