import { assertEquals } from "@std/assert";
import { test } from "#test";
import { Channel, type ChannelLimits } from "../../src/cluster/channel.ts";
import { KIND_NOTICE, makePacket, PACKET_HEADER_BYTES } from "../../src/cluster/packet.ts";
import { Prng } from "../support/prng.ts";

const LIMITS: ChannelLimits = { flightBytes: 10 * PACKET_HEADER_BYTES, served: 8 };

function push(channel: Channel, bodyBytes = 0, after = 0): number {
  return channel.push(makePacket(KIND_NOTICE, 0, 0, new Uint8Array(bodyBytes)), after);
}

/** Hands over all that may go; answers the numbers. */
function handOver(channel: Channel): number[] {
  const numbers: number[] = [];
  for (let item = channel.next(); item !== undefined; item = channel.next()) {
    numbers.push(item.number);
    channel.handed();
  }
  return numbers;
}

test("Channel: goes on as credit and flight allow, and from the first unknown again", () => {
  const channel = new Channel(LIMITS);
  for (let i = 0; i < 12; i++) push(channel);
  assertEquals(handOver(channel), [1, 2, 3, 4, 5, 6, 7, 8], "the credit at first");
  assertEquals(channel.heard(3, 20), "news");
  assertEquals(handOver(channel), [9, 10, 11, 12]);
  assertEquals([channel.again(), channel.isInFlight], [true, false]);
  assertEquals(handOver(channel), [4, 5, 6, 7, 8, 9, 10, 11, 12]);
  assertEquals(channel.heard(12, 20), "news");
  assertEquals([channel.keptBytes, channel.isInFlight, channel.again()], [0, false, false]);
});

test("Channel: one message larger than the flight may go alone", () => {
  const channel = new Channel(LIMITS);
  push(channel, 10_000);
  push(channel);
  assertEquals(handOver(channel), [1]);
  assertEquals(channel.heard(1, 9), "news");
  assertEquals(handOver(channel), [2]);
});

test("Channel: an acknowledgement that comes late, or of what was never sent", () => {
  const channel = new Channel(LIMITS);
  for (let i = 0; i < 4; i++) push(channel);
  handOver(channel);
  channel.again();
  assertEquals(channel.heard(2, 10), "news", "all is to go again, two have arrived");
  assertEquals(handOver(channel), [3, 4]);
  assertEquals([channel.heard(2, 10), channel.heard(1, 9)], ["nothing", "nothing"]);
  assertEquals([channel.heard(5, 13), channel.heard(4, 3)], ["absurd", "absurd"]);
});

test("Channel: takes each number once and in order", () => {
  const channel = new Channel(LIMITS);
  assertEquals([1, 1, 3, 2, 3].map((it) => channel.take(it)), [
    "deliver",
    "known",
    "gap",
    "deliver",
    "deliver",
  ]);
  assertEquals(channel.arrived, 3);
});

test("Channel: gives no credit for what is in service, and says when it has some again", () => {
  const channel = new Channel(LIMITS);
  for (let number = 1; number <= 8; number++) {
    assertEquals(channel.take(number), "deliver");
    channel.serving++;
  }
  assertEquals([channel.creditToGive, channel.owesCredit], [8, false]);
  channel.told(8);
  channel.serving--;
  assertEquals(
    [channel.creditToGive, channel.owesCredit],
    [9, true],
    "who has none left waits for the first",
  );
  channel.told(9);
  channel.serving--;
  assertEquals(channel.owesCredit, false, "one more is not worth a packet");
  channel.serving--;
  assertEquals([channel.creditToGive, channel.owesCredit], [11, true]);
  channel.told(11);
  assertEquals(channel.owesCredit, false);
});

test("Channel: two ends over a link that loses runs of packets, whatever the order of events", () => {
  for (let seed = 1; seed <= 50; seed++) {
    const chance = new Prng(seed);
    const limits = { flightBytes: (1 + chance.below(6)) * PACKET_HEADER_BYTES, served: 1 + chance.below(5) };
    const [near, far] = [new Channel(limits), new Channel(limits)];
    const total = 200;
    let got = 0, pushed = 0;
    let link: number[] = [];
    for (let turn = 0; got < total && turn < 100_000; turn++) {
      if (pushed < total && chance.below(3) === 0) pushed = push(near);
      switch (chance.below(5)) {
        case 0:
          link.push(...handOver(near));
          break;
        case 1: {
          const number = link.shift();
          if (number === undefined || far.take(number) !== "deliver") break;
          assertEquals(number, ++got);
          far.serving++;
          break;
        }
        case 2:
          if (far.serving > 0) far.serving--;
          break;
        case 3:
          near.heard(far.arrived, far.creditToGive);
          break;
        default:
          if (chance.below(10) > 0) break;
          link = link.slice(0, chance.below(link.length + 1));
          near.again();
      }
    }
    assertEquals(got, total, `seed ${seed}`);
  }
});
