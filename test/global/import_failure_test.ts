import { assertEquals } from "@std/assert";
import { test } from "#test";
import { importText, openNode } from "@cohort/db";
import { createMemoryStorage } from "../../adapters/storage_memory.ts";
import { withFaults } from "../../src/testing/mod.ts";

test("import: sets that fail while the source is waited for are told by the import alone", async () => {
  let isFailing = false;
  const storage = withFaults(createMemoryStorage(), ({ operation, path }) => {
    const strikes = isFailing && operation === "sync" && path.includes("/journal.");
    return strikes ? { kind: "syncFailure" } : undefined;
  });
  const node = await openNode({ dir: "/node" }, { storage });
  const database = await node.mount("/v", { create: true });
  await database.global<number>("A").set([0], 0);
  const text = new TextEncoder();
  // Enough for leaves to be split: such sets have a promise each.
  const records = Array.from({ length: 1_000 }, (_, i) => `^A(${i + 1})="${"x".repeat(200)}"\n`).join("");
  async function* source(): AsyncIterableIterator<Uint8Array> {
    yield text.encode("head\n01-JAN-2026  10:00:00.00 ZWR\n");
    isFailing = true;
    yield text.encode(records);
    await new Promise((done) => setTimeout(done, 20));
    yield text.encode('^A(2000)="after"\n');
  }
  // An unhandled rejection would end the process here.
  const error = await importText(database, source()).catch((thrown) => thrown);
  assertEquals(["STOPPED", "OUTCOME_UNKNOWN"].includes(error.code), true, String(error));
  await node.close();
});
