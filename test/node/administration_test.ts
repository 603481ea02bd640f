import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { test } from "#test";
import { CohortError, type Node, openNode } from "@cohort/db";
import { decodeAnswer, decodeQuestion, encodeAnswer, encodeQuestion } from "../../src/node/asking.ts";

/** Runs a play with three members. */
async function withThree(body: (pij: string, nodes: [Node, Node, Node]) => Promise<void>): Promise<void> {
  const pij = mkdtempSync(`${tmpdir()}/cohort-asked-`);
  const open = async (name: string): Promise<Node> => {
    const node = await openNode({ pij, name, poolBytes: 4 << 20, timings: { joinMs: 20_000 } });
    await node.join();
    return node;
  };
  try {
    await using first = await open("first");
    await using second = await open("second");
    await using third = await open("third");
    await body(pij, [first, second, third]);
  } finally {
    rmSync(pij, { recursive: true, force: true });
  }
}

test("administration: every member says how it is, and what it has, in more than one message", async () => {
  await withThree(async (pij, [first, , third]) => {
    for (let n = 0; n < 130; n++) await third.mount(`${pij}/many/${n}`, { create: true });
    const databases = await first.administration.databases();
    assertEquals(databases.map((it) => [it.member, it.answer?.length]), [["first", 0], ["second", 0], [
      "third",
      130,
    ]]);
    assertEquals(new Set(databases[2]!.answer!.map((it) => it.directory)).size, 130);
    const reports = await first.administration.reports();
    assertEquals(reports.map((it) => [it.answer?.state, it.answer?.standing, it.answer?.databases]), [
      ["active", "active", 0],
      ["active", "active", 0],
      ["active", "active", 130],
    ]);
  });
});

test("administration: whoever leaves while it is asked is told apart from those who answer", async () => {
  await withThree(async (_, [first, second]) => {
    const leaving = second.leave();
    for (let round = 0; round < 20; round++) {
      const reports = await first.administration.reports();
      assertEquals([reports[0]?.member, reports[0]?.answer?.state], ["first", "active"]);
      const unanswered = reports.filter((it) => it.error !== undefined);
      assert(unanswered.every((it) => it.member === "second"), JSON.stringify(unanswered));
    }
    await leaving;
    assertEquals((await first.administration.reports()).map((it) => it.member), ["first", "third"]);
  });
});

test("administration: mistakes and conditions come back as what they are", async () => {
  await withThree(async (pij, [first, second]) => {
    const { administration } = first;
    await assertRejects(() => administration.mount("second", { directory: "" }), TypeError, "directory");
    const missing = await assertRejects(
      () => administration.mount("second", { directory: `${pij}/no` }),
      CohortError,
    );
    assertEquals([missing.code, missing.facts.member], ["NOT_FOUND", second.incarnation]);
    const nobody = await assertRejects(() => administration.dismount("fourth", `${pij}/no`), CohortError);
    assertEquals(nobody.code, "NOT_FOUND");
    const mounted = await administration.mount(second.incarnation, { directory: `${pij}/hr`, create: true });
    assertEquals([mounted.directory, mounted.mode], [`${pij}/hr`, "private"]);
    assertEquals([second.status.state, second.databases().length], ["active", 1]);
  });
});

test("administration: the access key is one for all, however many ask at once", async () => {
  await withThree(async (_, nodes) => {
    const keys = await Promise.all([...nodes, ...nodes].map((it) => it.administration.accessKey()));
    assertEquals(new Set(keys.map((it) => it?.key)).size, 1);
    assertEquals(/^[\da-f]{64}$/.test(keys[0]!.key), true);
  });
});

test("asking: questions and answers come through; what is none is refused", async () => {
  const question = { ask: "mount", directory: "/x", mode: "clustered", create: true, timeoutMs: 5 } as const;
  assertEquals(decodeQuestion(encodeQuestion(question)), question);
  const body = await encodeAnswer(() => Promise.resolve([{ a: undefined, b: [1, "x", null] }]));
  assertEquals(decodeAnswer(body), [{ b: [1, "x", null] }]);
  const mistaken = await encodeAnswer(() => Promise.reject(new RangeError("too far")));
  await assertRejects(async () => await decodeAnswer(mistaken), RangeError, "too far");
  await assertRejects(() => encodeAnswer(() => Promise.reject(new Error("broken"))), Error, "broken");
  for (const bytes of [[], [8], [10, 0xa0], [99], [1, 0x78]]) {
    await assertRejects(async () => await decodeQuestion(Uint8Array.from(bytes)), CohortError);
  }
});
