/** The face of a database at another member: the same answers as at home, and the same mistakes. */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "#test";
import {
  CohortError,
  type Database,
  type Interconnect,
  isCode,
  type Node,
  type NodeOptions,
  openNode,
  type RemoteDatabase,
} from "@cohort/db";
import { createSocketInterconnect } from "../../adapters/interconnect_socket.ts";

interface Pair {
  readonly alpha: Node;
  readonly beta: Node;
  readonly here: Database;
  readonly there: RemoteDatabase;
  readonly directory: string;
}

async function withPair(
  work: (pair: Pair) => Promise<void>,
  options: Pick<NodeOptions, "durability" | "syncIntervalMs"> = {},
  interconnect: (() => Interconnect) | undefined = undefined,
): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), "cohort-remote-"));
  const nodes: Node[] = [];
  try {
    const small = { pij: join(root, "pij"), poolBytes: 4 << 20, ...options };
    nodes.push(
      await openNode({ ...small, name: "beta" }, interconnect === undefined ? {} : { interconnect }),
    );
    nodes.push(await openNode({ ...small, name: "alpha" }));
    const [beta, alpha] = nodes as [Node, Node];
    await beta.join();
    const here = await beta.createDatabase(join(root, "hr"));
    const there = await alpha.remote("beta").database(join(root, "hr"));
    await work({ alpha, beta, here, there, directory: join(root, "hr") });
  } finally {
    for (const node of nodes.toReversed()) await node.close();
    rmSync(root, { recursive: true, force: true });
  }
}

test(
  "remote database: every call does there what it does at home",
  { timeoutMs: 60_000 },
  () =>
    withPair(async ({ here, there }) => {
      const [far, near] = [there.global("Patient"), here.global("Patient")];
      for (const value of [1, "é", 2n ** 80n, null, true, { a: [1, { b: "c" }] }, 0.5]) {
        await far.set([123, "v"], value);
        assertEquals([await far.get([123, "v"]), await near.get([123, "v"])], [value, value]);
      }
      await far.set([123, "long"], "x".repeat(2_000_000));
      assertEquals((await far.get([123, "long"]) as string).length, 2_000_000);
      assertEquals(await far.get(["none"]), undefined);
      assertEquals([await far.data([123]), await far.data([123, "v"]), await far.data([5])], [10, 1, 0]);
      assertEquals([await far.order([""]), await far.order([123], -1), await far.order(["z"])], [
        123,
        undefined,
        undefined,
      ]);
      assertEquals(await far.query([""], 1), [123, "long"]);
      assertEquals(await far.query([123, ""], -1), [123, "v"]);
      assertEquals([await far.increment(["n"]), await far.increment(["n"], -3n)], [1, -2n]);
      await far.merge(["copy"], far, [123]);
      assertEquals(await near.get(["copy", "v"]), 0.5);
      await far.zkill([123, "v"]);
      await far.kill(["copy"]);
      assertEquals([await near.data([123, "v"]), await near.data(["copy"])], [0, 0]);
      await there.global("Zoo").set([], 1);
      assertEquals(await Array.fromAsync(there.globals()), ["Patient", "Zoo"]);
      assertEquals([await there.has("Zoo"), await there.has("Ant")], [true, false]);
      assertEquals(await there.status(), here.status);
      assertEquals(await there.check(), await here.check());
      assertEquals(String(far.ref([1, "a"])), `^|"beta","${there.directory}"|Patient(1,"a")`);
    }),
);

test(
  "remote database: entries stream in batches, both ways, from any node",
  { timeoutMs: 60_000 },
  () =>
    withPair(async ({ here, there }) => {
      const near = here.global<string>("Row");
      await Promise.all(Array.from({ length: 3_000 }, (_, n) => near.set([n % 3, n], "r".repeat(n % 90))));
      for (let n = 0; n < 12; n++) await near.set([1, n + 0.5], "L".repeat(50_000));
      for (const reverse of [false, true]) {
        for (const subscripts of [[], [1], [7]]) {
          for (const limit of [undefined, 0, 1, 700]) {
            const options = { reverse, ...(limit === undefined ? {} : { limit }) };
            const far = await Array.fromAsync(there.global("Row").entries(subscripts, options));
            assertEquals(far, await Array.fromAsync(near.entries(subscripts, options)));
          }
        }
      }
      let batches = 0;
      for await (const batch of there.global("Row").entries([1]).batches()) {
        batches++;
        assert(batch.length > 0);
      }
      assert(batches > 5, `${batches} batches`);
    }),
);

test(
  "remote database: mistakes and conditions are those of a global",
  { timeoutMs: 60_000 },
  () =>
    withPair(async ({ alpha, beta, here, there, directory }) => {
      const far = there.global("X");
      await assertRejects(() => far.get([""]), RangeError);
      await assertRejects(() => far.get("abc" as never), TypeError);
      await assertRejects(() => far.order([]), RangeError);
      await assertRejects(() => far.set([1], (() => 1) as never), TypeError);
      await assertRejects(() => far.increment([1], NaN), RangeError);
      await assertRejects(() => far.get([1], { wrong: 1 } as never), TypeError);
      await assertRejects(() => far.merge([1], far, [1, 2]), TypeError, "lies below");
      await assertRejects(() => far.merge([1], here.global("X") as never), TypeError, "no global at beta");
      assertThrows(() => there.global("a.b"), RangeError);
      assertThrows(() => far.entries([], { limit: -1 }), RangeError);
      await here.global("X").set([9], true);
      const error = await assertRejects(() => far.increment([9]), CohortError);
      assertEquals([error.code, error.facts["member"]], ["NOT_NUMERIC", "beta"]);
      const outside = await assertRejects(
        () => alpha.transact((it) => void it.global(far as never)),
        TypeError,
      );
      assert(outside.message.includes("beta"), outside.message);
      const nobody = await alpha.remote("gamma").database("/x").catch((thrown) => thrown);
      assert(isCode(nobody, "UNREACHABLE"), String(nobody));
      const unmounted = await alpha.remote("beta").database(`${directory}x`).catch((thrown) => thrown);
      assert(isCode(unmounted, "NOT_MOUNTED"), String(unmounted));
      // A member may name itself.
      const own = await beta.remote("beta").database(directory);
      await own.global("Own").set([], 1);
      assertEquals(await here.global("Own").get([]), 1);
      await here.dismount();
      const late = await far.set([1], 1).catch((thrown) => thrown);
      assert(isCode(late, "NOT_MOUNTED"), String(late));
    }),
);

test(
  "remote database: whoever gives up ends the wait there",
  { timeoutMs: 60_000 },
  () =>
    withPair(async ({ alpha, here, there }) => {
      const { core } = here;
      // What was said before has come when this is answered: it waits for no call of the database.
      const heard = (): Promise<unknown> => alpha.remote("beta").database("/none").catch(() => {});
      const holder = {};
      await core.takeTicket(holder, undefined);
      const far = there.global<number>("X");
      const late = await far.set([1], 1, { timeoutMs: 30 }).catch((thrown) => thrown);
      assert(isCode(late, "TIMEOUT"), String(late));
      const controller = new AbortController();
      const aborted = far.set([2], 2, { signal: controller.signal });
      const waiting = far.set([3], 3, { signal: controller.signal });
      const last = far.set([4], 4);
      await heard();
      controller.abort(new Error("enough"));
      await assertRejects(() => aborted, Error, "enough");
      await assertRejects(() => waiting, Error, "enough");
      await assertRejects(() => far.get([1], { signal: controller.signal }), Error, "enough");
      await heard();
      core.giveTicket(holder);
      await last;
      const kept = [1, 2, 3, 4].map((n) => here.global("X").get([n]));
      assertEquals(await Promise.all(kept), [undefined, undefined, undefined, 4]);
    }),
);

test(
  "remote database: a reference by text leads to it",
  { timeoutMs: 60_000 },
  () =>
    withPair(async ({ alpha, here, directory }) => {
      const found = await alpha.resolve<string>(`^|"beta","${directory}"|Patient(123,"name")`);
      await found.global.set(found.subscripts, "Ada");
      assertEquals([found.member, await here.global("Patient").get([123, "name"])], ["beta", "Ada"]);
    }),
);

test(
  "remote database: what is answered is synced, whatever the durability",
  { timeoutMs: 60_000 },
  () =>
    withPair(async ({ here, there }) => {
      const { journal } = here.core.engine as unknown as { journal: { safe: number; position: number } };
      const far = there.global<number>("X");
      await here.global("X").set([0], 0);
      assert(journal.safe < journal.position, "a relaxed set is not synced at once");
      assertEquals(await far.get([0]), 0);
      assert(journal.safe >= journal.position, "what was read is not synced");
      for (let n = 1; n < 20; n++) {
        await far.set([n], n);
        assert(journal.safe >= journal.position, `${journal.safe} of ${journal.position} is synced`);
      }
    }, { durability: "relaxed", syncIntervalMs: 3_600_000 }),
);

test(
  "remote database: a node that closes waits for what it asked; more is CLOSED",
  { timeoutMs: 60_000 },
  () =>
    withPair(async ({ alpha, here, there }) => {
      const far = there.global<number>("X");
      const asked = Array.from({ length: 200 }, (_, n) => far.set([n], n));
      const closed = alpha.close();
      const late = await far.set(["late"], 1).catch((thrown) => thrown);
      assert(isCode(late, "CLOSED"), String(late));
      await Promise.all([...asked, closed]);
      assertEquals(await here.global("X").get([199]), 199);
    }),
);

/** Sockets over which nothing is sent while the test says so. */
function heldSockets(isHeld: () => boolean): Interconnect {
  const links = createSocketInterconnect();
  return {
    traits: links.traits,
    open: (self, receiver) => links.open(self, receiver),
    connect: (address) => links.connect(address),
    send: (to, bytes) => !isHeld() && links.send(to, bytes),
    broadcast: (bytes) => isHeld() ? 0 : links.broadcast(bytes),
    disconnect: (member, reason) => links.disconnect(member, reason),
    close: () => links.close(),
  };
}

test(
  "remote database: a member that leaves in good order leaves no outcome unknown",
  { timeoutMs: 60_000 },
  () => {
    let isHeld = false;
    const links = (): Interconnect => heldSockets(() => isHeld);
    return withPair(
      async ({ alpha, beta, here, there, directory }) => {
        const [far, near] = [there.global<number>("X"), here.global<number>("X")];
        isHeld = true;
        const asked = Array.from(
          { length: 300 },
          (_, n) => far.set([n], n).then(() => n, (error) => error.code),
        );
        while (await near.get([40]) === undefined) {
          await new Promise((go) => setTimeout(go, 1));
        }
        const closed = beta.close();
        await new Promise((go) => setTimeout(go, 60));
        isHeld = false;
        await closed;
        const results = await Promise.all(asked);
        const codes = results.filter((it) => typeof it === "string");
        assertEquals(codes.filter((it) => it !== "NOT_MOUNTED" && it !== "UNREACHABLE"), []);
        assertEquals(results[40], 40);
        const database = await alpha.mount(directory);
        const kept = await Promise.all(results.map((_, n) => database.global<number>("X").get([n])));
        assertEquals(kept, results.map((it) => typeof it === "string" ? undefined : it));
      },
      {},
      links,
    );
  },
);

test(
  "remote database: a call that waits for long holds up none of another database",
  { timeoutMs: 60_000 },
  () =>
    withPair(async ({ alpha, beta, here, there, directory }) => {
      await beta.createDatabase(`${directory}2`);
      const other = (await alpha.remote("beta").database(`${directory}2`)).global<number>("Y");
      const holder = {};
      await here.core.takeTicket(holder, undefined);
      const waiting = there.global("X").set([1], 1);
      try {
        for (let n = 0; n < 20; n++) {
          await Promise.all(Array.from({ length: 50 }, (_, i) => other.set([n, i], n)));
        }
      } finally {
        here.core.giveTicket(holder);
      }
      await waiting;
      assertEquals(await other.get([19, 49]), 19);
    }),
);
