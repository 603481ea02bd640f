/** Promises of messages: whole, in order, once, to whom they are for, and bounded. */
import { expect, expectEqual, expectError, pattern } from "../expect.ts";
import type { InterconnectCheck } from "../interconnect_suite.ts";

/** Registers the tests of messages. */
export function messageTests(check: InterconnectCheck): void {
  wholeTests(check);
  orderTests(check);
  boundTests(check);
}

function wholeTests(check: InterconnectCheck): void {
  check("messages of every size arrive whole, from whom they are", async ({ member, soon, link }) => {
    const a = await member("a");
    const b = await member("b");
    await link(a, b);
    const most = a.links.traits.messageBytesMax;
    const sizes = [0, 1, 2, 3, 4, 5, 1000, 1004, 1020, 1024, 8192, 65_535, 65_536, 70_000, most - 1, most];
    for (const [i, size] of sizes.entries()) {
      expectEqual(a.links.send(b.self.incarnation, pattern(size, i)), true, `${size} bytes are taken`);
      await soon(() => b.heard.length === i + 1, `${size} bytes arrive`);
      const { from, bytes } = b.heard[i]!;
      expectEqual(from.name, "a", "sender");
      expectEqual(bytes, pattern(size, i), `${size} bytes`);
    }
  });

  check("the bytes of a message may be used again at once", async ({ member, soon, link }) => {
    const a = await member("a");
    const b = await member("b");
    await link(a, b);
    const bytes = new Uint8Array(100);
    for (let i = 0; i < 50; i++) {
      bytes.fill(i);
      a.links.send(b.self.incarnation, bytes);
    }
    bytes.fill(255);
    await soon(() => b.heard.length === 50, "all arrive");
    for (let i = 0; i < 50; i++) expectEqual(b.heard[i]!.bytes, new Uint8Array(100).fill(i), `message ${i}`);
  });

  check("broadcast reaches every linked peer, and nobody else", async ({ member, pass, soon, link }) => {
    const a = await member("a");
    const b = await member("b");
    const c = await member("c");
    const d = await member("d");
    expectEqual(a.links.broadcast(pattern(10, 1)), 0, "taken before any link");
    await link(a, b);
    await link(c, a);
    expectEqual(a.links.broadcast(pattern(10, 2)), 2, "taken");
    await soon(() => b.heard.length === 1 && c.heard.length === 1, "both hear it");
    await pass(10);
    expectEqual([...a.heard, ...d.heard], [], "heard by others");
    expectEqual(c.heard[0]!.bytes, pattern(10, 2), "bytes");
  });
}

function orderTests(check: InterconnectCheck): void {
  check(
    "messages of one sender arrive in order and once, however many",
    async ({ member, pass, soon, link }) => {
      const a = await member("a");
      const b = await member("b");
      const c = await member("c");
      await link(a, c);
      await link(b, c);
      const count = 2_000;
      const numbered = (number: number): Uint8Array => new Uint8Array(new Uint32Array([number]).buffer);
      const send = async (from: typeof a): Promise<void> => {
        for (let i = 0; i < count; i++) {
          expect(from.links.send(c.self.incarnation, numbered(i)), "taken");
          if (i % 37 === 0) await pass(0);
        }
      };
      await Promise.all([send(a), send(b)]);
      await soon(() => c.heard.length === 2 * count, "all arrive");
      for (const name of ["a", "b"]) {
        const numbers = c.heard.filter(({ from }) => from.name === name)
          .map(({ bytes }) => new DataView(bytes.buffer).getUint32(0, true));
        expectEqual(numbers.findIndex((number, i) => number !== i), -1, `first out of order of ${name}`);
        expectEqual(numbers.length, count, `messages of ${name}`);
      }
    },
  );

  check("a receiver may send, and end the link, from within a message", async ({ member, soon, link }) => {
    const a = await member("a");
    const b = await member("b");
    await link(a, b);
    b.onMessage = (from, bytes) => {
      if (bytes[0] === 9) b.links.disconnect(from.incarnation, "asked to");
      else b.links.send(from.incarnation, bytes);
    };
    for (let i = 0; i < 9; i++) a.links.send(b.self.incarnation, new Uint8Array([i]));
    await soon(() => a.heard.length === 9, "all are answered");
    expectEqual(a.heard.map(({ bytes }) => bytes[0]), [0, 1, 2, 3, 4, 5, 6, 7, 8], "answers");
    a.links.send(b.self.incarnation, new Uint8Array([9]));
    await soon(() => a.changes.includes("down b") && b.changes.includes("down a"), "both hear of the end");
  });
}

function boundTests(check: InterconnectCheck): void {
  check("a message that is too long is a RangeError, and the link stays", async ({ member, soon, link }) => {
    const a = await member("a");
    const b = await member("b");
    await link(a, b);
    const tooLong = new Uint8Array(a.links.traits.messageBytesMax + 1);
    await expectError(() => a.links.send(b.self.incarnation, tooLong), RangeError);
    await expectError(() => a.links.broadcast(tooLong), RangeError);
    a.links.send(b.self.incarnation, new Uint8Array([1]));
    await soon(() => b.heard.length === 1, "the link works");
  });

  check("what does not fit the queue is refused, what was taken arrives", async ({ member, soon, link }) => {
    const a = await member("a");
    const b = await member("b");
    await link(a, b);
    const { messageBytesMax, queueBytesMax } = a.links.traits;
    const most = Math.ceil(queueBytesMax / messageBytesMax) + 1;
    let taken = 0;
    while (taken <= most && a.links.send(b.self.incarnation, pattern(messageBytesMax, taken))) taken++;
    expect(taken >= 1 && taken <= most, `${taken} messages were taken in one turn`);
    await soon(() => b.heard.length === taken, "what was taken arrives");
    for (let i = 0; i < taken; i++) {
      expectEqual(b.heard[i]!.bytes, pattern(messageBytesMax, i), `message ${i}`);
    }
    expectEqual(a.links.send(b.self.incarnation, new Uint8Array(1)), true, "there is room again");
  });
}
