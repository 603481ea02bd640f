/** Listen address: where a member listens, as a person writes it. Pure. */

/** A host and port, 0 for one that the system gives; or the path of a Unix socket. */
export type ListenAddress = { readonly host: string; readonly port: number } | { readonly path: string };

const HOST_PORT = /^(?:\[([0-9a-fA-F:.%]+)\]|([^:/\s[\]]+))(?::([0-9]{1,5}))?$/;
const UNIX = "unix:";
/** Addresses of every interface: nobody can be called there. */
const EVERYWHERE = ["0.0.0.0", "::", "0:0:0:0:0:0:0:0"];

/**
 * Takes a text apart: `host`, `host:port`, `[::1]:port` or `unix:/path`. Throws `TypeError` for what is none,
 * and
 * `RangeError` for a port that there is not, or an address that nobody can call.
 */
export function parseListenAddress(text: unknown): ListenAddress {
  if (typeof text === "string" && text.startsWith(UNIX + "/") && !text.includes("\0")) {
    return { path: text.slice(UNIX.length) };
  }
  const match = typeof text === "string" ? HOST_PORT.exec(text) : null;
  if (match === null) {
    throw new TypeError(`address is host, host:port, [::1]:port or unix:/path, got ${JSON.stringify(text)}`);
  }
  const host = match[1] ?? match[2]!, port = Number(match[3] ?? 0);
  if (port > 65_535) throw new RangeError(`The port of an address is at most 65535, got ${port}`);
  if (EVERYWHERE.includes(host)) {
    throw new RangeError(`address is one at which others call this node: nobody can call ${host}`);
  }
  return { host, port };
}
