/** Listen on Node: `node:http` between its own messages and the `Request` and `Response` of the web. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { Readable } from "node:stream";
import type { AddressInfo } from "node:net";
import { problemOf, Refusal } from "./problem.ts";
import type { Fetch, Listening } from "./serve.ts";

/** Most bytes of all headers that are taken in, and milliseconds for them to come. */
const HEADER_BYTES_MAX = 65_536;
const HEADERS_MS = 10_000;
/** Methods without a body. */
const BODILESS: ReadonlySet<string> = new Set(["GET", "HEAD"]);

/** Listens; rejects what the system refuses. */
export async function listenNode(hostname: string, port: number, fetch: Fetch): Promise<Listening> {
  const options = { maxHeaderSize: HEADER_BYTES_MAX, headersTimeout: HEADERS_MS };
  const server = createServer(options, (incoming, outgoing) => {
    serveOne(incoming, outgoing, fetch).catch(() => outgoing.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, hostname, resolve);
  });
  return { port: (server.address() as AddressInfo).port, close: () => closed(server) };
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

async function serveOne(incoming: IncomingMessage, outgoing: ServerResponse, fetch: Fetch): Promise<void> {
  let response: Response;
  try {
    response = await fetch(requestOf(incoming));
  } catch (error) {
    response = problemOf(error);
  }
  // What is left of a body that nobody wants is not waited for: the connection ends with the answer.
  if (!incoming.readableEnded && !BODILESS.has(incoming.method ?? "")) {
    outgoing.setHeader("Connection", "close");
  }
  for (const [name, value] of response.headers) outgoing.appendHeader(name, value);
  outgoing.writeHead(response.status);
  outgoing.end(new Uint8Array(await response.arrayBuffer()));
}

function requestOf(incoming: IncomingMessage): Request {
  const { method = "GET", url = "/", headers } = incoming;
  const named = headers.host ?? "localhost";
  // A whole address as the target names a host, too; that of the header is looked at beside it.
  const whole = url.startsWith("/") ? `http://${named}${url}` : url;
  if (!/^[^\s/?#@\\]+$/.test(named) || !URL.canParse(whole)) throw new Refusal("HOST_REFUSED");
  const given = new Headers();
  for (const [name, values] of Object.entries(incoming.headersDistinct)) {
    for (const value of values ?? []) given.append(name, value);
  }
  const init = { method, headers: given };
  if (BODILESS.has(method)) return new Request(whole, init);
  const body = Readable.toWeb(incoming) as unknown as ReadableStream<Uint8Array>;
  return new Request(whole, { ...init, body, duplex: "half" } as RequestInit);
}
