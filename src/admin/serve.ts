/** Serve: the admin app behind the HTTP server that the runtime brings: Deno's, Bun's or Node's. */
import type { Node } from "../node/node.ts";
import { adminApp } from "./app.ts";
import { listenError } from "./listen_error.ts";
import { listenNode } from "./listen_node.ts";
import type { AdminOptions } from "./options.ts";
import { problemOf } from "./problem.ts";

/** Options of `serveAdmin`. */
export interface ServeAdminOptions extends AdminOptions {
  /**
   * Address to listen at; `127.0.0.1` by default. Beyond this host the token crosses the network as it is:
   * put a proxy that speaks TLS in front, and name its host in `hosts`.
   */
  readonly hostname?: string;
  /** Port; 8700 by default, any free one for 0. */
  readonly port?: number;
}

/** A server that listens. */
export interface AdminServer extends AsyncDisposable {
  /** Where it answers: `http://127.0.0.1:8700`. */
  readonly url: string;
  /** Port it listens at. */
  readonly port: number;
  /** File with the token; undefined when one was given. */
  readonly tokenPath: string | undefined;
  /** Answers what has begun, and ends. Safe to call twice. */
  close(): Promise<void>;
}

/** What a runtime's server gives. */
export interface Listening {
  readonly port: number;
  readonly close: () => Promise<void>;
}

/** Answers a request. */
export type Fetch = (request: Request) => Response | Promise<Response>;

/** Most milliseconds that a closing server waits for answers. */
const CLOSE_MS = 5_000;

/**
 * Serves the admin app of a node. The token is made before it listens, so that whoever starts it can read it
 * from the file at `tokenPath`. Rejects `PERMISSION` for a port that is not allowed by the system or the
 * runtime, `IO` for one that cannot be had otherwise, and what the app rejects. A server ends before its
 * node, as `await using` in this order has it.
 *
 * ```ts
 * import { openNode } from "@cohort/db";
 * import { serveAdmin } from "@cohort/db/admin";
 *
 * await using node = await openNode();
 * await using admin = await serveAdmin(node, { port: 0, token: "0123456789abcdef0123456789abcdef" });
 * const answer = await fetch(`${admin.url}/readyz`);
 * console.log(answer.status); // 200
 * await answer.body?.cancel();
 * ```
 */
export async function serveAdmin(node: Node, options: ServeAdminOptions = {}): Promise<AdminServer> {
  const { hostname = "127.0.0.1", port = 8700, ...others } = options;
  checkAddress(hostname, port);
  const hosts = [...(others.hosts ?? []), hostname.includes(":") ? `[${hostname}]` : hostname];
  const app = adminApp(node, { ...others, hosts });
  const token = others.token === undefined ? await node.administration.accessKey() : undefined;
  const { fetch, settled } = counted((request) => app.fetch(request));
  const listening = await listen(hostname, port, fetch);
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => closing ??= settled().then(() => listening.close());
  const shown = hostname.includes(":") ? `[${hostname}]` : hostname;
  return {
    url: `http://${shown}:${listening.port}`,
    port: listening.port,
    tokenPath: token?.path,
    close,
    [Symbol.asyncDispose]: close,
  };
}

function checkAddress(hostname: string, port: number): void {
  if (typeof hostname !== "string" || hostname === "") {
    throw new TypeError(`hostname is a text, got ${JSON.stringify(hostname)}`);
  }
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new RangeError(`port is a whole number from 0 to 65535, got ${port}`);
  }
}

/** The same, with a count of what is under way: `settled` resolves when nothing is, or after a while. */
function counted(answer: Fetch): { readonly fetch: Fetch; readonly settled: () => Promise<void> } {
  let running = 0;
  let onIdle: () => void = () => {};
  const fetch = async (request: Request): Promise<Response> => {
    running++;
    try {
      return await answer(request);
    } finally {
      if (--running === 0) onIdle();
    }
  };
  const settled = async (): Promise<void> => {
    if (running === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    onIdle = resolve;
    const timer = setTimeout(resolve, CLOSE_MS);
    await promise;
    clearTimeout(timer);
    // The last answer leaves before its connection is closed.
    await new Promise<void>((done) => void setTimeout(done, 0));
  };
  return { fetch, settled };
}

async function listen(hostname: string, port: number, fetch: Fetch): Promise<Listening> {
  const { Deno, Bun } = globalThis as unknown as Runtimes;
  try {
    if (Deno?.serve !== undefined) return listenDeno(Deno.serve, hostname, port, fetch);
    if (Bun?.serve !== undefined) return listenBun(Bun.serve, hostname, port, fetch);
    return await listenNode(hostname, port, fetch);
  } catch (error) {
    throw listenError(hostname, port, error);
  }
}

/** What of the runtimes is used; one of them is there, or none. */
interface Runtimes {
  readonly Deno?: { readonly serve?: DenoServe };
  readonly Bun?: { readonly serve?: BunServe };
}

type DenoServe = (
  options: { hostname: string; port: number; onListen: () => void; onError: () => Response },
  handler: Fetch,
) => { readonly addr: { readonly port: number }; shutdown(): Promise<void> };

type BunServe = (
  options: {
    hostname: string;
    port: number;
    idleTimeout: number;
    development: boolean;
    reusePort: boolean;
    fetch: Fetch;
    error: () => Response;
  },
) => { readonly port: number; stop(isForced: boolean): Promise<void> };

function listenDeno(serve: DenoServe, hostname: string, port: number, fetch: Fetch): Listening {
  const server = serve({ hostname, port, onListen: () => {}, onError: () => problemOf(undefined) }, fetch);
  return { port: server.addr.port, close: () => server.shutdown() };
}

/** Seconds of silence after which Bun closes a connection, its longest: an answer may take its time. */
const BUN_IDLE_S = 255;

function listenBun(serve: BunServe, hostname: string, port: number, fetch: Fetch): Listening {
  const server = serve({
    hostname,
    port,
    idleTimeout: BUN_IDLE_S,
    development: false,
    // Outside of development Bun would share the port with whoever else asks for it so.
    reusePort: false,
    fetch,
    error: () => problemOf(undefined),
  });
  return { port: server.port, close: async () => await server.stop(true) };
}
