/** What a link makes of bytes that no honest end would send, and of honest ones in odd pieces. */
import { test } from "#test";
import { assert, assertEquals } from "@std/assert";
import { ENVELOPE_BYTES_MAX } from "../../adapters/common/link_envelope.ts";
import { GREETING_BYTES_MAX, helloOf, REFUSALS } from "../../adapters/common/link_hello.ts";
import type { LinkRole } from "../../adapters/common/link_proof.ts";
import { LinkSession } from "../../adapters/common/link_session.ts";
import type { InterconnectSelf } from "../../src/ports/interconnect.ts";
import { Prng } from "../support/prng.ts";

const SECRET = new TextEncoder().encode("0123456789abcdef");

function selfOf(role: LinkRole, change: Partial<InterconnectSelf> = {}): InterconnectSelf {
  const incarnation = (role === "initiator" ? "1" : "2").repeat(32);
  return {
    cluster: "c".repeat(32),
    name: role,
    incarnation,
    epoch: 5,
    secret: SECRET,
    versions: { least: 1, most: 1 },
    ...change,
  };
}

/** One end, with all that it wrote and told. */
class End {
  readonly session: LinkSession;
  readonly written: Uint8Array[] = [];
  readonly told: string[] = [];
  readonly messages: Uint8Array[] = [];
  isEnded = false;

  constructor(role: LinkRole, nonce: number, change: Partial<InterconnectSelf> = {}) {
    this.session = new LinkSession(
      role,
      role === "initiator" ? 1 : 0,
      selfOf(role, change),
      new Uint8Array(32).fill(nonce),
      {
        write: (bytes) => void this.written.push(bytes.slice()),
        end: () => {
          this.isEnded = true;
        },
      },
      {
        proven: ({ peer }) => this.told.push(`proven ${peer!.name}`),
        message: (_, bytes) => void this.messages.push(bytes.slice()),
        over: (_, reason, refusal) => this.told.push(`over ${refusal ?? reason}`),
      },
    );
    this.session.start();
  }

  /** All that it wrote since the last time. */
  take(): Uint8Array {
    return joined(this.written.splice(0));
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** Two ends that have proven themselves, and the bytes it took: hello, hello and proof, proof. */
function pair(): { a: End; b: End; greeting: readonly Uint8Array[] } {
  const a = new End("initiator", 1);
  const b = new End("acceptor", 2);
  const hello = a.take();
  b.session.receive(hello);
  const answer = b.take();
  a.session.receive(answer);
  const proof = a.take();
  b.session.receive(proof);
  assertEquals([...a.told, ...b.told], ["proven acceptor", "proven initiator"]);
  return { a, b, greeting: [hello, answer, proof] };
}

function envelope(from: End, ...messages: readonly Uint8Array[]): Uint8Array {
  for (const message of messages) assert(from.session.add(message));
  from.session.flush();
  return from.take();
}

test("link: a greeting and messages that come byte by byte are the same", () => {
  const a = new End("initiator", 1);
  const b = new End("acceptor", 2);
  const trickle = (to: End, bytes: Uint8Array): void => {
    for (const byte of bytes) to.session.receive(new Uint8Array([byte]));
  };
  trickle(b, a.take());
  trickle(a, b.take());
  trickle(b, a.take());
  const sent = [new Uint8Array(0), new Uint8Array([1]), new Uint8Array(300).fill(2)];
  trickle(b, joined([envelope(a, ...sent), envelope(a, new Uint8Array([3]))]));
  assertEquals(b.messages, [...sent, new Uint8Array([3])]);
});

test("link: messages right behind the last proof, in one piece with it, are heard", () => {
  const a = new End("initiator", 1);
  const b = new End("acceptor", 2);
  b.session.receive(a.take());
  a.session.receive(b.take());
  const proof = a.take();
  b.session.receive(joined([proof, envelope(a, new Uint8Array([7]))]));
  assertEquals(b.told, ["proven initiator"]);
  assertEquals(b.messages, [new Uint8Array([7])]);
});

test("link: one changed byte of a greeting proves nobody", () => {
  const { greeting: [hello, answer, proof] } = pair();
  for (let at = 0; at < hello!.length; at++) {
    const b = new End("acceptor", 2);
    b.session.receive(changed(hello!, at));
    // What was understood otherwise makes the proof of the other end a wrong one.
    b.session.receive(proof!);
    assertEquals(b.told.filter((it) => it.startsWith("proven")), [], `byte ${at} of the hello`);
  }
  for (let at = 0; at < answer!.length; at++) {
    const a = new End("initiator", 1);
    a.session.receive(changed(answer!, at));
    assertEquals(a.told.filter((it) => it.startsWith("proven")), [], `byte ${at} of the answer`);
  }
  for (let at = 0; at < proof!.length; at++) {
    const b = new End("acceptor", 2);
    b.session.receive(hello!);
    b.session.receive(changed(proof!, at));
    assertEquals(b.told.length, 1, `byte ${at} of the proof`);
    assert(b.told[0]!.startsWith("over") && b.isEnded);
  }
});

test("link: one changed byte of an envelope ends the link, and none of its messages is heard", () => {
  const sample = envelope(pair().a, new Uint8Array([1, 2, 3]), new Uint8Array(40).fill(9));
  for (let at = 0; at < sample.length; at++) {
    const { a, b } = pair();
    const bytes = envelope(a, new Uint8Array([1, 2, 3]), new Uint8Array(40).fill(9));
    b.session.receive(changed(bytes, at));
    // A length that has become longer waits for more: whatever comes, the code is wrong.
    b.session.receive(new Uint8Array(ENVELOPE_BYTES_MAX));
    b.session.receive(new Uint8Array(ENVELOPE_BYTES_MAX));
    assertEquals(b.messages, [], `byte ${at}`);
    assertEquals(b.told.length, 2, `byte ${at}`);
    assert(b.isEnded);
  }
});

test("link: envelopes sent again, left out, in another order, back, or of another link end the link", () => {
  const { a, b } = pair();
  const first = envelope(a, new Uint8Array([1]));
  const second = envelope(a, new Uint8Array([2]));
  b.session.receive(second);
  assertEquals([b.messages, b.isEnded], [[], true]);

  const again = pair();
  const one = envelope(again.a, new Uint8Array([1]));
  again.b.session.receive(one);
  again.b.session.receive(one);
  assertEquals([again.b.messages.length, again.b.isEnded], [1, true]);

  const mirror = pair();
  mirror.a.session.receive(envelope(mirror.a, new Uint8Array([1])));
  assertEquals([mirror.a.messages, mirror.a.isEnded], [[], true]);

  const other = new End("acceptor", 3);
  other.session.receive(new End("initiator", 1).take());
  other.session.receive(pair().greeting[2]!);
  assertEquals(other.told, ["over secret"]);
  other.session.receive(first);
  assertEquals(other.messages, []);
});

test("link: a hello sent back, twice, or a proof before it is refused", () => {
  const a = new End("initiator", 1);
  a.session.receive(a.take());
  assertEquals(a.told, ["over self"]);

  const { greeting: [hello, answer, proof] } = pair();
  const twice = new End("acceptor", 2);
  twice.session.receive(hello!);
  twice.session.receive(hello!);
  assertEquals(twice.told, ["over malformed"]);

  const early = new End("acceptor", 2);
  early.session.receive(proof!);
  assertEquals(early.told, ["over malformed"]);

  // The acceptor's own proof proves nothing about the other end.
  const reflected = new End("acceptor", 2);
  reflected.session.receive(hello!);
  reflected.session.receive(answer!.subarray(answer!.length - 36));
  assertEquals(reflected.told, ["over secret"]);
});

test("link: every refusal is heard by the other end by its name", () => {
  for (const refusal of REFUSALS) {
    const a = new End("initiator", 1);
    const b = new End("acceptor", 2);
    b.session.receive(a.take());
    b.take();
    b.session.refuse(refusal);
    a.session.receive(b.take());
    assertEquals([a.told, b.told], [[`over ${refusal}`], [`over ${refusal}`]]);
  }
});

test("link: garbage, and a greeting without an end, are refused within their bound", () => {
  const prng = new Prng(7);
  for (let round = 0; round < 2_000; round++) {
    const end = new End(round % 2 === 0 ? "acceptor" : "initiator", 1);
    end.take();
    for (let i = 0; i < 5 && !end.isEnded; i++) end.session.receive(prng.bytes(1 + prng.below(600)));
    assert(end.isEnded && end.messages.length === 0, `round ${round}`);
    assert(end.written.every(({ length }) => length <= GREETING_BYTES_MAX));
  }
  const slow = new End("acceptor", 1);
  const hello = helloOf(selfOf("initiator"), new Uint8Array(32), 1);
  slow.session.receive(hello.subarray(0, hello.length - 1));
  assertEquals(slow.told, []);
});

test("link: no length makes an end take memory before it is bounded", () => {
  for (const length of [ENVELOPE_BYTES_MAX + 1, 2 ** 31, 2 ** 32 - 1]) {
    const { a } = pair();
    const head = new Uint8Array(8);
    new DataView(head.buffer).setUint32(0, length, true);
    new DataView(head.buffer).setUint32(4, ~length, true);
    a.session.receive(head);
    assertEquals(a.told[1], `over an envelope of ${length} bytes is too long`);
  }
});

test("link: a damaged length ends it at once, and is not waited for", () => {
  for (let at = 0; at < 8; at++) {
    const { a, b } = pair();
    const sent = envelope(a, new Uint8Array([1]));
    b.session.receive(changed(sent.subarray(0, 8), at));
    assertEquals(b.told[1], "over the length of an envelope is damaged");
    assertEquals(b.messages, []);
  }
});

test("link: what a receiver ends in the middle of an envelope is not told on", () => {
  const a = new End("initiator", 1);
  const heard: number[] = [];
  const b: LinkSession = new LinkSession("acceptor", 0, selfOf("acceptor"), new Uint8Array(32).fill(2), {
    write: (bytes) => a.session.receive(bytes.slice()),
    end: () => {},
  }, {
    proven: () => {},
    message: (session, bytes) => {
      heard.push(bytes[0]!);
      if (bytes[0] === 2) session.end("enough");
    },
    over: () => {},
  });
  b.receive(a.take());
  b.receive(a.take());
  b.receive(envelope(a, new Uint8Array([1]), new Uint8Array([2]), new Uint8Array([3])));
  assertEquals(heard, [1, 2]);
});

function changed(bytes: Uint8Array, at: number): Uint8Array {
  const copy = bytes.slice();
  copy[at] = copy[at]! ^ 0x20;
  return copy;
}
