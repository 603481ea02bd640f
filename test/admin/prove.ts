/**
 * For `npm run show -- 2.g`: every refusal of every route by curl, of the server that `serveAdmin` starts and
 * of a user's own Hono app; then every route as it is meant. As control an app that refuses nothing.
 */
import process from "node:process";
import { Hono } from "hono";
import { adminApp, serveAdmin } from "@cohort/db/admin";
import { ROUTES } from "../../src/admin/routes.ts";
import { type Ask, refusals } from "./refusals.ts";
import { curling, serveHono, tokenIn, withPair } from "./rig.ts";

/** What each route takes that changes something, in the order of `ROUTES`. */
const BODIES: Readonly<Record<string, object>> = {
  "/mount": { directory: "two", mode: "clustered", create: true, member: "beta" },
  "/dismount": { directory: "two", member: "beta" },
  "/leave": { member: "beta" },
};

/** Routes that do not answer what they should to who may ask. */
async function unmet(ask: Ask, token: string): Promise<string[]> {
  const faults: string[] = [];
  for (const { method, path } of ROUTES) {
    const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" };
    const body = method === "POST" ? JSON.stringify(BODIES[path]) : undefined;
    const { status, text } = await ask({ method, path, headers, body });
    if (status !== 200) faults.push(`${method} ${path}: ${status} ${text}`);
  }
  return faults;
}

/** How many of the tries an app that says yes to all fails; two hosts that are none `listenNode` refuses. */
async function seenThrough(): Promise<{ readonly tried: number; readonly failed: number }> {
  const app = new Hono();
  app.all("*", (context) => context.json({}));
  const server = await serveHono(app);
  const { tried, failed } = await refusals(curling(server.url), "a".repeat(32), []);
  await server.end();
  return { tried, failed };
}

await withPair(async ({ pij, alpha, beta }) => {
  const faults: string[] = [];
  let alone = 0, inside = 0;
  {
    await using admin = await serveAdmin(alpha, { port: 0 });
    const token = tokenIn(pij);
    const app = new Hono();
    app.get("/", (context) => context.text("the user's"));
    app.route("/ops/cohort", adminApp(beta));
    const server = await serveHono(app);
    const first = await refusals(curling(admin.url), token, [pij]);
    const second = await refusals(curling(`${server.url}/ops/cohort`), token, [pij]);
    alone = first.tried;
    inside = second.tried;
    faults.push(...first.faults, ...second.faults);
    const { text } = await curling(server.url)({ method: "GET", path: "/", headers: {} });
    if (text !== "the user's") faults.push(`the user's own route answers ${text}`);
    await server.end();
    faults.push(...await unmet(curling(admin.url), token));
  }
  const control = await seenThrough();
  for (const fault of faults.slice(0, 20)) console.log(fault);
  const result = {
    runtime: process.argv[2],
    result: `${ROUTES.length} routes by curl: ${alone} refusals of serveAdmin's server and ${inside} of a ` +
      `user's Hono app, all problem+json, ${faults.length} otherwise; each route answers who may ask`,
    control: `an app that refuses nothing fails ${control.failed} of ${control.tried} of these tries`,
    ok: faults.length === 0 && alone > 200 && inside === alone &&
      control.failed >= control.tried - 2 * ROUTES.length,
  };
  console.log(`@@${JSON.stringify(result)}`);
});
