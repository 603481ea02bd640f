import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { Hono } from "hono";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { test } from "#test";
import { type Node, openNode } from "@cohort/db";
import { adminApp } from "@cohort/db/admin";
import { createProcessFence } from "../../adapters/fence_process.ts";
import { createFileStorage } from "../../adapters/storage_file.ts";
import { ROUTES } from "../../src/admin/routes.ts";
import { REFUSALS, STATUS_OF } from "../../src/admin/problem.ts";
import { type Fault, withFaults } from "../../src/testing/mod.ts";
import { asking, tokenIn, withPair } from "./rig.ts";
import { refusals } from "./refusals.ts";

const TOKEN = "0123456789abcdef0123456789abcdef";

test("admin app: every route refuses whom and what it must, alone and in another app", async () => {
  await withPair(async ({ pij, alpha, beta }) => {
    const app = adminApp(alpha);
    await alpha.administration.accessKey();
    const token = tokenIn(pij);
    const around = new Hono();
    around.use("*", async (_, next) => await next());
    around.route("/ops/cohort", app);
    around.notFound((context) => context.text("the other app has no such thing", 404));
    around.get("/ops/cohort", (context) => context.text("the other app"));
    // What sharing costs goes on by itself, as does who has a database as a whole.
    const mounted = (node: Node): unknown => node.databases().map((it) => ({ ...it, coherence: undefined }));
    const look = (): unknown => [mounted(alpha), mounted(beta), alpha.status.cluster?.view];
    const before = look();
    for (const ask of [asking(app), asking(around, "/ops/cohort")]) {
      const { tried, faults } = await refusals(ask, token, [pij]);
      assertEquals(faults, []);
      assert(tried > 200, `only ${tried} were tried`);
    }
    assertEquals(look(), before);
  });
});

test("admin app: whoever refuses nothing is seen through by the same tries", async () => {
  const app = new Hono();
  app.all("*", (context) => context.json({}));
  const { tried, failed } = await refusals(asking(app), TOKEN, []);
  assertEquals(failed, tried);
});

test("admin app: any member answers for all", async () => {
  await withPair(async ({ pij, alpha, beta }) => {
    await beta.mount(`${pij}/own`, { create: true });
    for (const node of [alpha, beta]) {
      const ask = asking(adminApp(node, { token: TOKEN }));
      const get = async (path: string) => {
        const { status, text, headers } = await ask({
          method: "GET",
          path,
          headers: { Authorization: `Bearer ${TOKEN}` },
        });
        assertEquals(status, 200, `${path}: ${text}`);
        assertEquals(headers.get("cache-control"), "no-store");
        return JSON.parse(text);
      };
      const { members } = await get("/members");
      assertEquals(
        members.map((
          it: { name: string; state: string; standing: string },
        ) => [it.name, it.state, it.standing]),
        [
          ["alpha", "active", "active"],
          ["beta", "active", "active"],
        ],
      );
      const view = await get("/view");
      assertEquals([view.master, view.members, view.pending], ["alpha", ["alpha", "beta"], []]);
      const { databases, unanswered } = await get("/databases");
      assertEquals(databases.map((it: Record<string, string>) => [it.member, it.directory, it.mode]), [
        ["alpha", `${pij}/hr`, "clustered"],
        ["beta", `${pij}/own`, "private"],
      ]);
      assertEquals(unanswered, []);
      const { daemons } = await get("/daemons");
      const names = ["write", "journal", "enq", "recovery"];
      assertEquals(
        daemons.map((it: Record<string, string>) => [it.member, it.name]),
        [
          ...[...names, "master_write"].map((name) => ["alpha", name]),
          ...names.map((name) => ["beta", name]),
        ],
      );
      // Who alone has mounted a database is given it as a whole soon after the last view.
      const wides = async (): Promise<unknown> =>
        (await get("/coherence")).coherence.map((it: Record<string, unknown>) => [it["member"], it["wide"]]);
      for (let i = 0; i < 500 && alpha.status.cluster?.coherence.wide.length !== 1; i++) {
        await new Promise((go) => setTimeout(go, 10));
      }
      assertEquals(await wides(), [["alpha", [`${pij}/hr`]], ["beta", []]]);
      const { databases: [mounted] } = await get("/databases");
      assertEquals(mounted.coherence.width, "database");
      const { coherence: [inAll], databases: shared, unanswered: silent } = await get("/coherence");
      const [{ member, directory, granted, revoked, transfers, hottest, width }] = shared;
      assertEquals([shared.length, member, directory, width], [1, "alpha", `${pij}/hr`, "database"]);
      assertEquals([granted > 0, revoked, transfers, hottest], [true, 0, 0, []]);
      assertEquals([inAll.transfers, silent], [0, []]);
      const { recoveries, rounds } = await get("/recovery");
      assertEquals([recoveries, rounds], [[], []]);
      const status = await get("/status");
      assertEquals([status.health, status.state, status.isReady], ["All 2 members are up", "active", true]);
    }
  });
});

test("admin app: mounts, dismounts and leaves, here and at another member", async () => {
  await withPair(async ({ pij, alpha, beta }) => {
    const ask = asking(adminApp(alpha, { token: TOKEN }));
    const post = async (path: string, body: unknown) => {
      const headers = { Authorization: `Bearer ${TOKEN}`, "Content-Type": "application/json" };
      const { status, text } = await ask({ method: "POST", path, headers, body: JSON.stringify(body) });
      return [status, JSON.parse(text)];
    };
    const [mounted, status] = await post("/mount", { directory: "two", create: true, mode: "clustered" });
    assertEquals([mounted, status.directory, status.mode], [200, `${pij}/two`, "clustered"]);
    const there = { directory: "two", mode: "clustered", member: "beta" };
    assertEquals((await post("/mount", there))[0], 200);
    assertEquals(beta.databases().map((it) => it.directory), [`${pij}/two`]);
    const [conflict, problem] = await post("/mount", { directory: "two" });
    assertEquals([conflict, problem.code], [409, "MOUNTED"]);
    assertEquals(problem.detail, "The database two is mounted clustered: dismount it first");
    assertEquals((await post("/mount", { directory: "missing", member: "beta" }))[1].code, "NOT_FOUND");
    assertEquals((await post("/dismount", { directory: "two", member: "beta" }))[0], 200);
    assertEquals(beta.databases(), []);
    assertEquals((await post("/dismount", { directory: "two", member: "beta" }))[1].code, "NOT_MOUNTED");
    assertEquals((await post("/dismount", { directory: `${pij}/two` }))[0], 200);
    assertEquals((await post("/leave", { member: "gamma" }))[0], 404);
    assertEquals(await post("/leave", { member: "beta" }), [200, { state: "leaving" }]);
    for await (const { cluster } of alpha.status) if (cluster?.members.length === 1) break;
    assertEquals(await post("/leave", {}), [200, { state: "left" }]);
    assertEquals([alpha.status.cluster, beta.status.cluster], [undefined, undefined]);
  });
});

test("admin app: a leave of this member is answered in time, and goes on", async () => {
  const pij = mkdtempSync(`${tmpdir()}/cohort-admin-`);
  const stalled = Promise.withResolvers<void>();
  let isStalling = false;
  const stall: Fault = { kind: "stall", until: stalled.promise };
  const disk = createFileStorage({ fence: createProcessFence() });
  const storage = withFaults(disk, ({ path }) => isStalling && path.includes("/hr/") ? stall : undefined);
  try {
    await using node = await openNode({ pij, poolBytes: 4 << 20 }, { storage });
    await node.mount(`${pij}/hr`, { mode: "clustered", create: true });
    const app = adminApp(node, { token: TOKEN, requestMs: 200 });
    const headers = { Authorization: `Bearer ${TOKEN}`, "Content-Type": "application/json" };
    isStalling = true;
    setTimeout(() => stalled.resolve(), 1_000);
    const answer = await app.request("http://localhost/leave", { method: "POST", headers, body: "{}" });
    assertEquals([answer.status, JSON.parse(await answer.text()).code], [504, "TIMEOUT"]);
    await node.leave();
    assertEquals(node.status.cluster, undefined);
  } finally {
    await disk.close();
    rmSync(pij, { recursive: true, force: true });
  }
});

test("admin app: a directory that is not mounted is called as it was named", async () => {
  await withPair(async ({ alpha }) => {
    const ask = asking(adminApp(alpha, { token: TOKEN }));
    const headers = { Authorization: `Bearer ${TOKEN}`, "Content-Type": "application/json" };
    for (const directory of ["a:b", "no/such", "/proc/self", "/proc/self/cwd"]) {
      const body = JSON.stringify({ directory });
      const { status, text } = await ask({ method: "POST", path: "/dismount", headers, body });
      const { code, detail } = JSON.parse(text);
      assertEquals([status, code, detail], [
        404,
        "NOT_MOUNTED",
        `The database ${directory} is not mounted here`,
      ]);
    }
  });
});

test("admin app: a node that is no member has itself to show", async () => {
  await using node = await openNode();
  const ask = asking(adminApp(node, { token: TOKEN }));
  const get = async (path: string) => {
    const { text } = await ask({ method: "GET", path, headers: { Authorization: `Bearer ${TOKEN}` } });
    return JSON.parse(text);
  };
  assertEquals((await get("/members")).members.length, 1);
  assertEquals(await get("/view"), { view: 0, cluster: null, members: [], pending: [] });
  assertEquals((await get("/daemons")).daemons, []);
  assertEquals((await get("/status")).health, "This node is active and no member of a cluster");
});

test("admin app: a node that is closed is neither live nor ready", async () => {
  const node = await openNode();
  const ask = asking(adminApp(node, { token: TOKEN }));
  const health = async () => {
    const paths = ["/livez", "/readyz"];
    return await Promise.all(
      paths.map(async (path) => (await ask({ method: "GET", path, headers: {} })).status),
    );
  };
  assertEquals(await health(), [200, 200]);
  await node.close();
  assertEquals(await health(), [503, 503]);
});

test("admin app: bounds its own work", async () => {
  await using node = await openNode();
  const app = adminApp(node, { token: TOKEN, requestsMax: 2, requestMs: 50 });
  const headers = { Authorization: `Bearer ${TOKEN}`, "Content-Type": "application/json" };
  // Bodies that never end.
  const slow = () => {
    const body = new ReadableStream<Uint8Array>({ start: (it) => it.enqueue(new Uint8Array([0x7b])) });
    const init = { method: "POST", headers, body, duplex: "half" } as RequestInit;
    return app.request("http://localhost/leave", init);
  };
  const statuses = (await Promise.all([slow(), slow(), slow()])).map((it) => it.status).sort();
  assertEquals(statuses, [408, 408, 503]);
  const large = { ...headers, "X-Large": "x".repeat(17_000) };
  assertEquals((await app.request("http://localhost/livez", { headers: large })).status, 431);
  assertEquals((await app.request("http://localhost/livez")).status, 200);
});

test("admin app: options are checked", async () => {
  await using node = await openNode();
  assertThrows(() => adminApp(node), TypeError, "give token");
  assertThrows(() => adminApp(node, { token: "short" }), RangeError, "token");
  assertThrows(() => adminApp(node, { token: TOKEN, hosts: [""] }), TypeError, "hosts");
  assertThrows(() => adminApp(node, { token: TOKEN, origins: ["x"] }), RangeError, "origins");
  assertThrows(() => adminApp(node, { token: TOKEN, requestsMax: 0 }), RangeError, "requestsMax");
  assertThrows(() => adminApp(node, { tokens: TOKEN } as object), TypeError, "tokens");
});

test("admin app: hosts and origins that are listed are served", async () => {
  await using node = await openNode();
  const app = adminApp(node, {
    token: TOKEN,
    hosts: ["Ops.example", "one.example:8700"],
    origins: ["https://page.example"],
  });
  const statusOf = async (headers: Record<string, string>, method = "GET", path = "/livez") =>
    (await app.request(`http://localhost${path}`, { method, headers })).status;
  assertEquals(await statusOf({ Host: "ops.example:1234" }), 200);
  assertEquals(await statusOf({ Host: "one.example:8700" }), 200);
  assertEquals(await statusOf({ Host: "one.example:8701" }), 421);
  assertEquals(await statusOf({ Host: "one.example" }), 421);
  assertEquals(
    (await app.request("http://evil.example/livez", { headers: { Host: "localhost" } })).status,
    421,
  );
  const asked = { Authorization: `Bearer ${TOKEN}` };
  assertEquals(await statusOf({ ...asked, Origin: "https://page.example" }, "POST", "/leave"), 415);
  assertEquals(
    await statusOf({ ...asked, Host: "ops.example", Origin: "https://ops.example" }, "POST", "/leave"),
    415,
  );
  assertEquals(await statusOf({ ...asked, Origin: "https://ops.example" }, "POST", "/leave"), 403);
});

test("admin app: routes and statuses are of one table each", () => {
  assertEquals(new Set(ROUTES.map((it) => `${it.method} ${it.path}`)).size, ROUTES.length);
  assertEquals(ROUTES.filter((it) => it.isOpen).map((it) => it.path), ["/livez", "/readyz"]);
  for (const [code, status] of Object.entries(STATUS_OF)) assert(status >= 400 && status < 600, code);
  for (const [code, [status]] of Object.entries(REFUSALS)) assert(status >= 400 && status < 600, code);
});
