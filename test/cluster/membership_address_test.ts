/**
 * Addresses of members: where a node listens, and what a newcomer is told that does not find a member there.
 */
import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { test } from "#test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { CohortError, openNode } from "@cohort/db";
import { createSocketInterconnect } from "../../adapters/interconnect_socket.ts";
import { parseListenAddress } from "../../src/ground/listen_address.ts";
import { names, newest, play } from "./member_plays.ts";

test("address: as a person writes it", () => {
  const good: [string, unknown][] = [
    ["10.0.0.1", { host: "10.0.0.1", port: 0 }],
    ["db1.lan:4711", { host: "db1.lan", port: 4711 }],
    ["[::1]:4711", { host: "::1", port: 4711 }],
    ["[fe80::1]", { host: "fe80::1", port: 0 }],
    ["unix:/run/x.sock", { path: "/run/x.sock" }],
  ];
  for (const [text, address] of good) assertEquals(parseListenAddress(text), address, text);
  for (const text of ["", "::1", "a b", "a:", "a:b", "a:123456", "unix:", "unix:x", "tcp://a:1", 7, null]) {
    assertThrows(() => parseListenAddress(text), TypeError, "address is host");
  }
  for (const text of ["a:65536", "0.0.0.0", "[::]:80"]) {
    assertThrows(() => parseListenAddress(text), RangeError);
  }
});

test("address: nodes listen and are reached where they say", async () => {
  const pij = mkdtempSync(`${tmpdir()}/cohort-address-`);
  try {
    await using alpha = await openNode({ pij, name: "alpha", address: "127.0.0.2" });
    await using beta = await openNode({ pij, name: "beta", address: `unix:${pij}/beta.sock` });
    await alpha.join();
    await beta.join();
    const addresses = beta.status.cluster!.members.map((it) => it.address);
    assertMatch(addresses[0]!, /^tcp:\/\/127\.0\.0\.2:\d+$/);
    assertEquals(addresses[1], `unix:${pij}/beta.sock`);
    const port = Number(addresses[0]!.split(":").at(-1));
    await using gamma = await openNode({ pij, address: `127.0.0.2:${port}` });
    const error = await assertRejects(() => gamma.join(), CohortError, "Could not listen at");
    assertEquals(error.code, "UNREACHABLE");
  } finally {
    rmSync(pij, { recursive: true, force: true });
  }
});

test("address: is an option of a node of a cluster with sockets", async () => {
  await assertRejects(() => openNode({ address: "127.0.0.1" }), TypeError, "give pij too");
  await assertRejects(() => openNode({ pij: "/pij", address: "0.0.0.0" }), RangeError, "nobody can call");
  const world = { interconnect: () => createSocketInterconnect() };
  await assertRejects(
    () => openNode({ pij: "/pij", address: "a" }, world),
    TypeError,
    "give it to the inter",
  );
});

test("address: a newcomer is told which member it did not find", () =>
  play(async (world) => {
    const [, , third] = newest(world).members;
    const redirect = (address: string): string => address === third!.address ? "sim:nowhere" : address;
    const newcomer = world.newcomer(4, { joinMs: 3_000, redirect });
    const error = await assertRejects(() => newcomer.join(), CohortError, "Could not join within 3000 ms");
    assertEquals([error.code, error.facts["member"], error.facts["address"]], [
      "UNREACHABLE",
      "m3",
      third!.address,
    ]);
    assert(error.message.includes(`a link to m3 at ${third!.address}`), error.message);
    assertEquals(names(newest(world).members), "m1 m2 m3");
  }));

test("address: a newcomer is told who answers where a member should", () =>
  play(async (world) => {
    const [, second, third] = newest(world).members;
    const redirect = (address: string): string => address === third!.address ? second!.address : address;
    const newcomer = world.newcomer(4, { joinMs: 3_000, redirect });
    const error = await assertRejects(() => newcomer.join(), CohortError, "where m2 answers");
    assertEquals([error.code, error.facts["member"], error.facts["found"]], ["PEER_WRONG", "m3", "m2"]);
    assertEquals(names(newest(world).members), "m1 m2 m3");
  }));
