/** Requests drawn by chance, of who may ask: all are done, or refused for what they are. */
import process from "node:process";
import { assertEquals } from "@std/assert";
import { test } from "#test";
import { adminApp } from "@cohort/db/admin";
import { ROUTES } from "../../src/admin/routes.ts";
import { Prng } from "../support/prng.ts";
import type { Asked } from "./refusals.ts";
import { asking, withPair } from "./rig.ts";

const TOKEN = "0123456789abcdef0123456789abcdef";
const REQUESTS = 1_500;
const METHODS = ["GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "HEAD"];
const FIELDS = ["directory", "mode", "create", "readOnly", "member"];
const TEXTS = [
  ...[
    "hr",
    "",
    "/",
    ".",
    "..",
    "../x",
    "hr/",
    "hr//x",
    "hr/cohort.dat",
    "hr/cohort.dat/x",
    "//",
    "~",
    "%2e%2e",
  ],
  ...["DKA100:[HR]", "$1$DKA0:[X]", "a:b", ":", "[", "]", "journals", "view.1", "anchor", "cluster.1/x"],
  ...["x".repeat(300), "x/".repeat(100), "\u0000", "\u{1F600}", "\ud800", "a\u0301", "__proto__", "CON"],
  ...["alpha", "beta", "private", "clustered"],
];

function drawText(prng: Prng): string {
  return prng.once(4) ? `${prng.pick(TEXTS)}/${prng.pick(TEXTS)}` : prng.pick(TEXTS);
}

function drawValue(prng: Prng): unknown {
  switch (prng.below(7)) {
    case 0:
      return prng.pick([0, -1, 1e300, 0.5]);
    case 1:
      return null;
    case 2:
      return prng.once(2);
    case 3:
      return [drawValue(prng)];
    case 4:
      return { [drawText(prng)]: drawValue(prng) };
    default:
      return drawText(prng);
  }
}

function drawField(prng: Prng, name: string): unknown {
  if (prng.once(6)) return drawValue(prng);
  if (name === "create" || name === "readOnly") return prng.once(2);
  if (name === "mode") return prng.pick(["private", "clustered"]);
  return name === "member" ? prng.pick(["alpha", "beta", "gamma"]) : drawText(prng);
}

function drawBody(prng: Prng): string {
  if (prng.once(8)) return JSON.stringify(drawValue(prng));
  if (prng.once(8)) {
    return Array.from({ length: prng.below(60) }, () => String.fromCharCode(prng.below(128))).join("");
  }
  const given = FIELDS.filter((name) => name === "directory" ? !prng.once(8) : prng.once(2));
  return JSON.stringify(Object.fromEntries(given.map((name) => [name, drawField(prng, name)])));
}

function draw(prng: Prng): Asked {
  const posts = ROUTES.filter((it) => it.method === "POST" && (it.path !== "/leave" || prng.once(20)));
  const { method: own, path: route } = prng.once(3) ? prng.pick(ROUTES) : prng.pick(posts);
  const method = prng.once(5) ? prng.pick(METHODS) : own;
  const odd = [`${route}/`, `/${route}`, route.toUpperCase(), `/%2e%2e${route}`, "/%", "/%ff", `${route}%00`];
  return {
    method,
    path: prng.once(8) ? prng.pick(odd) : route,
    headers: { "Content-Type": "application/json", Authorization: `Bearer ${TOKEN}` },
    body: method === "GET" || method === "HEAD" ? undefined : drawBody(prng),
  };
}

test("admin app: drawn requests are done, or refused for what they are", { timeoutMs: 120_000 }, async () => {
  const seed = Math.floor(performance.timeOrigin) | 0;
  const prng = new Prng(seed);
  const seen = new Set<number>();
  await withPair(async ({ pij, alpha }) => {
    const ask = asking(adminApp(alpha, { token: TOKEN }));
    for (let n = 0; n < REQUESTS; n++) {
      const asked = draw(prng);
      const { status, headers, text } = await ask(asked);
      const what = `seed ${seed}, request ${n}: ${JSON.stringify(asked)}: ${status} ${text}`;
      seen.add(status);
      // Beta may leave just then: that is to be tried again.
      assertEquals(status < 500 || status === 503 && JSON.parse(text).retryable, true, what);
      if (status === 200 && asked.path === "/leave") await alpha.join();
      if (status < 400) continue;
      assertEquals(headers.get("content-type"), "application/problem+json", what);
      for (const secret of [pij, process.cwd(), `/proc/${process.pid}`]) {
        assertEquals(text.includes(secret), false, what);
      }
    }
    assertEquals(alpha.status.state, "active");
  });
  assertEquals([200, 400, 404, 405, 422].filter((it) => !seen.has(it)), []);
});
