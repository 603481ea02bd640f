/**
 * Guard: what every request passes before it is routed: how large it is, which host it names, which page
 * sent it, how many there are. Pure but for the count.
 */
import type { Context, Next } from "hono";
import type { AdminSettings } from "./options.ts";
import { problemOf, Refusal } from "./problem.ts";

/** Longest address, and all headers together, in characters. */
const URL_MAX = 2_048;
const HEADERS_MAX = 16_384;
/** Methods that change nothing. */
const SAFE_METHODS: ReadonlySet<string> = new Set(["GET", "HEAD"]);

/** Headers of every answer. */
const ANSWER_HEADERS: Readonly<Record<string, string>> = {
  "Cache-Control": "no-store",
  "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
  "Referrer-Policy": "no-referrer",
  "X-Content-Type-Options": "nosniff",
};

/** The guard as Hono has it: the first that a request meets. */
export function guard(settings: AdminSettings): (context: Context, next: Next) => Promise<Response | void> {
  let running = 0;
  return async (context, next) => {
    running++;
    try {
      if (running > settings.requestsMax) throw new Refusal("BUSY");
      checkRequest(context.req.raw, settings);
      await next();
    } catch (error) {
      context.res = problemOf(error);
    } finally {
      running--;
    }
    for (const [name, value] of Object.entries(ANSWER_HEADERS)) context.res.headers.set(name, value);
  };
}

/** Throws a `Refusal` for a request that is not even to be routed. */
export function checkRequest(request: Request, settings: AdminSettings): void {
  const { url, headers, method } = request;
  const named = headers.get("host");
  // Deno makes the address of whatever the header says.
  if (!URL.canParse(url)) throw new Refusal("HOST_REFUSED", "The request names no host");
  const target = new URL(url);
  // A request may name a host in its address and another in its header: both have to be ours.
  if (!isOurs(target.host, settings) || (named !== null && !isOurs(named, settings))) {
    throw new Refusal("HOST_REFUSED", `The request names the host ${JSON.stringify(named ?? target.host)}`);
  }
  if (url.length - target.origin.length > URL_MAX) {
    throw new Refusal("URL_TOO_LONG", `An address has at most ${URL_MAX} characters`);
  }
  let total = 0;
  for (const [name, value] of headers) total += name.length + value.length + 4;
  if (total > HEADERS_MAX) {
    throw new Refusal("HEADERS_TOO_LARGE", `Headers have at most ${HEADERS_MAX} characters`);
  }
  const origin = headers.get("origin");
  if (origin === null || SAFE_METHODS.has(method)) return;
  // A page that was loaded from here names the host that is asked, which is ours.
  const isSame = URL.canParse(origin) && new URL(origin).host === (named ?? target.host).toLowerCase();
  if (!isSame && !settings.origins.has(origin)) {
    throw new Refusal("ORIGIN_REFUSED", `The request comes from a page of ${JSON.stringify(origin)}`);
  }
}

/** Whether a host, with or without a port, is one of those that are allowed. */
function isOurs(host: string, { hosts }: AdminSettings): boolean {
  const [, name, port] = /^(\[[\da-f:.]+\]|[^:[\]@/?#\s]+)(?::(\d{1,5}))?$/.exec(host.toLowerCase()) ?? [];
  if (name === undefined) return false;
  return hosts.has(name) || (port !== undefined && hosts.has(`${name}:${port}`));
}
