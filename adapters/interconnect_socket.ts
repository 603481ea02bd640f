/**
 * Interconnect over sockets of `node:net`: TCP on the loopback interface by default, on any address, or a
 * Unix socket.
 *
 * Both ends prove that they know the cluster's secret before anything else is looked at, and all messages of
 * a turn leave in one write with one authentication code. Nothing is encrypted: across machines put it inside
 * a private network or a tunnel.
 */
import { createConnection, createServer, type Server, type Socket } from "node:net";
import { checkOptions, type OptionNames } from "../src/ground/options.ts";
import type { Interconnect } from "../src/ports/interconnect.ts";
import { createSystemClock } from "./clock_system.ts";
import {
  GREETING_MS,
  LinkInterconnect,
  type LinkTransport,
  type Pipe,
  type PipeEvents,
} from "./common/link_interconnect.ts";
import { listenAt } from "./common/socket_listen.ts";
import { parseAddress, type SocketAddress, textOfAddress } from "./common/socket_address.ts";
import { createSystemEntropy } from "./entropy_system.ts";

/** Options of {@linkcode createSocketInterconnect}. */
export interface SocketInterconnectOptions {
  /** Address to listen at: `127.0.0.1` by default. */
  readonly host?: string;
  /** Port to listen at; 0, the default, has the system give one. */
  readonly port?: number;
  /**
   * Path of a Unix socket to listen at instead, 107 bytes at most. A socket that a killed process left there
   * is removed; one at which a process listens is not, nor another kind of file.
   */
  readonly path?: string;
  /** Milliseconds until both ends must have proven themselves: 2,000 by default. */
  readonly greetingMs?: number;
}

const SOCKET_INTERCONNECT_OPTIONS: OptionNames<SocketInterconnectOptions> = {
  host: true,
  port: true,
  path: true,
  greetingMs: true,
};

/** Milliseconds that the last bytes of an ended link have to leave. */
const LINGER_MS = 1_000;

/** Makes an interconnect over sockets; nothing happens before it is opened. */
export function createSocketInterconnect(options: SocketInterconnectOptions = {}): Interconnect {
  checkOptions(options, SOCKET_INTERCONNECT_OPTIONS);
  const { host = "127.0.0.1", port = 0, path, greetingMs = GREETING_MS } = options;
  if (!(Number.isInteger(port) && port >= 0 && port <= 65_535)) {
    throw new RangeError(`port is a whole number from 0 to 65535, got ${port}`);
  }
  const at = path === undefined ? { host, port } : { path };
  return new LinkInterconnect(new SocketTransport(at), {
    clock: createSystemClock(),
    entropy: createSystemEntropy(),
    greetingMs,
  });
}

class SocketTransport implements LinkTransport {
  readonly name = "socket";
  readonly #at: SocketAddress;
  readonly #pipes = new Set<SocketPipe>();
  #server: Server | undefined;

  constructor(at: SocketAddress) {
    this.#at = at;
  }

  async listen(accept: (pipe: Pipe) => void): Promise<string> {
    const at = this.#at;
    const server = await listenAt(
      at,
      () => createServer((socket) => accept(this.#pipe(socket, false))),
    );
    this.#server = server;
    const bound = server.address();
    if ("path" in at || bound === null || typeof bound === "string") return textOfAddress(at);
    return textOfAddress({ host: at.host, port: bound.port });
  }

  dial(address: string): Pipe {
    const to = parseAddress(address);
    return this.#pipe("path" in to ? createConnection(to.path) : createConnection(to.port, to.host), true);
  }

  async close(): Promise<void> {
    const pipes = [...this.#pipes];
    for (const pipe of pipes) pipe.end();
    const server = this.#server;
    if (server !== undefined) await new Promise<void>((resolve) => server.close(() => resolve()));
    await Promise.all(pipes.map((pipe) => pipe.closed));
  }

  #pipe(socket: Socket, isDialled: boolean): SocketPipe {
    const pipe = new SocketPipe(socket, isDialled);
    this.#pipes.add(pipe);
    void pipe.closed.then(() => this.#pipes.delete(pipe));
    return pipe;
  }
}

class SocketPipe implements Pipe {
  /** Resolves when the socket is closed. */
  readonly closed: Promise<void>;
  readonly #socket: Socket;
  readonly #isDialled: boolean;
  #linger: ReturnType<typeof setTimeout> | undefined;

  constructor(socket: Socket, isDialled: boolean) {
    this.#socket = socket;
    this.#isDialled = isDialled;
    socket.setNoDelay(true);
    this.closed = new Promise((resolve) =>
      socket.once("close", () => {
        clearTimeout(this.#linger);
        resolve();
      })
    );
    // Until somebody hears of it, and after the end, an error is told by `close` alone.
    socket.on("error", () => {});
  }

  get pendingBytes(): number {
    return this.#socket.writableLength;
  }

  begin(events: PipeEvents): void {
    const socket = this.#socket;
    if (this.#isDialled) socket.once("connect", () => events.open());
    // A Buffer's `slice` copies nothing, so nobody above gets to see one.
    socket.on(
      "data",
      ({ buffer, byteOffset, byteLength }: Uint8Array) =>
        events.data(new Uint8Array(buffer, byteOffset, byteLength)),
    );
    socket.on("end", () => events.gone("the other end has closed"));
    socket.on("error", (error) => events.gone(error.message));
    socket.on("close", () => events.gone("the connection is gone"));
  }

  write(bytes: Uint8Array): void {
    if (!this.#socket.writableEnded && !this.#socket.destroyed) this.#socket.write(bytes);
  }

  end(): void {
    const socket = this.#socket;
    if (this.#linger !== undefined || socket.destroyed) return;
    this.#linger = setTimeout(() => socket.destroy(), LINGER_MS);
    if (socket.connecting) socket.destroy();
    else socket.end(() => socket.destroy());
  }
}
