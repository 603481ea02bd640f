/** Which of several links to one peer counts. */
import { test } from "#test";
import { assertEquals } from "@std/assert";
import type { LinkRole } from "../../adapters/common/link_proof.ts";
import { LinkSession } from "../../adapters/common/link_session.ts";
import { LinkTable } from "../../adapters/common/link_table.ts";
import type { InterconnectSelf } from "../../src/ports/interconnect.ts";

function selfOf(number: number): InterconnectSelf {
  return {
    cluster: "c".repeat(32),
    name: `m${number}`,
    incarnation: String(number).repeat(32),
    epoch: 0,
    secret: new TextEncoder().encode("0123456789abcdef"),
    versions: { least: 1, most: 1 },
  };
}

/** A member's table, with all that it told. */
class Member {
  readonly self: InterconnectSelf;
  readonly told: string[] = [];
  readonly table: LinkTable;
  calls = 0;

  constructor(number: number) {
    this.self = selfOf(number);
    this.table = new LinkTable(this.self, {
      message: (_, bytes) => void this.told.push(`message ${bytes[0]}`),
      up: ({ name }) => void this.told.push(`up ${name}`),
      down: ({ name }, reason) => void this.told.push(`down ${name}: ${reason}`),
    }, queueMicrotask);
  }

  session(role: LinkRole, written: Uint8Array[]): LinkSession {
    const call = role === "initiator" ? ++this.calls : 0;
    const stream = { write: (bytes: Uint8Array) => void written.push(bytes.slice()), end: () => {} };
    const session = new LinkSession(role, call, this.self, new Uint8Array(32).fill(call), stream, this.table);
    this.table.add(session, { pendingBytes: 0 });
    return session;
  }
}

/** A connection whose bytes move when they are told to. */
class Wire {
  readonly near: LinkSession;
  readonly far: LinkSession;
  readonly #toFar: Uint8Array[] = [];
  readonly #toNear: Uint8Array[] = [];

  constructor(caller: Member, called: Member) {
    this.near = caller.session("initiator", this.#toFar);
    this.far = called.session("acceptor", this.#toNear);
    this.near.start();
  }

  /** All that was written for the one who was called arrives. */
  there(): void {
    for (const bytes of this.#toFar.splice(0)) this.far.receive(bytes);
  }

  back(): void {
    for (const bytes of this.#toNear.splice(0)) this.near.receive(bytes);
  }

  say(number: number): void {
    this.near.add(new Uint8Array([number]));
    this.near.flush();
  }
}

test("links: an earlier call whose proof comes late is no link, and nothing said on it is heard", () => {
  const a = new Member(1);
  const b = new Member(2);
  const first = new Wire(a, b);
  first.there();
  first.back();
  first.say(1);
  // The caller gives the first one up and calls again; what it said on the first is still on its way.
  const second = new Wire(a, b);
  second.there();
  second.back();
  second.say(2);
  second.there();
  first.there();
  second.say(3);
  second.there();
  assertEquals(b.told, ["up m1", "message 2", "message 3"]);
  assertEquals(a.told, ["up m2", "down m2: replaced", "up m2"]);
  assertEquals([first.far.isOpen, second.far.isOpen], [false, true]);
});

test("links: of two members who call each other at once both keep the call of the smaller one", () => {
  for (const order of ["smaller first", "larger first"]) {
    const a = new Member(1);
    const b = new Member(2);
    const ofA = new Wire(a, b);
    const ofB = new Wire(b, a);
    const wires = order === "smaller first" ? [ofA, ofB] : [ofB, ofA];
    for (const wire of wires) {
      wire.there();
      wire.back();
    }
    for (const wire of wires) wire.there();
    assertEquals([ofA.near.isOpen, ofA.far.isOpen], [true, true], order);
    assertEquals([ofB.near.isOpen, ofB.far.isOpen], [false, false], order);
    assertEquals([a.told.at(-1), b.told.at(-1)], ["up m2", "up m1"], order);
  }
});
