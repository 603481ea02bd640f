import { assert, assertEquals, assertRejects } from "@std/assert";
import { test } from "#test";
import { CohortError, openNode } from "@cohort/db";
import { createMemoryStorage } from "../../adapters/storage_memory.ts";
import { withFaults } from "../../src/testing/fault_storage.ts";

/** Calls of an opening member that may fail, with the code it answers. */
const FAILURES = [
  ["openStream", "journal.000001", "FULL"],
  ["write", "journal.000001", "FULL"],
  ["reserve", "journal.000001", "FULL"],
  ["sync", "journal.000001", "SYNC_FAILED"],
  ["openStream", "image", "IO"],
] as const;

for (const [operation, name, code] of FAILURES) {
  test(`node: a mount that failed with ${code} of ${operation} ${name} may be tried again`, async () => {
    let failing = true;
    const memory = createMemoryStorage();
    const storage = withFaults(memory, (call) => {
      const struck = failing && call.operation === operation && call.path.endsWith(name);
      return struck ? { kind: "error", code, errno: "ENOSPC" } : undefined;
    });
    const node = await openNode({}, { storage });
    const error = await assertRejects(() => node.mount("/one", { create: true }), CohortError);
    assertEquals(error.code, code);
    assertEquals(await memory.list(`/memory/${node.incarnation}`), []);
    failing = false;
    const global = (await node.mount("/one", { create: true })).global<number>("X");
    await global.set([1], 2);
    assertEquals(await global.get([1]), 2);
    assert(node.status.state === "active");
    await node.close();
    await storage.close();
  });
}
