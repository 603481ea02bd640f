/** Links: what comes over a stream, before both ends are proven and after. */
import { ENVELOPE_BYTES_MAX } from "../../../adapters/common/link_envelope.ts";
import { GREETING_BYTES_MAX } from "../../../adapters/common/link_hello.ts";
import type { LinkRole } from "../../../adapters/common/link_proof.ts";
import { LinkSession } from "../../../adapters/common/link_session.ts";
import { putU32 } from "../../../src/ground/bytes.ts";
import type { InterconnectSelf } from "../../../src/ports/interconnect.ts";
import type { Prng } from "../../support/prng.ts";
import type { Outcome, Target } from "../fuzz.ts";
import { find, sameBytes } from "../judge.ts";
import { concat, damageByte, garbage, mutate } from "../mutate.ts";

const SECRET = new TextEncoder().encode("0123456789abcdef");
const NONCE_BYTES = 32;
/** Bytes that an end may have said before it knows who is there: hello, proof, refusal. */
const SAID_MAX = 2 * GREETING_BYTES_MAX;

function selfOf(role: LinkRole): InterconnectSelf {
  return {
    cluster: "c".repeat(32),
    name: role,
    incarnation: (role === "initiator" ? "1" : "2").repeat(32),
    epoch: 5,
    secret: SECRET,
    versions: { least: 1, most: 1 },
  };
}

/** One end, with all that it wrote and told. */
class End {
  readonly session: LinkSession;
  written: Uint8Array[] = [];
  readonly messages: Uint8Array[] = [];
  isProven = false;
  isOver = false;

  constructor(role: LinkRole, nonce: Uint8Array) {
    const stream = { write: (bytes: Uint8Array) => void this.written.push(bytes.slice()), end: () => {} };
    this.session = new LinkSession(role, role === "initiator" ? 1 : 0, selfOf(role), nonce, stream, {
      proven: () => this.isProven = true,
      message: (_, bytes) => void this.messages.push(bytes.slice()),
      over: () => {
        if (this.isOver) find("a link ended twice");
        this.isOver = true;
      },
    });
    this.session.start();
  }

  take(): Uint8Array {
    return concat(...this.written.splice(0));
  }

  /** Takes bytes in some pieces. */
  receive(prng: Prng, bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      const to = prng.once(3) ? bytes.length : Math.min(bytes.length, at + prng.below(bytes.length + 1, 1));
      this.session.receive(bytes.slice(at, to));
      at = to;
    }
  }
}

function nonceOf(prng: Prng): Uint8Array {
  return prng.bytes(NONCE_BYTES);
}

/** Two ends that have proven themselves, and the bytes it took. */
function pair(a: End, b: End): readonly Uint8Array[] {
  const hello = a.take();
  b.session.receive(hello);
  const answer = b.take();
  a.session.receive(answer);
  const proof = a.take();
  b.session.receive(proof);
  return [hello, answer, proof];
}

const RECORDED = pair(
  new End("initiator", new Uint8Array(NONCE_BYTES).fill(1)),
  new End("acceptor", new Uint8Array(NONCE_BYTES).fill(2)),
);
const [HELLO, ANSWER, PROOF] = RECORDED as [Uint8Array, Uint8Array, Uint8Array];

/**
 * Whoever does not know the secret, and has heard another greeting of the same two: an end of fresh nonce
 * is proven by nothing of it, tells nobody of anything, and says no more than its own greeting.
 */
function stranger(role: LinkRole, prove?: (end: End) => void): (prng: Prng) => Outcome {
  const heard = role === "acceptor" ? [HELLO, concat(HELLO, PROOF), PROOF] : [ANSWER];
  return (prng) => {
    const end = new End(role, nonceOf(prng));
    const sample = prng.pick(heard);
    let bytes = prng.once(8) ? garbage(prng, 3 * GREETING_BYTES_MAX, sample.subarray(0, 9)) : sample;
    if (!prng.once(8)) bytes = mutate(prng, bytes, RECORDED);
    if (prove === undefined) end.receive(prng, bytes);
    else prove(end);
    if (end.isProven || end.session.peer !== undefined) find("a stranger was proven");
    if (end.messages.length > 0) find("a stranger was heard");
    if (end.session.add(new Uint8Array(1))) find("a stranger would be told something");
    const said = end.written.reduce((sum, { length }) => sum + length, 0);
    if (said > SAID_MAX) find(`a stranger was told ${said} bytes`);
    if (!end.isOver && bytes.length > 2 * GREETING_BYTES_MAX) find("a long greeting is waited for");
    return end.isOver ? "refused" : "read";
  };
}

/** What one end sent in envelopes, and where each of them ends. */
interface Sent {
  readonly bytes: Uint8Array;
  readonly messages: readonly Uint8Array[];
  /** By envelope: its end in the bytes, and how many messages came up to it. */
  readonly ends: ReadonlyArray<{ readonly at: number; readonly messages: number }>;
}

function sendSome(prng: Prng, from: End): Sent {
  const parts: Uint8Array[] = [], messages: Uint8Array[] = [];
  const ends: Array<{ at: number; messages: number }> = [];
  let at = 0;
  for (let envelopes = prng.below(4, 1); envelopes > 0; envelopes--) {
    for (let some = prng.below(4, 1); some > 0; some--) {
      const message = prng.bytes(prng.pick([0, 1, 40, 300, 8300]));
      if (!from.session.add(message)) find("an honest message was not taken");
      messages.push(message);
    }
    from.session.flush();
    const bytes = from.take();
    parts.push(bytes);
    at += bytes.length;
    ends.push({ at, messages: messages.length });
  }
  return { bytes: concat(...parts), messages, ends };
}

/** One way in which a stream goes wrong. */
function wrong(prng: Prng, { bytes, ends }: Sent): Uint8Array {
  const envelopes = ends.map(({ at }, i) => bytes.subarray(i === 0 ? 0 : ends[i - 1]!.at, at));
  switch (prng.below(6)) {
    case 0:
      return concat(...envelopes, prng.pick(envelopes));
    case 1:
      return concat(...envelopes.toReversed());
    case 2: {
      const copy = bytes.slice();
      const word = prng.pick([0, 1, 7, 0xffff, ENVELOPE_BYTES_MAX, ENVELOPE_BYTES_MAX + 1, 0xffff_ffff]);
      putU32(copy, 0, word);
      if (prng.once(2)) putU32(copy, 4, ~word >>> 0);
      return copy;
    }
    case 3:
    case 4: {
      const copy = bytes.slice();
      damageByte(prng, copy, 0, copy.length);
      return copy;
    }
    default:
      return mutate(prng, bytes, envelopes);
  }
}

/**
 * After the proof: no message is heard but those that were sent, in order, up to where something is wrong.
 */
function envelope(prng: Prng, betray?: (messages: Uint8Array[]) => void): Outcome {
  const a = new End("initiator", nonceOf(prng));
  const b = new End("acceptor", nonceOf(prng));
  pair(a, b);
  if (!a.isProven || !b.isProven) find("honest ends did not prove themselves");
  const [from, to] = prng.once(2) ? [a, b] : [b, a];
  const sent = sendSome(prng, from);
  const bytes = prng.once(10) ? sent.bytes : wrong(prng, sent);
  to.receive(prng, bytes);
  betray?.(to.messages);
  let same = 0;
  while (same < bytes.length && same < sent.bytes.length && bytes[same] === sent.bytes[same]) same++;
  const whole = sent.ends.findLast(({ at }) => at <= same)?.messages ?? 0;
  if (to.messages.length !== whole) find(`${to.messages.length} messages were heard of ${whole}`);
  if (!to.messages.every((it, i) => sameBytes(it, sent.messages[i]!))) find("a message is another");
  return to.isOver ? "detected" : "read";
}

/** The targets of this file. */
export const LINK_TARGETS: readonly Target[] = [
  { name: "greeting of one who calls", weight: 10, run: stranger("acceptor") },
  { name: "greeting of one who was called", weight: 10, run: stranger("initiator") },
  { name: "envelopes", weight: 6, run: (prng) => envelope(prng) },
];

/** Links that are not what they should be: each has to be found. */
export const PLANTED_LINKS: readonly Target[] = [
  {
    name: "proven without the secret",
    weight: 1,
    run: stranger("acceptor", (end) => pair(new End("initiator", new Uint8Array(NONCE_BYTES)), end)),
  },
  {
    name: "a message changed on its way",
    weight: 1,
    run: (prng) => envelope(prng, (heard) => heard[0]?.fill(0)),
  },
  {
    name: "a message heard twice",
    weight: 1,
    run: (prng) => envelope(prng, (heard) => heard.push(...heard.slice(0, 1))),
  },
];
