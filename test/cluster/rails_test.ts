/** Rails: what they do when one of the two fails. */
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "#test";
import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { CohortError, type Facts, type Interconnect, type Rails, rails } from "@cohort/db";
import { createLoopbackHub } from "../../adapters/interconnect_loopback.ts";
import { createSocketInterconnect } from "../../adapters/interconnect_socket.ts";
import { Cable } from "./cable.ts";

interface Event {
  readonly name: string;
  readonly facts: Facts;
}

/** A member over two cables, or one. */
class Member {
  readonly links: Rails;
  readonly name: string;
  readonly incarnation: string;
  readonly events: Event[] = [];
  readonly changes: string[] = [];
  readonly heard: number[] = [];
  readonly up: Set<string> = new Set<string>();
  address = "";

  constructor(cluster: Cluster, number: number, isSingle: boolean) {
    this.name = `m${number}`;
    this.incarnation = String(number).repeat(32);
    const [first, second] = cluster.cables;
    const make = (cable: Cable): Interconnect => cable.wrap(this.incarnation, cluster.raw());
    this.links = rails(make(first), isSingle ? undefined : make(second), {
      probeMs: cluster.probeMs,
      observer: {
        traits: { version: 1 },
        event: (name, _, facts) => void this.events.push({ name, facts }),
        measure: () => {},
      },
    });
  }

  async open(): Promise<void> {
    this.address = await this.links.open({
      cluster: "c".repeat(32),
      name: this.name,
      incarnation: this.incarnation,
      epoch: 0,
      secret: new TextEncoder().encode("0123456789abcdef"),
      versions: { least: 1, most: 1 },
    }, {
      up: ({ name, incarnation }) => {
        assert(!this.up.has(incarnation), `${this.name} hears twice that ${name} is up`);
        this.up.add(incarnation);
        this.changes.push(`up ${name}`);
      },
      down: ({ name, incarnation }) => {
        assert(this.up.delete(incarnation), `${this.name}: ${name} was not up`);
        this.changes.push(`down ${name}`);
      },
      message: (_, bytes) => void this.heard.push(new DataView(bytes.buffer, bytes.byteOffset).getUint32(0)),
    });
  }

  send(to: Member, number: number): boolean {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, number);
    return this.links.send(to.incarnation, bytes);
  }

  named(name: string): Event[] {
    return this.events.filter((it) => it.name === name);
  }
}

/** Members that are all linked, and their cables. */
class Cluster {
  readonly cables: readonly [Cable, Cable] = [new Cable(), new Cable()];
  readonly members: Member[] = [];
  readonly raw: () => Interconnect;
  probeMs = 10;
  #lives = 0;

  constructor(raw: () => Interconnect) {
    this.raw = raw;
  }

  async join(isSingle = false): Promise<Member> {
    const member = new Member(this, ++this.#lives, isSingle);
    await member.open();
    for (const other of this.members) await member.links.connect(other.address);
    this.members.push(member);
    return member;
  }

  /** Every member is linked to every other one, and has nothing against a switch. */
  async settled(): Promise<void> {
    await until(
      "all are linked by both rails",
      () =>
        this.members.every(({ up, links }) =>
          up.size === this.members.length - 1 && links.status.lacking === undefined
        ),
    );
  }

  get active(): number[] {
    return this.members.map(({ links }) => links.status.active);
  }
}

async function until(what: string, condition: () => boolean): Promise<void> {
  const from = performance.now();
  while (!condition()) {
    if (performance.now() - from > 10_000) throw new Error(`${what} did not come about in 10 s`);
    await sleep(2);
  }
}

/** The same over loopback and over sockets. */
function railsTest(name: string, body: (cluster: Cluster) => Promise<void>): void {
  const hub = createLoopbackHub();
  for (
    const [over, raw] of [
      ["loopback", () => hub.interconnect()],
      ["sockets", () => createSocketInterconnect()],
    ] as const
  ) {
    test(`rails over ${over}: ${name}`, async () => {
      const cluster = new Cluster(raw);
      try {
        await body(cluster);
      } finally {
        for (const { links } of cluster.members) await links.close();
      }
    });
  }
}

/** Three members, linked by both rails. */
async function three(cluster: Cluster): Promise<[Member, Member, Member]> {
  const all: [Member, Member, Member] = [await cluster.join(), await cluster.join(), await cluster.join()];
  await cluster.settled();
  return all;
}

railsTest("when the primary falls silent all members go over to the secondary", async (cluster) => {
  const [a, b, c] = await three(cluster);
  assertEquals([a.send(b, 1), a.links.broadcast(new Uint8Array(4))], [true, 2]);
  await until("messages arrive", () => b.heard.length === 2 && c.heard.length === 1);
  cluster.cables[0].isCut = true;
  await until("all have switched", () => cluster.active.every((it) => it === 1));
  await until("all are up again", () => cluster.members.every(({ up }) => up.size === 2));
  for (const member of cluster.members) {
    const [switched, ...more] = member.named("rail.switched");
    assertEquals(more, []);
    assertEquals([switched!.facts["from"], switched!.facts["rail"], switched!.facts["generation"]], [
      0,
      1,
      1,
    ]);
    assertEquals(member.links.status.errors[1], 0);
    const others = cluster.members.filter((it) => it !== member).map((it) => it.name);
    for (const other of others) {
      assertEquals(
        member.changes.filter((it) => it.endsWith(other)),
        ["up", "down", "up"].map((it) => `${it} ${other}`),
      );
    }
  }
  const causes = cluster.members.map((it) => String(it.named("rail.switched")[0]!.facts["cause"]));
  assert(causes.some((it) => it === "more than 10 errors within a minute"), causes.join("; "));
  assert(b.send(c, 7) && c.send(a, 8));
  await until("messages arrive", () => c.heard.includes(7) && a.heard.includes(8));
});

railsTest("ten broken links are borne, the eleventh is not", async (cluster) => {
  // Long enough for a link to be there again before it is missed: no error is one of silence.
  cluster.probeMs = 50;
  const [a, b] = [await cluster.join(), await cluster.join()];
  await cluster.settled();
  for (let i = 1; i <= 11; i++) {
    cluster.cables[0].snap(a.incarnation, b.incarnation);
    await until("both have counted it", () => [a, b].every(({ links }) => links.status.errors[0] >= i));
    if (i === 11) break;
    await until("it is linked again", () => a.up.size === 1 && b.up.size === 1);
    assertEquals(cluster.active, [0, 0]);
    assertEquals(a.links.status.errors[0], i, "no other error");
  }
  await until("both have switched", () => cluster.active.every((it) => it === 1));
  await until("it is linked again", () => a.up.size === 1 && b.up.size === 1);
  assertEquals(a.named("rail.error").length, 11);
  assertEquals(a.named("rail.no_secondary"), []);
});

railsTest("with a member that has one rail there is no switch, and it is said once", async (cluster) => {
  const [a, b] = [await cluster.join(), await cluster.join()];
  const single = await cluster.join(true);
  await until("all are linked", () => cluster.members.every(({ up }) => up.size === 2));
  for (let i = 1; i <= 13; i++) {
    cluster.cables[0].snap(a.incarnation, b.incarnation);
    await until("both have counted it", () => [a, b].every(({ links }) => links.status.errors[0] >= i));
    await until("it is linked again", () => a.up.size === 2 && b.up.size === 2);
  }
  assertEquals(cluster.active, [0, 0, 0]);
  for (
    const { named } of [{ named: a.named("rail.no_secondary") }, { named: b.named("rail.no_secondary") }]
  ) {
    assertEquals(named.length, 1);
    assertEquals([named[0]!.facts["code"], named[0]!.facts["lacking"]], [
      "RAIL_NO_SECONDARY",
      `${single.name} has one rail`,
    ]);
  }
  const error = assertThrows(() => a.links.switchOver("maintenance"), CohortError);
  assertEquals([error.code, error.retryable], ["RAIL_NO_SECONDARY", true]);
});

railsTest("a secondary that one pair of members lacks keeps all on the primary", async (cluster) => {
  const [a, b, c] = await three(cluster);
  cluster.cables[1].part(b.incarnation, c.incarnation);
  await until("a hears of it", () => a.links.status.lacking !== undefined);
  assertThrows(() => a.links.switchOver("maintenance"), CohortError);
  for (let i = 1; i <= 12; i++) {
    cluster.cables[0].snap(a.incarnation, b.incarnation);
    await until("it is counted", () => a.links.status.errors[0] >= i);
    await until("it is linked again", () => a.up.size === 2 && b.up.size === 2);
  }
  assertEquals(cluster.active, [0, 0, 0]);
  assert(a.named("rail.no_secondary").length === 1);
  // Once the pair has it again, the errors of the last minute decide.
  cluster.cables[1].mend();
  await until("all have switched", () => cluster.active.every((it) => it === 1));
});

railsTest("there is no way back until the first rail is repaired and answers", async (cluster) => {
  const [a, b, c] = await three(cluster);
  cluster.cables[0].isCut = true;
  await until("all have switched", () => cluster.active.every((it) => it === 1));
  // A second storm, over a first rail that answers again but that nobody has declared repaired.
  cluster.cables[0].mend();
  await until("all are up", () => cluster.members.every(({ up }) => up.size === 2));
  cluster.cables[1].isCut = true;
  await until("it is refused", () => a.named("rail.no_secondary").length > 0);
  await sleep(100);
  assertEquals(cluster.active, [1, 1, 1]);
  assertEquals(a.named("rail.no_secondary")[0]!.facts["lacking"], "rail 0 was left and is not repaired");
  cluster.cables[1].mend();
  // Said while it does not answer, it is used once it does.
  cluster.cables[0].isCut = true;
  await sleep(60);
  b.links.repaired();
  b.links.repaired();
  await sleep(60);
  assertEquals(cluster.active, [1, 1, 1]);
  cluster.cables[0].mend();
  cluster.cables[1].isCut = true;
  await until("all are back", () => cluster.active.every((it) => it === 0));
  await until("all are up", () => cluster.members.every(({ up }) => up.size === 2));
  assertEquals([a, b, c].map((it) => it.named("rail.repaired").length), [1, 1, 1]);
  assertEquals(b.named("rail.repaired")[0]!.facts["by"], b.name);
  assertEquals([a, b, c].map(({ links }) => links.status.generation), [2, 2, 2]);
});

railsTest("a person may switch; a newcomer finds the rail in use", async (cluster) => {
  const [a, b] = await three(cluster);
  a.links.switchOver("maintenance of the first switch");
  await until("all have switched", () => cluster.active.every((it) => it === 1));
  assertEquals(a.named("rail.switched")[0]!.facts["cause"], "maintenance of the first switch");
  assertMatch(String(b.named("rail.switched")[0]!.facts["cause"]), /^m[13] has switched$/);
  cluster.cables[0].isCut = true;
  const d = await cluster.join();
  assertEquals([d.links.status.active, d.up.size], [1, 3]);
  assert(d.send(b, 5));
  await until("its message arrives", () => b.heard.includes(5));
  // Who has the first rail alone is no use to them, though it answers.
  cluster.cables[0].mend();
  const single = new Member(cluster, 9, true);
  await single.open();
  const error = await assertRejects(() => Promise.resolve(single.links.connect(a.address)), CohortError);
  assertEquals([error.code, error.facts["reason"]], ["UNREACHABLE", "not over the rail in use"]);
  assertEquals(single.changes, []);
  await single.links.close();
});

railsTest("a member that stands still or ends is no rail's error", async (cluster) => {
  const [a, b, c] = await three(cluster);
  // Silent on both.
  for (const cable of cluster.cables) cable.mute(c.incarnation);
  await sleep(300);
  for (const cable of cluster.cables) cable.mend();
  await sleep(50);
  assertEquals([a, b].flatMap(({ links }) => links.status.errors), [0, 0, 0, 0]);
  await c.links.close();
  cluster.members.pop();
  await until("the others hear of it", () => a.up.size === 1 && b.up.size === 1);
  // One that has one rail, and goes in good order.
  const single = await cluster.join(true);
  await until("it is linked", () => a.up.size === 2 && b.up.size === 2);
  a.links.disconnect(single.incarnation, "enough");
  await until("both hear of it", () => a.up.size === 1 && single.up.size === 1);
  await single.links.close();
  cluster.members.pop();
  await until("the others hear of it", () => b.up.size === 1);
  assertEquals(single.links.status.errors, [0, 0]);
  await sleep(50);
  assertEquals([a, b].flatMap(({ links }) => links.status.errors), [0, 0, 0, 0]);
  assertEquals(cluster.active, [0, 0]);
});

railsTest("a link that replaces another is no error", async (cluster) => {
  const [a, b] = [await cluster.join(), await cluster.join()];
  await cluster.settled();
  // b has called a; of two links the one stays that the smaller incarnation has opened.
  await a.links.connect(b.address);
  await until("b hears of it", () => b.changes.length === 3);
  await cluster.settled();
  await sleep(50);
  assertEquals(b.changes, ["up m1", "down m1", "up m1"]);
  assertEquals([a, b].flatMap(({ links }) => links.status.errors), [0, 0, 0, 0]);
  assert(a.send(b, 1) && b.send(a, 2));
  await until("messages arrive", () => a.heard.length === 1 && b.heard.length === 1);
});

railsTest("messages keep their order across switches, or are lost with a down", async (cluster) => {
  const [a, b] = await three(cluster);
  let sent = 0;
  let downs = 0;
  for (let turn = 0; turn < 6; turn++) {
    for (let i = 0; i < 40; i++) {
      for (let n = 0; n < 20; n++) if (a.send(b, sent + 1)) sent++;
      // What is late on a rail comes when the other one is in use.
      if (i % 10 === 5) cluster.cables[turn % 2]!.delayMs = 30;
      await sleep(1);
    }
    a.links.repaired();
    await cluster.settled();
    [a, b][turn % 2]!.links.switchOver("test");
    const { active } = a.links.status;
    await until("all have switched", () => cluster.active.every((it) => it !== active));
    for (const cable of cluster.cables) cable.delayMs = 0;
    downs++;
    await until("all are up", () => cluster.members.every(({ up }) => up.size === 2));
  }
  assert(a.send(b, sent + 1));
  await until("the last one arrives", () => b.heard.at(-1) === sent + 1);
  for (let i = 1; i < b.heard.length; i++) {
    assert(b.heard[i]! > b.heard[i - 1]!, `${b.heard[i]} after ${b.heard[i - 1]}`);
  }
  assert(b.heard.length > sent / 10, `${b.heard.length} of ${sent}`);
  const lost = b.heard.filter((it, i) => i > 0 && it !== b.heard[i - 1]! + 1).length;
  assert(lost >= 1 && lost <= downs, `${lost} gaps across ${downs} switches`);
  assertEquals(a.changes.filter((it) => it === `down ${b.name}`).length, downs);
  // What is still late.
  await sleep(60);
});

test("rails: an option that there is not, or no rail of the address, is a mistake", async () => {
  const hub = createLoopbackHub();
  assertThrows(() => rails(hub.interconnect(), undefined, { probe: 1 } as never), TypeError);
  assertThrows(() => rails(hub.interconnect(), undefined, { probeMs: 0 }), RangeError);
  const links = rails(hub.interconnect(), undefined);
  assertThrows(() => links.repaired(), TypeError);
  await links.close();
  assertThrows(() => links.repaired(), CohortError);
});
