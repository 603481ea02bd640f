/** A transaction takes as much memory as the pool, 64 MiB at least, and is told when that is not enough. */
import { test } from "#test";
import { assertEquals, assertRejects } from "@std/assert";
import { CohortError, openNode, type Transaction, type TransactionGlobal } from "../../mod.ts";

const ALLOWED = 64 << 20;
const TEXT = "y".repeat(1 << 20);

async function inTransaction(
  body: (global: TransactionGlobal<string>, transaction: Transaction) => Promise<void>,
  readOnly: boolean = false,
): Promise<number> {
  await using node = await openNode({ poolBytes: 4 << 20, durability: "relaxed" });
  const global = (await node.mount("/t", { create: true })).global<string>("X");
  for (let i = 0; i < 70; i++) await global.set([i], TEXT);
  await node.transact(async (transaction) => await body(transaction.global(global), transaction), {
    readOnly,
  });
  await global.set([0], "after");
  assertEquals(await global.get([0]), "after");
  return await global.data([1000]);
}

test("transaction: reads that take more memory than is allowed are refused by a code", async () => {
  let reads = 0;
  const refused = await assertRejects(() =>
    inTransaction(async (global) => {
      for (;; reads++) await global.get([reads]);
    }, true), CohortError);
  assertEquals(refused.code, "TRANSACTION_TOO_LARGE");
  assertEquals(refused.facts["allowed"], ALLOWED);
  assertEquals(reads, 64);
});

test("transaction: writes likewise, before the commit; a rollback gives their memory back", async () => {
  let writes = 0;
  const refused = await assertRejects(() =>
    inTransaction(async (global) => {
      for (;; writes++) await global.set([1000, writes], TEXT);
    }), CohortError);
  assertEquals(refused.code, "TRANSACTION_TOO_LARGE");
  assertEquals(writes, 64);
  const data = await inTransaction(async (global, transaction) => {
    const start = transaction.savepoint();
    for (let i = 0; i < 200; i++) {
      await global.set([1000, i], TEXT);
      if (i % 50 === 49) transaction.rollbackTo(start);
    }
    await global.set([1000], "the last");
  });
  assertEquals(data, 1);
});
