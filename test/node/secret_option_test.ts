/** The secret of a cluster, given by whoever opens its nodes. */
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { test } from "#test";
import { CohortError, type Node, openNode } from "@cohort/db";
import { createLoopbackHub } from "../../adapters/interconnect_loopback.ts";
import { settingsOf } from "../../src/node/options.ts";

const SECRET = "a secret of more than sixteen bytes";

test("secret: whoever gives the same is a member, whoever gives another or none is refused", async () => {
  const pij = mkdtempSync(`${tmpdir()}/cohort-secret-`);
  const open = (secret?: string | Uint8Array): Promise<Node> =>
    openNode({ pij, poolBytes: 4 << 20, ...(secret === undefined ? {} : { secret }) });
  try {
    await using alpha = await open(SECRET);
    await alpha.join();
    assertEquals(readdirSync(pij).filter((it) => it.startsWith("secret")), [], "none is written down");
    await using beta = await open(new TextEncoder().encode(SECRET));
    await beta.join();
    assertEquals(alpha.status.cluster!.members.length, 2);
    for (const other of [`${SECRET}.`, undefined]) {
      await using stranger = await open(other);
      assertEquals((await assertRejects(() => stranger.join(), CohortError)).code, "PEER_REFUSED");
    }
  } finally {
    rmSync(pij, { recursive: true, force: true });
  }
});

test("interconnect: is made anew for each membership, so it is a function", async () => {
  const interconnect = createLoopbackHub().interconnect();
  const opened = openNode({ pij: "/p" }, { interconnect: interconnect as never });
  await assertRejects(() => opened, TypeError, "interconnect is a function, got object");
});

test("secret: what cannot be one is refused at the door, and not told", () => {
  for (const bad of ["short", new Uint8Array(15), "x".repeat(4097)]) {
    assertThrows(() => settingsOf({ pij: "/p", secret: bad }), RangeError, "secret has 16 to 4096 bytes");
  }
  for (const bad of [7, null, {}]) {
    assertThrows(() => settingsOf({ pij: "/p", secret: bad as never }), TypeError, "secret is a text");
  }
  assertThrows(() => settingsOf({ secret: SECRET }), TypeError, "give pij too");
});
