/** Increments that the member which has the leaf does for others: exact, once, and with the same errors. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { test } from "#test";
import { CohortError, type Value } from "@cohort/db";
import { type Counting, playCounting, striking } from "./increments_world.ts";

const LIMIT = { timeoutMs: 120_000 };
/** 1, 2, 3 … */
const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1);
const sorted = (values: readonly number[]): number[] => [...values].sort((a, b) => a - b);

test(
  "increments: who counts now and then asks who counts all the time, and moves no block",
  LIMIT,
  () =>
    playCounting(1, async (world) => {
      const [alpha, beta] = [await world.open("alpha"), await world.open("beta")];
      let isOver = false;
      await alpha.global.increment(["c"]);
      const busy = world.count(beta, 1, () => !isOver);
      await world.ms(50);
      const before = alpha.counts();
      let left = 30;
      const values = await world.count(alpha, 20, () => left-- > 0);
      const { blocks, asked } = alpha.counts();
      isOver = true;
      const all = sorted([1, ...values, ...await busy]);
      assertEquals(all, upTo(all.length));
      assertEquals([blocks - before.blocks, asked - before.asked, beta.counts().served], [0, 30, 30]);
      assertEquals(await alpha.global.get(["c"]), all.length);
    }),
);

test(
  "increments: who asks without a pause takes the block, and neither starves",
  LIMIT,
  () =>
    playCounting(2, async (world) => {
      const both = [await world.open("alpha"), await world.open("beta")];
      let isOver = false;
      world.scheduler.after(1_000_000, () => isOver = true);
      const lane = async ({ global }: Counting): Promise<number[]> => {
        const values: number[] = [];
        while (!isOver) values.push(await global.increment(["c"]));
        return values;
      };
      const counted = await Promise.all(
        both.map(async (it) => (await Promise.all(Array.from({ length: 8 }, () => lane(it)))).flat()),
      );
      const [fewer, more] = counted.map((it) => it.length).sort((a, b) => a - b) as [number, number];
      assertEquals(sorted(counted.flat()), upTo(fewer + more));
      assert(fewer > more / 4, `${fewer} and ${more}`);
      for (const it of both) assert(it.counts().asked > 20 && it.counts().served > 20);
    }),
);

test(
  "increments: a leaf that its holder uses no more goes to who asks",
  LIMIT,
  () =>
    playCounting(3, async (world) => {
      const [alpha, beta] = [await world.open("alpha"), await world.open("beta")];
      await alpha.global.increment(["c"]);
      await beta.global.increment(["c"]);
      let left = 40;
      await world.count(alpha, 20, () => left-- > 0);
      const { asked } = alpha.counts();
      assert(asked > 5 && asked < 15, `${asked}`);
      const before = alpha.counts();
      await alpha.global.increment(["c"]);
      assertEquals(alpha.counts(), before);
    }),
);

test(
  "increments: one that its caller gave up is done once, and is open until that is known",
  LIMIT,
  () =>
    playCounting(14, async (world) => {
      let isStuck = false, heal = (): void => {};
      const until = new Promise<void>((resolve) => heal = resolve);
      const stuck = striking(() => isStuck, "sync", "/journal.", { kind: "stall", until });
      const [alpha, beta] = [await world.open("alpha"), await world.open("beta", stuck)];
      const open = (): number => alpha.node.status.cluster!.coherence.incrementsOpen;
      let isOver = false;
      await alpha.global.increment(["c"]);
      const busy = world.count(beta, 1, () => !isOver);
      await world.ms(50);
      const { asked } = alpha.counts();
      isStuck = true;
      // The answer waits for a sync of the one who does it.
      const given = alpha.global.increment(["c"], 1, { timeoutMs: 20 });
      assertEquals((await assertRejects(() => given, CohortError)).code, "TIMEOUT");
      assertEquals([open(), alpha.counts().asked - asked], [1, 1]);
      isStuck = false;
      heal();
      await world.ms(50);
      isOver = true;
      const counted = await busy;
      assertEquals(open(), 0);
      assertEquals(await alpha.global.get(["c"]), counted.length + 2);
    }),
);

test("increments: who has given the leaf on says to whom", LIMIT, () =>
  playCounting(4, async (world) => {
    const [alpha, beta, gamma] = [
      await world.open("alpha"),
      await world.open("beta"),
      await world.open("gamma"),
    ];
    for (const it of [alpha, beta, gamma]) await it.database.global("Count").set(["c"], 0);
    let isOver = false;
    const busy = world.count(gamma, 1, () => !isOver);
    await world.ms(20);
    const before = [alpha, beta, gamma].map((it) => it.counts());
    await alpha.global.increment(["c"]);
    const after = [alpha, beta, gamma].map((it) => it.counts());
    isOver = true;
    await busy;
    assertEquals(after[0]!.asked - before[0]!.asked, 2, "beta, then gamma");
    assertEquals([after[1]!.served, after[2]!.served - before[2]!.served], [before[1]!.served, 1]);
    assertEquals(after[0]!.blocks, before[0]!.blocks);
  }));

test("increments: an error is the same as where the leaf is", LIMIT, () =>
  playCounting(5, async (world) => {
    const [alpha, beta] = [await world.open("alpha"), await world.open("beta")];
    const stored: readonly Value[] = [new Uint8Array([1]), true, { a: 1 }, Number.MAX_SAFE_INTEGER, "1e400"];
    const values = beta.database.global<Value>("Count");
    await alpha.global.increment(["c"]);
    for (const [i, value] of stored.entries()) await values.set(["v", i], value);
    for (const i of stored.keys()) {
      const here = await values.increment(["v", i], 1).then(String, (error) =>
        `${error.code} ${error.message}`);
      await values.set(["other"], i);
      const there = await alpha.database.global<Value>("Count").increment(["v", i], 1)
        .then(String, (error) =>
          `${error.code} ${error.message}`);
      // Back again, so that the next is asked for, too.
      await values.set(["other"], i);
      if (here.startsWith("NOT_NUMERIC") || here.startsWith("PRECISION")) {
        assertEquals(there, here);
        assertEquals(await values.get(["v", i]), stored[i]);
      }
    }
    assert(alpha.counts().asked >= 4);
  }));

test(
  "increments: bigints, fractions and absent nodes are added to as ever",
  LIMIT,
  () =>
    playCounting(6, async (world) => {
      const [alpha, beta] = [await world.open("alpha"), await world.open("beta")];
      const there = alpha.database.global<number | bigint>("Count");
      await alpha.global.increment(["c"]);
      let isOver = false;
      await beta.database.global<bigint>("Count").set(["b"], 10n ** 30n);
      const busy = world.count(beta, 1, () => !isOver);
      await world.ms(20);
      const { served } = beta.counts();
      assertEquals(await there.increment(["b"], 1n), 10n ** 30n + 1n);
      assertEquals(await there.increment(["b"], -(2n ** 62n)), 10n ** 30n + 1n - 2n ** 62n);
      assertEquals(beta.counts().served, served + 2);
      // Too large a step goes the ordinary way, and so does what is not there yet.
      assertEquals(await there.increment(["b"], 2n ** 62n - 1n - 10n ** 30n), 0n);
      assertEquals(await there.increment(["new"], 2.5), 2.5);
      isOver = true;
      await busy;
    }),
);

test("increments: the holder leaves in good order: nothing is lost, nothing done twice", LIMIT, async () => {
  let asked = 0;
  for (let seed = 10; seed < 14; seed++) {
    await playCounting(seed, async (world) => {
      const [alpha, beta] = [await world.open("alpha"), await world.open("beta")];
      await alpha.global.increment(["c"]);
      let isOver = false;
      let isLeft = false;
      const busy = world.count(beta, 1, () => !isLeft).catch(() => [] as number[]);
      const lanes = Array.from({ length: 4 }, () => world.count(alpha, 2, () => !isOver));
      await world.ms(world.chance.between(30, 60));
      isLeft = true;
      const others = (await busy).length;
      await beta.node.close();
      await world.ms(100);
      isOver = true;
      const values = (await Promise.all(lanes)).flat();
      asked += alpha.counts().asked;
      assertEquals(await alpha.global.get(["c"]), 1 + others + values.length);
      assertEquals(new Set(values).size, values.length);
    });
  }
  assert(asked > 40, `${asked} were asked of the other one`);
});

test("increments: the holder is killed: who lives has each of its own once", LIMIT, async () => {
  for (let seed = 20; seed < 26; seed++) {
    await playCounting(seed, async (world) => {
      const [alpha, beta, gamma] = [
        await world.open("alpha"),
        await world.open("beta"),
        await world.open("gamma"),
      ];
      await alpha.global.increment(["c"]);
      let isOver = false;
      const answered: number[] = [];
      void (async () => {
        for (;;) {
          answered.push(await beta.global.increment(["c"]));
          await world.ms(1, beta.process);
        }
      })();
      const lanes = [alpha, gamma].flatMap((it) =>
        Array.from({ length: 3 }, () => world.count(it, 2, () => !isOver))
      );
      await world.ms(world.chance.between(30, 60));
      await world.scheduler.sleep(world.chance.below(2_000));
      world.host.kill(beta.process);
      await world.ms(1_000);
      isOver = true;
      const values = (await Promise.all(lanes)).flat();
      const all = sorted([1, ...values, ...answered]);
      assertEquals(new Set(all).size, all.length, "none was handed out twice");
      const final = await gamma.global.get(["c"]);
      // The one that beta had under way may have happened.
      assert(final === all.length || final === all.length + 1, `${final} after ${all.length}`);
    });
  }
});

test(
  "increments: a caller gives up waiting, and what it asked for happens once at most",
  LIMIT,
  () =>
    playCounting(30, async (world) => {
      const [alpha, beta] = [await world.open("alpha"), await world.open("beta")];
      await alpha.global.increment(["c"]);
      let isOver = false;
      const busy = world.count(beta, 1, () => !isOver);
      await world.ms(20);
      world.host.pause(beta.process, 400_000);
      await assertRejects(() => alpha.global.increment(["c"], 1, { timeoutMs: 50 }), CohortError, "deadline");
      await world.ms(600);
      isOver = true;
      const others = (await busy).length;
      const final = await alpha.global.get(["c"]) as number;
      assert(final === 1 + others || final === 2 + others, `${final} and ${others}`);
    }),
);
