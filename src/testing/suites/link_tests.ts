/** Promises of links: who gets one, who does not, and that both ends hear of it. */
import { expectCode, expectEqual, expectError } from "../expect.ts";
import { incarnationOf, type InterconnectCheck } from "../interconnect_suite.ts";

/** Registers the tests of links. */
export function linkTests(check: InterconnectCheck): void {
  openingTests(check);
  refusalTests(check);
  endTests(check);
}

function openingTests(check: InterconnectCheck): void {
  check("traits are complete", async ({ member }) => {
    const { traits } = (await member("a")).links;
    expectEqual(traits.version, 1, "version");
    expectEqual(typeof traits.name, "string", "name");
    expectEqual(traits.ordered, true, "ordered");
    expectEqual(traits.messageBytesMax >= 65_536, true, "messages of 64 KiB");
    expectEqual(traits.queueBytesMax >= traits.messageBytesMax, true, "a queue for at least one message");
    expectEqual(["native", "repeated"].includes(traits.broadcast), true, "broadcast");
  });

  check(
    "connect answers who is there, and both ends hear of each other once",
    async ({ member, pass, soon }) => {
      const a = await member("a", { epoch: 7 });
      const b = await member("b \u00e9\u20ac", { epoch: 2 ** 48 - 1 });
      const peer = await a.links.connect(b.address);
      expectEqual(peer.name, "b \u00e9\u20ac", "name");
      expectEqual(peer.incarnation, b.self.incarnation, "incarnation");
      expectEqual(peer.epoch, 2 ** 48 - 1, "epoch");
      expectEqual(peer.version, 3, "version");
      await soon(() => b.changes.length > 0, "b hears of a");
      await pass(20);
      expectEqual(a.changes, ["up b \u00e9\u20ac"], "heard by a");
      expectEqual(b.changes, ["up a"], "heard by b");
    },
  );

  check("the highest version that both speak is used", async ({ member }) => {
    const a = await member("a", { versions: { least: 2, most: 9 } });
    const b = await member("b", { versions: { least: 1, most: 4 } });
    expectEqual((await a.links.connect(b.address)).version, 4, "version");
  });

  check(
    "connect to a peer that is linked already finds the link, or replaces it on both ends",
    async ({ member, pass, soon, link }) => {
      const a = await member("a");
      const b = await member("b");
      await link(a, b);
      for (const [from, to] of [[b, a], [a, b], [b, a]] as const) {
        expectEqual((await from.links.connect(to.address)).incarnation, to.self.incarnation, "the same peer");
        await pass(20);
      }
      expectEqual(a.links.send(b.self.incarnation, new Uint8Array(5)), true, "sent");
      await soon(() => b.heard.length === 1, "the message arrives");
      for (const { changes } of [a, b]) {
        const ups = changes.filter((it) => it.startsWith("up")).length;
        expectEqual(ups, changes.length - ups + 1, "one link is up");
      }
    },
  );

  check(
    "two members who call each other at once end with one link that works both ways",
    async ({ member, pass, soon }) => {
      for (let round = 0; round < 5; round++) {
        const a = await member(`a${round}`);
        const b = await member(`b${round}`);
        await Promise.all([a.links.connect(b.address), b.links.connect(a.address)]);
        await pass(30);
        expectEqual(a.links.send(b.self.incarnation, new Uint8Array([1])), true, "a sends");
        expectEqual(b.links.send(a.self.incarnation, new Uint8Array([2])), true, "b sends");
        await soon(() => a.heard.length === 1 && b.heard.length === 1, "both messages arrive");
      }
    },
  );
}

function refusalTests(check: InterconnectCheck): void {
  const other = new TextEncoder().encode("another secret, as long as this");
  const cases = [
    ["a foreign cluster", { cluster: "d0".repeat(16) }, "cluster"],
    ["another secret", { secret: other }, "secret"],
    ["a version that is too new", { versions: { least: 4, most: 4 } }, "version"],
    ["the same incarnation", { incarnation: incarnationOf(1) }, "self"],
  ] as const;
  for (const [name, change, reason] of cases) {
    check(`${name} is refused by either end, and nobody hears of a link`, async ({ member, pass }) => {
      const a = await member("a");
      const stranger = await member("stranger", change);
      for (const [from, to] of [[stranger, a], [a, stranger]] as const) {
        const error = await expectCode(() => from.links.connect(to.address), "PEER_REFUSED");
        expectEqual(error.facts["reason"], reason, "reason");
      }
      await pass(20);
      expectEqual([...a.changes, ...stranger.changes], [], "changes");
      expectEqual(a.links.send(stranger.self.incarnation, new Uint8Array(1)), false, "sent");
    });
  }

  check("connect to nobody is UNREACHABLE, to no address a TypeError", async ({ member, nowhere }) => {
    const a = await member("a");
    await expectCode(() => a.links.connect(nowhere), "UNREACHABLE");
    for (const text of ["", "nonsense", "tcp://", "tcp://127.0.0.1:0", "tcp://127.0.0.1:99999"]) {
      await expectError(() => a.links.connect(text), TypeError);
    }
  });

  check("open refuses what is no member, and a second time", async ({ member }) => {
    const a = await member("a");
    await expectError(() => a.links.open(a.self, a), TypeError);
    await expectError(() => member("bad", { incarnation: "xyz" }), TypeError);
    await expectError(() => member("bad", { cluster: "" }), TypeError);
    await expectError(() => member(""), RangeError);
    await expectError(() => member("n".repeat(256)), RangeError);
    await expectError(() => member("bad", { secret: new Uint8Array(15) }), RangeError);
    await expectError(() => member("bad", { epoch: -1 }), RangeError);
    await expectError(() => member("bad", { versions: { least: 2, most: 1 } }), RangeError);
  });
}

function endTests(check: InterconnectCheck): void {
  check(
    "disconnect ends a link for both ends, and it may be opened again",
    async ({ member, soon, link }) => {
      const a = await member("a");
      const b = await member("b");
      for (let round = 1; round <= 3; round++) {
        await link(a, b);
        a.links.disconnect(b.self.incarnation, "enough");
        await soon(
          () => a.changes.length === 2 * round && b.changes.length === 2 * round,
          "both hear of the end",
        );
        expectEqual(a.links.send(b.self.incarnation, new Uint8Array(1)), false, "sent by a");
        expectEqual(b.links.send(a.self.incarnation, new Uint8Array(1)), false, "sent by b");
      }
      expectEqual(a.reasons, ["enough", "enough", "enough"], "reasons");
      a.links.disconnect(incarnationOf(99), "nobody");
    },
  );

  check(
    "close ends all links; the others hear of it, and no use follows: CLOSED",
    async ({ member, soon, link }) => {
      const a = await member("a");
      const b = await member("b");
      const c = await member("c");
      await link(a, b);
      await link(c, a);
      await a.links.close();
      await soon(() => b.changes.includes("down a") && c.changes.includes("down a"), "the others hear of it");
      await expectCode(() => a.links.close(), "CLOSED");
      await expectCode(() => a.links.connect(b.address), "CLOSED");
      await expectCode(() => a.links.send(b.self.incarnation, new Uint8Array(1)), "CLOSED");
      await expectCode(() => a.links.broadcast(new Uint8Array(1)), "CLOSED");
      await expectCode(() => b.links.connect(a.address), "UNREACHABLE");
    },
  );

  check("close while others call leaves nobody waiting", async ({ member }) => {
    const a = await member("a");
    const b = await member("b");
    const calls = [a.links.connect(b.address), a.links.connect(b.address)].map((call) =>
      Promise.resolve(call).then(() => "linked", (error) => (error as { code: string }).code)
    );
    await b.links.close();
    for (const end of await Promise.all(calls)) {
      expectEqual(["linked", "UNREACHABLE", "PEER_REFUSED"].includes(end), true, `${end} is an end`);
    }
  });
}
