/**
 * A Hono app whose instances share what they count. Start it as often as you like, on Deno and on Bun:
 *
 *     PORT=8001 bun examples/hono_cluster.ts
 *     PORT=8002 deno run -A examples/hono_cluster.ts
 *     PORT=8003 bun examples/hono_cluster.ts
 *     curl localhost:8001/ ; curl localhost:8002/ ; curl localhost:8003/
 *
 * Kill one with `kill -9`: the others go on counting, and no visit that was answered is lost. Any says
 * how the cluster is:
 *
 *     curl -H "Authorization: Bearer $(cat cluster/access_key.*)" localhost:8002/cluster/members
 */
import process from "node:process";
import { Hono } from "hono";
import { openNode } from "@cohort/db";
import { adminApp } from "@cohort/db/admin";

const { PORT = "8001", PIJ = "./cluster" } = process.env;

const node = await openNode({ pij: PIJ, name: `web-${PORT}` });
const database = await node.mount(`${PIJ}/visits`, { mode: "clustered", create: true });
const visits = database.global<number>("Visits");

const app = new Hono();
app.get("/", async (context) => {
  const count = await visits.increment(["/"], 1);
  return context.json({ count, by: node.administration.name });
});
app.route("/cluster", adminApp(node));

const address = { hostname: "127.0.0.1", port: Number(PORT) };
const { Deno, Bun } = globalThis as unknown as Servers;
if (Deno !== undefined) Deno.serve({ ...address, onListen: () => {} }, app.fetch);
else Bun!.serve({ ...address, fetch: app.fetch });

const token = await node.administration.accessKey();
console.log(
  `${node.administration.name} listens at http://127.0.0.1:${PORT}, its token is in ${token?.path}`,
);

// Brings everything home and leaves the cluster in good order.
process.on("SIGTERM", () => void node.close().then(() => process.exit(0)));

/** The two servers, as far as they are used here; a program for one runtime names its own alone. */
interface Servers {
  readonly Deno?: { serve(options: Address & { onListen(): void }, fetch: Fetch): unknown };
  readonly Bun?: { serve(options: Address & { fetch: Fetch }): unknown };
}
type Address = typeof address;
type Fetch = typeof app.fetch;
