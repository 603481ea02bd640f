import { assertEquals, assertRejects } from "@std/assert";
import { test } from "#test";
import { CohortError, openNode } from "@cohort/db";
import { createMemoryStorage } from "../../adapters/storage_memory.ts";
import { withFaults } from "../../src/testing/mod.ts";

test("mount: a deadline that passes in a recovery without space is told; the next mount waits", async () => {
  const disk = createMemoryStorage();
  let isDying = false;
  const dying = withFaults(
    disk,
    ({ operation, path }) =>
      isDying && operation === "sync" && path.includes("/journal.") ? { kind: "syncFailure" } : undefined,
  );
  const first = await openNode({ dir: "/first" }, { storage: dying });
  const values = (await first.mount("/v", { create: true })).global<number>("A");
  await values.set([1], 1);
  isDying = true;
  await assertRejects(() => values.set([1], 2));
  await first.close();

  let isFull = true;
  const full = withFaults(
    disk,
    ({ operation, path }) =>
      isFull && operation === "write" && path === "/v/cohort.dat"
        ? { kind: "error", code: "FULL", errno: "ENOSPC" }
        : undefined,
  );
  const node = await openNode({ dir: "/second" }, { storage: full });
  await assertRejects(() => node.mount("/v", { timeoutMs: 20 }), CohortError, "deadline");
  await assertRejects(() => node.mount("/v", { timeoutMs: 20 }), CohortError, "deadline");
  const controller = new AbortController();
  const waiting = node.mount("/v", { signal: controller.signal });
  controller.abort(new Error("enough"));
  await assertRejects(() => waiting, Error, "enough");
  isFull = false;
  assertEquals(await (await node.mount("/v")).global<number>("A").get([1]), 2);
  await node.close();
});
