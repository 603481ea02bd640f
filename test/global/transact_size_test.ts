/** A transaction takes as much memory as the pool, and is told when that is not enough. */
import { test } from "#test";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { CohortError, openNode, type Transaction, type TransactionGlobal } from "../../mod.ts";

const POOL_BYTES = 64 * 8192;

async function inTransaction(
  body: (global: TransactionGlobal<string>, transaction: Transaction) => Promise<void>,
  readOnly: boolean = false,
): Promise<number> {
  await using node = await openNode({ poolBytes: POOL_BYTES, durability: "relaxed" });
  const global = (await node.mount("/t", { create: true })).global<string>("X");
  for (let i = 0; i < 300; i++) await global.set([i], "x".repeat(2500));
  await node.transact(async (transaction) => await body(transaction.global(global), transaction), {
    readOnly,
  });
  await global.set([0], "after");
  assertEquals(await global.get([0]), "after");
  return await global.data([1000]);
}

test("transaction: reads that take more memory than the pool are refused by a code", async () => {
  let reads = 0;
  const refused = await assertRejects(() =>
    inTransaction(async (global) => {
      for (;; reads++) await global.get([reads % 300, reads]);
    }, true), CohortError);
  assertEquals(refused.code, "TRANSACTION_TOO_LARGE");
  assertEquals(refused.facts["allowed"], POOL_BYTES);
  assert(reads > 500 && reads < 2500, `${reads} reads`);
});

test("transaction: writes likewise, before the commit; a rollback gives their memory back", async () => {
  let writes = 0;
  const refused = await assertRejects(() =>
    inTransaction(async (global) => {
      for (;; writes++) await global.set([1000, writes], "y".repeat(1000));
    }), CohortError);
  assertEquals(refused.code, "TRANSACTION_TOO_LARGE");
  assert(writes > 300 && writes < 500, `${writes} writes`);
  const data = await inTransaction(async (global, transaction) => {
    const start = transaction.savepoint();
    for (let i = 0; i < 2000; i++) {
      await global.set([1000, i], "y".repeat(1000));
      if (i % 100 === 99) transaction.rollbackTo(start);
    }
    await global.set([1000], "the last");
  });
  assertEquals(data, 1);
});
