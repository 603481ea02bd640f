/** Addresses of sockets as text: `tcp://127.0.0.1:4711`, `tcp://[::1]:4711` or `unix:/path`. */

/** Where a socket is. */
export type SocketAddress = { readonly host: string; readonly port: number } | { readonly path: string };

const TCP = /^tcp:\/\/(?:\[([0-9a-fA-F:.%]+)\]|([^:/\s[\]]+)):(\d{1,5})$/;

/** The address a text names. */
export function parseAddress(text: string): SocketAddress {
  if (text.startsWith("unix:") && text.length > 5 && !text.includes("\0")) return { path: text.slice(5) };
  const match = TCP.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port < 1 || port > 65_535) {
    throw new TypeError(`An address is tcp://host:port or unix:path, got ${JSON.stringify(text)}`);
  }
  return { host: match[1] ?? match[2]!, port };
}

/** An address as text. */
export function textOfAddress(address: SocketAddress): string {
  if ("path" in address) return `unix:${address.path}`;
  return `tcp://${address.host.includes(":") ? `[${address.host}]` : address.host}:${address.port}`;
}
