/**
 * Admin app: a cluster over HTTP, as a pure function of the request. It may stand alone or under a prefix in
 * another Hono app; any member's answers for the cluster.
 */
import { type Context, Hono } from "hono";
import type { Node } from "../node/node.ts";
import { Access } from "./access.ts";
import { guard } from "./guard.ts";
import { type AdminOptions, adminSettingsOf } from "./options.ts";
import { Places } from "./places.ts";
import { problemOf, Refusal } from "./problem.ts";
import { type Call, type Route, ROUTES } from "./routes.ts";

/** A Hono app, as `new Hono()` makes one; written so that Hono's own types are not documented as ours. */
export type AdminApp = InstanceType<(typeof import("hono"))["Hono"]>;

/**
 * Makes the admin app of a node. Every refusal is `application/problem+json`. Without the bearer token only
 * `/livez` and `/readyz` answer.
 *
 * ```ts
 * import { openNode } from "@cohort/db";
 * import { adminApp } from "@cohort/db/admin";
 * import { Hono } from "hono";
 *
 * await using node = await openNode();
 * const app = new Hono();
 * app.route("/admin", adminApp(node, { token: "0123456789abcdef0123456789abcdef" }));
 * const answer = await app.request("http://localhost/admin/livez");
 * console.log(answer.status); // 200
 * ```
 *
 * @param node Any member of the cluster, or a node that is none.
 * @param options See {@link AdminOptions}.
 * @throws {TypeError} or {RangeError} naming a wrong option.
 */
export function adminApp(node: Node, options: AdminOptions = {}): AdminApp {
  const settings = adminSettingsOf(options);
  if (settings.token === undefined && !node.administration.hasPij) {
    throw new TypeError("A node without pij keeps no token: give token");
  }
  const access = new Access(node.administration, settings.token);
  const places = new Places(node.administration, settings);
  const app = new Hono();
  app.onError((error) => problemOf(error, places.shownWithout));
  app.use("*", guard(settings));
  const add = (route: Route): void => {
    const run = async ({ req }: Context): Promise<Response> => {
      const call: Call = { node, settings, places, request: req };
      const answer = await route.run(call);
      return answer === undefined ? new Response(null) : Response.json(answer);
    };
    app.on(route.method, route.path, run);
  };
  for (const route of ROUTES) if (route.isOpen) add(route);
  app.use("*", async ({ req }, next) => {
    await access.admit(req.raw);
    await places.ready();
    await next();
  });
  for (const route of ROUTES) if (!route.isOpen) add(route);
  for (const [path, methods] of methodsByPath()) {
    app.all(path, () => {
      throw new Refusal("METHOD_NOT_ALLOWED", "", { headers: { Allow: methods.join(", ") } });
    });
  }
  // Not `notFound`, which the app around this one would answer by its own.
  app.all("*", () => {
    throw new Refusal("NO_ROUTE");
  });
  return app;
}

function methodsByPath(): Map<string, string[]> {
  const methods = new Map<string, string[]>();
  for (const { path, method } of ROUTES) {
    const known = methods.get(path) ?? [];
    methods.set(path, [...known, ...(method === "GET" ? ["GET", "HEAD"] : [method])]);
  }
  return methods;
}
