/**
 * Sets that are called faster than there is space for them: in order, one waiting as a change, none lost.
 */
import { test } from "#test";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { CohortError } from "../../mod.ts";
import { SetLine } from "../../src/global/set_line.ts";
import { withRig } from "./rig.ts";

const NO_KEY = new Uint8Array(0);

function numbered(n: number): Uint8Array {
  return new Uint8Array([n]);
}

test("SetLine: only the first waits, the others follow in order, also behind one that fails", async () => {
  const log: string[] = [];
  let isFull = true;
  const noted: unknown[] = [];
  const line = new SetLine({
    now: (_, value) => {
      if (isFull) return -1;
      log.push(`now ${value[0]}`);
      if (value[0] === 3) throw new RangeError("planned");
      return value[0]!;
    },
    later: async (_, value) => {
      await Promise.resolve();
      isFull = false;
      log.push(`later ${value[0]}`);
      return value[0]!;
    },
    ackOf: (position) => position === 2 ? Promise.reject(new CohortError("IO", "planned")) : undefined,
    noted: (error) => {
      noted.push(error);
      return error;
    },
  });
  assertEquals(line.isMoving, false);
  const all = [1, 2, 3, 4].map((n) => line.add(NO_KEY, numbered(n)));
  assert(line.isMoving);
  const results = await Promise.allSettled(all);
  assertEquals(results.map((it) => it.status), ["fulfilled", "rejected", "rejected", "fulfilled"]);
  assertEquals(log, ["later 1", "now 2", "now 3", "now 4"]);
  assertEquals(noted.length, 1);
  assertEquals(line.isMoving, false);
  await line.add(NO_KEY, numbered(5));
  assertEquals(log.at(-1), "now 5");
});

test("set: more at once than the journal has space for: all hold, the last of a key wins", async () => {
  await withRig({ poolBlocks: 2048 }, async ({ global }) => {
    const count = 30_000;
    const text = "x".repeat(200);
    const all: Array<Promise<void>> = [];
    for (let i = 0; i < count; i++) {
      all.push(global().set([i % 10_000], `${text}${i}`));
    }
    const one = global();
    for (let i = 0; i < count; i++) all.push(one.set(["one", i % 7_000], `${text}${i}`));
    await Promise.all(all);
    let seen = 0;
    for await (const [[, i], value] of one.entries(["one"])) {
      const last = Number(i) + 7_000 * Math.floor((count - 1 - Number(i)) / 7_000);
      assertEquals(value, `${text}${last}`);
      seen++;
    }
    assertEquals(seen, 7_000);
  });
});

test("set: those in line when their database is dismounted hold or are refused", async () => {
  await withRig({ poolBlocks: 2048 }, async ({ node }) => {
    const other = await node.mount("/other", { create: true });
    const global = other.global<string>("Y");
    const all: Array<Promise<unknown>> = [];
    for (let i = 0; i < 60_000; i++) all.push(global.set([i], "x".repeat(200)));
    const settled = Promise.allSettled(all);
    await other.dismount();
    const results = await settled;
    await assertRejects(() => global.set([1], "y"), CohortError);
    const again = (await node.mount("/other")).global<string>("Y");
    for (const [i, it] of results.entries()) {
      if (it.status === "rejected") assertEquals((it.reason as CohortError).code, "NOT_MOUNTED");
      else assertEquals((await again.get([i]))?.length, 200, `set ${i} was acknowledged`);
    }
  });
});
