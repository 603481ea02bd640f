/** Letters through slots: at most once, at last all, within the slot's bound, whatever is read when. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { test } from "#test";
import { LETTER_BYTES_MAX, SlotMail } from "../../src/cluster/slot_mail.ts";
import { SLOT_MESSAGE_BYTES_MAX } from "../../src/cluster/slot_record.ts";
import { Prng } from "../support/prng.ts";
import { life } from "./view_rig.ts";

const A = life("a"), B = life("b");

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

test("slot mail: a letter stays until it is taken, is taken once, and makes room for the next", () => {
  const a = new SlotMail(A), b = new SlotMail(B);
  assertEquals([a.outgoing().length, b.incoming(A, a.outgoing())], [0, undefined]);
  assert(a.post(B, bytesOf("one")));
  assertEquals(a.post(B, bytesOf("two")), false, "one is on its way");
  const slot = a.outgoing();
  assertEquals(b.incoming(A, slot), bytesOf("one"));
  assertEquals(b.incoming(A, slot), undefined, "read again");
  assertEquals(a.post(B, bytesOf("two")), false, "it does not know yet that it was taken");
  assertEquals(a.incoming(B, b.outgoing()), undefined);
  assert(a.post(B, bytesOf("two")));
  assertEquals(b.incoming(A, slot), undefined, "an older half of the slot");
  assertEquals(b.incoming(A, a.outgoing()), bytesOf("two"));
  a.incoming(B, b.outgoing());
  b.incoming(A, a.outgoing());
  assertEquals([a.outgoing().length, b.outgoing().length], [0, 0], "nothing is left to say");
  assertThrows(() => a.post(B, new Uint8Array(LETTER_BYTES_MAX + 1)), RangeError, `${LETTER_BYTES_MAX}`);
});

test("slot mail: who is forgotten begins anew, and what is no message says nothing", () => {
  const a = new SlotMail(A), b = new SlotMail(B);
  a.post(B, bytesOf("one"));
  a.keep(new Set());
  assertEquals(a.outgoing().length, 0);
  a.post(B, bytesOf("one"));
  const slot = a.outgoing();
  for (let end = 1; end < slot.length; end++) assertEquals(b.incoming(A, slot.subarray(0, end)), undefined);
  assertEquals(b.incoming(A, slot), bytesOf("one"));
});

test("slot mail: however late, often or torn slots are read, each letter arrives once and in order", () => {
  for (let seed = 1; seed <= 40; seed++) {
    const chance = new Prng(seed);
    const count = 2 + chance.below(11);
    const names = Array.from({ length: count }, (_, i) => life("m", i + 1));
    const mails = names.map((it) => new SlotMail(it));
    // The last two states of each slot: the older one is read now and then, as when the later is torn.
    const slots: Uint8Array[][] = names.map(() => [new Uint8Array(0), new Uint8Array(0)]);
    const sent = new Map<string, number>(), got = new Map<string, number>();
    const read = (reader: number, writer: number, isLate: boolean): void => {
      const letter = mails[reader]!.incoming(names[writer]!, slots[writer]![isLate ? 0 : 1]!);
      if (letter === undefined) return;
      const pair = `${writer}>${reader}`;
      assertEquals(
        Number(new TextDecoder().decode(letter)),
        (got.get(pair) ?? 0) + 1,
        `seed ${seed} ${pair}`,
      );
      got.set(pair, (got.get(pair) ?? 0) + 1);
    };
    const write = (writer: number): void => {
      const message = mails[writer]!.outgoing();
      assert(message.length <= SLOT_MESSAGE_BYTES_MAX, `${message.length} bytes`);
      slots[writer] = [slots[writer]![1]!, message];
    };
    for (let step = 0; step < 3_000; step++) {
      const one = chance.below(count), other = (one + 1 + chance.below(count - 1)) % count;
      const pair = `${one}>${other}`, next = (sent.get(pair) ?? 0) + 1;
      const letter = bytesOf(String(next).padStart(1 + chance.below(500), " "));
      if (chance.below(3) === 0 && mails[one]!.post(names[other]!, letter)) sent.set(pair, next);
      if (chance.below(2) === 0) write(one);
      read(one, other, chance.below(8) === 0);
    }
    for (let round = 0; round < 4 * count; round++) {
      for (let it = 0; it < count; it++) write(it);
      for (let a = 0; a < count; a++) for (let b = 0; b < count; b++) if (a !== b) read(a, b, false);
    }
    assertEquals([...got].sort(), [...sent].sort(), `seed ${seed}`);
    assert(sent.size > 0);
  }
});
