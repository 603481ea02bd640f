/** What strangers at the socket of a member get: nothing, and not for long. */
import { createConnection, type Socket } from "node:net";
import { test } from "#test";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { CohortError } from "@cohort/db";
import { parseAddress } from "../../adapters/common/socket_address.ts";
import { createSocketInterconnect } from "../../adapters/interconnect_socket.ts";
import type { Interconnect, InterconnectSelf } from "../../src/ports/interconnect.ts";

const GREETING_MS = 400;

interface Member {
  readonly links: Interconnect;
  readonly address: string;
  readonly told: string[];
}

async function memberOf(number: number): Promise<Member> {
  const links = createSocketInterconnect({ greetingMs: GREETING_MS });
  const told: string[] = [];
  const self: InterconnectSelf = {
    cluster: "c".repeat(32),
    name: `m${number}`,
    incarnation: String(number).repeat(32),
    epoch: 0,
    secret: new TextEncoder().encode("0123456789abcdef"),
    versions: { least: 1, most: 1 },
  };
  const address = await links.open(self, {
    message: () => void told.push("message"),
    up: ({ name }) => void told.push(`up ${name}`),
    down: ({ name }) => void told.push(`down ${name}`),
  });
  return { links, address, told };
}

/** A connection of a stranger: what it got until it was ended, and after how many milliseconds. */
class Stranger {
  readonly ended: Promise<number>;
  readonly socket: Socket;
  received = 0;

  constructor(address: string, bytes?: Uint8Array) {
    const to = parseAddress(address) as { host: string; port: number };
    const began = performance.now();
    this.socket = createConnection(to.port, to.host);
    this.socket.on("error", () => {});
    this.socket.on("data", ({ length }: Uint8Array) => {
      this.received += length;
    });
    this.ended = new Promise((resolve) =>
      this.socket.once("close", () => resolve(performance.now() - began))
    );
    if (bytes !== undefined) this.socket.once("connect", () => this.socket.write(bytes));
  }
}

test("socket: who says nothing, or too slowly, is ended in time and told nothing", async () => {
  const a = await memberOf(1);
  try {
    const silent = new Stranger(a.address);
    const slow = new Stranger(a.address, new TextEncoder().encode("CIH1"));
    const drip = setInterval(() => slow.socket.write("x"), 50);
    const [silentMs] = await Promise.all([silent.ended, slow.ended]);
    clearInterval(drip);
    assert(silentMs >= GREETING_MS - 50 && silentMs < 10 * GREETING_MS, `${silentMs} ms`);
    assertEquals([silent.received, a.told], [0, []]);
  } finally {
    await a.links.close();
  }
});

test("socket: garbage is answered by a refusal of 8 bytes at once", async () => {
  const a = await memberOf(1);
  try {
    for (
      const bytes of [
        new TextEncoder().encode("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        new Uint8Array(100_000),
        new Uint8Array(100_000).fill(0x81),
      ]
    ) {
      const stranger = new Stranger(a.address, bytes);
      const tookMs = await stranger.ended;
      assert(tookMs < GREETING_MS, `${tookMs} ms`);
      assert(stranger.received <= 8, `${stranger.received} bytes`);
    }
    assertEquals(a.told, []);
  } finally {
    await a.links.close();
  }
});

test("socket: 64 strangers at once keep nobody out for longer than their time", async () => {
  const a = await memberOf(1);
  const b = await memberOf(2);
  try {
    const strangers = Array.from({ length: 64 }, () => new Stranger(a.address));
    await Promise.all(
      strangers.map(({ socket }) => new Promise((resolve) => socket.once("connect", resolve))),
    );
    const busy = await assertRejects(() => Promise.resolve(b.links.connect(a.address)), CohortError);
    assertEquals([busy.code, busy.facts["reason"], busy.retryable], ["UNREACHABLE", "busy", true]);
    await Promise.all(strangers.map(({ ended }) => ended));
    assertEquals((await b.links.connect(a.address)).name, "m1");
    assertEquals(b.told, ["up m1"]);
  } finally {
    await a.links.close();
    await b.links.close();
  }
});

test("socket: a member whose other end is cut off hears of it at once", async () => {
  const a = await memberOf(1);
  const b = await memberOf(2);
  await b.links.connect(a.address);
  const began = performance.now();
  await a.links.close();
  while (b.told.length < 2) await new Promise((resolve) => setTimeout(resolve, 1));
  assertEquals(b.told, ["up m1", "down m1"]);
  assert(performance.now() - began < 1_000);
  await b.links.close();
});
