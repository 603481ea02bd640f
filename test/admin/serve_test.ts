import { statSync } from "node:fs";
import { Hono } from "hono";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { test } from "#test";
import { CohortError, openNode } from "@cohort/db";
import { adminApp, serveAdmin } from "@cohort/db/admin";
import { listenNode } from "../../src/admin/listen_node.ts";
import { refusals } from "./refusals.ts";
import { curling, serveHono, tokenIn, withPair } from "./rig.ts";

/** Of what app_test.ts tries, `npm run show -- 2.g` does all by curl. */
const SHARE = 5;
const TOKEN = "0123456789abcdef0123456789abcdef";

test(
  "serveAdmin: refuses by curl what it must, and keeps the token for its owner",
  { timeoutMs: 120_000 },
  async () => {
    await withPair(async ({ pij, alpha }) => {
      await using admin = await serveAdmin(alpha, { port: 0 });
      const token = tokenIn(pij);
      assertEquals(token.length, 64);
      assertEquals(statSync(admin.tokenPath!).mode & 0o777, 0o600);
      const ask = curling(admin.url);
      const { tried, faults } = await refusals(ask, token, [pij], SHARE);
      assertEquals(faults, []);
      assert(tried > 50, `only ${tried} were tried`);
      const headers = { Authorization: `Bearer ${token}` };
      const { status, text } = await ask({ method: "GET", path: "/view", headers });
      assertEquals([status, JSON.parse(text).members], [200, ["alpha", "beta"]]);
      const head = await ask({ method: "HEAD", path: "/view", headers });
      assertEquals([head.status, head.text], [200, ""]);
    });
  },
);

test("admin app: refuses by curl in the app of a user, too", { timeoutMs: 120_000 }, async () => {
  await withPair(async ({ pij, beta }) => {
    const app = new Hono();
    app.get("/", (context) => context.text("the user's"));
    app.route("/ops", adminApp(beta, { token: TOKEN }));
    const server = await serveHono(app);
    try {
      const { faults } = await refusals(curling(`${server.url}/ops`), TOKEN, [pij], SHARE);
      assertEquals(faults, []);
      const ask = curling(server.url);
      assertEquals((await ask({ method: "GET", path: "/", headers: {} })).text, "the user's");
      const { text } = await ask({
        method: "GET",
        path: "/ops/databases",
        headers: { Authorization: `Bearer ${TOKEN}` },
      });
      assertEquals(JSON.parse(text).databases[0].member, "alpha");
    } finally {
      await server.end();
    }
  });
});

test("serveAdmin on node:http: refuses by curl what it must", { timeoutMs: 120_000 }, async () => {
  await using node = await openNode();
  const app = adminApp(node, { token: TOKEN });
  const server = await listenNode("127.0.0.1", 0, (request) => app.fetch(request));
  try {
    const ask = curling(`http://127.0.0.1:${server.port}`);
    const { faults } = await refusals(ask, TOKEN, ["/memory"], SHARE);
    assertEquals(faults, []);
    const { status, text } = await ask({
      method: "GET",
      path: "/status",
      headers: { Authorization: `Bearer ${TOKEN}` },
    });
    assertEquals([status, JSON.parse(text).state], [200, "active"]);
  } finally {
    await server.close();
  }
});

test("serveAdmin: a port that is taken is an error with a code", async () => {
  await using node = await openNode();
  await using admin = await serveAdmin(node, { port: 0, token: TOKEN });
  const error = await assertRejects(() => serveAdmin(node, { port: admin.port, token: TOKEN }), CohortError);
  assertEquals([error.code, error.facts.port], ["IO", admin.port]);
  await assertRejects(() => serveAdmin(node, { port: 70_000, token: TOKEN }), RangeError, "port");
  await assertRejects(() => serveAdmin(node, { port: 0 }), TypeError, "give token");
});

test("serveAdmin: answers what has begun before it ends", async () => {
  await withPair(async ({ alpha }) => {
    const admin = await serveAdmin(alpha, { port: 0, token: TOKEN });
    const ask = curling(admin.url);
    const asked = ask({ method: "GET", path: "/members", headers: { Authorization: `Bearer ${TOKEN}` } });
    await asked;
    const many = Array.from({ length: 4 }, () =>
      ask({
        method: "POST",
        path: "/mount",
        headers: { Authorization: `Bearer ${TOKEN}`, "Content-Type": "application/json" },
        body: JSON.stringify({ directory: "slow", create: true }),
      }));
    // Until it is at it.
    for await (const { databases } of alpha.status) if (databases.length === 2) break;
    await admin.close();
    const statuses = (await Promise.allSettled(many)).map((it) =>
      it.status === "fulfilled" ? it.value.status : "refused"
    );
    assertEquals(statuses.includes(200), true, String(statuses));
    assertEquals(statuses.every((it) => it === 200 || it === "refused"), true, String(statuses));
    await assertRejects(
      () => ask({ method: "GET", path: "/livez", headers: {} }),
      Error,
      "curl ended with 7",
    );
  });
});

test("admin app: takes a body that another part of the app has read", async () => {
  await withPair(async ({ alpha }) => {
    const app = new Hono();
    app.use("*", async ({ req }, next) => {
      await req.text();
      await next();
    });
    app.route("/ops", adminApp(alpha, { token: TOKEN }));
    const headers = { Authorization: `Bearer ${TOKEN}`, "Content-Type": "application/json" };
    const post = async (body: string): Promise<[number, unknown]> => {
      const answer = await app.request("http://localhost/ops/dismount", { method: "POST", headers, body });
      return [answer.status, JSON.parse(await answer.text()).code];
    };
    assertEquals(await post('{"directory":"x"}'), [404, "NOT_MOUNTED"]);
    assertEquals(await post("{"), [400, "BAD_JSON"]);
    assertEquals(await post(`{"directory":"${"x".repeat(70_000)}"}`), [413, "BODY_TOO_LARGE"]);
  });
});
