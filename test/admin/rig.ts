/** A cluster of two members in a folder of its own, and ways to ask an admin app. */
import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import type { Hono } from "hono";
import { type Node, openNode } from "@cohort/db";
import { listenNode } from "../../src/admin/listen_node.ts";
import type { Answered, Ask } from "./refusals.ts";

/** Two members, one of them with a database. */
export interface Pair {
  readonly pij: string;
  readonly alpha: Node;
  readonly beta: Node;
}

/** Runs a play with two members, and ends them. */
export async function withPair(body: (pair: Pair) => Promise<void>): Promise<void> {
  const pij = mkdtempSync(`${tmpdir()}/cohort-admin-`);
  try {
    await using alpha = await openNode({ pij, name: "alpha", poolBytes: 4 << 20 });
    await using beta = await openNode({ pij, name: "beta", poolBytes: 4 << 20 });
    await alpha.mount(`${pij}/hr`, { mode: "clustered", create: true });
    await beta.join();
    await body({ pij, alpha, beta });
  } finally {
    rmSync(pij, { recursive: true, force: true });
  }
}

/** The token that lies in a PIJ directory. */
export function tokenIn(pij: string): string {
  const name = readdirSync(pij).find((it) => it.startsWith("access_key."));
  return readFileSync(`${pij}/${name}`, "utf8");
}

/** What is asked of an app. */
interface App {
  request(url: string, init: RequestInit): Response | Promise<Response>;
}

/** Asks an app without any server. */
export function asking(app: App, prefix: string = ""): Ask {
  return async ({ method, path, headers, body }) => {
    const sent = typeof body === "string" ? body : body?.slice();
    const init: RequestInit = { method, headers, ...(sent === undefined ? {} : { body: sent }) };
    const response = await app.request(`http://localhost${prefix}${path}`, init);
    return { status: response.status, headers: response.headers, text: await response.text() };
  };
}

/** Asks a server by curl. */
export function curling(url: string): Ask {
  return async ({ method, path, headers, body }) => {
    const given = Object.entries(headers).flatMap(([name, value]) => ["-H", `${name}: ${value}`]);
    // Without this curl waits whether a large body is wanted.
    const data = body === undefined ? [] : ["--data-binary", "@-", "-H", "Expect:"];
    const how = method === "HEAD" ? ["--head"] : ["-X", method];
    const args = ["-s", "-i", "-m", "20", ...how, ...given, ...data, `${url}${path}`];
    return parsed(await output("curl", args, body));
  };
}

function output(file: string, args: string[], input: Uint8Array | string | undefined): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { stdio: ["pipe", "pipe", "pipe"] });
    const chunks: Uint8Array[] = [];
    child.stdout.on("data", (chunk: Uint8Array) => chunks.push(chunk));
    child.stdin.on("error", () => {}); // a server that refuses does not read all
    child.on("error", reject);
    child.on("close", (code) => {
      const text = new TextDecoder().decode(joined(chunks));
      // A connection that ends behind a refusal is no fault.
      if (text !== "") resolve(text);
      else reject(new Error(`${file} ended with ${code}`));
    });
    child.stdin.end(input ?? "");
  });
}

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(chunks.reduce((sum, it) => sum + it.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}

function parsed(output: string): Answered {
  const end = output.indexOf("\r\n\r\n");
  const [first = "", ...lines] = output.slice(0, end).split("\r\n");
  const headers = new Headers();
  for (const line of lines) {
    const at = line.indexOf(":");
    headers.append(line.slice(0, at), line.slice(at + 1).trim());
  }
  return { status: Number(first.split(" ")[1]), headers, text: output.slice(end + 4) };
}

/** A Hono app behind the server of this runtime, as its author would serve it. */
export async function serveHono(
  app: Hono,
): Promise<{ readonly url: string; readonly end: () => Promise<void> }> {
  const { Deno, Bun } = globalThis as unknown as {
    readonly Deno?: {
      serve(options: object, fetch: Hono["fetch"]): { addr: { port: number }; shutdown(): Promise<void> };
    };
    readonly Bun?: {
      serve(options: object): { port: number; stop(isForced: boolean): Promise<void> };
    };
  };
  const where = { hostname: "127.0.0.1", port: 0 };
  const urlOf = (port: number): string => `http://127.0.0.1:${port}`;
  if (Deno !== undefined) {
    const server = Deno.serve({ ...where, onListen: () => {} }, app.fetch);
    return { url: urlOf(server.addr.port), end: () => server.shutdown() };
  }
  if (Bun !== undefined) {
    const server = Bun.serve({ ...where, fetch: app.fetch });
    return { url: urlOf(server.port), end: async () => await server.stop(true) };
  }
  const server = await listenNode(where.hostname, where.port, (request) => app.fetch(request));
  return { url: urlOf(server.port), end: server.close };
}
