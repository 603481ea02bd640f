/**
 * Interconnect between the Workers of one process and their parent, over MessagePorts of
 * `node:worker_threads`.
 *
 * The parent makes a hub and gives each Worker a port of it. A Worker dials through the hub; what two members
 * say to each other goes from one to the other and passes the parent by, so a parent whose loop stands still
 * holds up new links only. Members prove themselves as over any other interconnect.
 *
 * ```ts ignore
 * const hub = createWorkerHub();
 * const port = hub.port();
 * const worker = new Worker(url, { workerData: { port }, transferList: [port] });
 * hub.watch(port, worker);
 * // in the Worker
 * const interconnect = createWorkerInterconnect(workerData.port);
 * ```
 */
import { setImmediate } from "node:timers";
import { MessageChannel, type MessagePort } from "node:worker_threads";
import { CohortError } from "../src/ground/errors.ts";
import { toHex } from "../src/ground/hex.ts";
import { checkOptions, type OptionNames } from "../src/ground/options.ts";
import type { Interconnect } from "../src/ports/interconnect.ts";
import { createSystemClock } from "./clock_system.ts";
import { GREETING_MS, LinkInterconnect, type LinkTransport, type Pipe } from "./common/link_interconnect.ts";
import { type EndingWorker, parseWorkerAddress, Switchboard } from "./common/worker_hub.ts";
import { isPipeWords, newPipeWords, WorkerPipe } from "./common/worker_pipe.ts";
import { createSystemEntropy } from "./entropy_system.ts";

export type { EndingWorker } from "./common/worker_hub.ts";

/** Where the members of one process find each other, made by the parent of the Workers. */
export interface WorkerHub {
  /**
   * A port for one member, to be transferred to its Worker. It is closed by that member's interconnect.
   * Throws `CLOSED` once the hub is closed.
   */
  port(): MessagePort;
  /**
   * Says which Worker has a port: when it exits, all links of its member end at once. A Worker that ends is
   * noticed by its ports, too, but not always: one that is terminated while it does not turn keeps them open
   * on Deno.
   */
  watch(port: MessagePort, worker: EndingWorker): void;
  /** An interconnect for a member in the parent itself; nothing happens before it is opened. */
  interconnect(options?: WorkerInterconnectOptions): Interconnect;
  /** Helps nobody to find another any more; links that are there stay. */
  close(): void;
}

/** Options of {@linkcode createWorkerInterconnect}. */
export interface WorkerInterconnectOptions {
  /** Milliseconds until both ends must have proven themselves: 2,000 by default. */
  readonly greetingMs?: number;
}

const WORKER_INTERCONNECT_OPTIONS: OptionNames<WorkerInterconnectOptions> = { greetingMs: true };

/** Makes a hub. */
export function createWorkerHub(): WorkerHub {
  const id = toHex(createSystemEntropy().fill(new Uint8Array(16))).slice(0, 16);
  const switchboard = new Switchboard(id);
  const port = (): MessagePort => {
    const given = switchboard.port();
    if (given === undefined) throw new CohortError("CLOSED", "Could not give a port: the hub is closed");
    return given;
  };
  return {
    port,
    watch: (given, worker) => switchboard.watch(given, worker),
    interconnect: (options = {}) => createWorkerInterconnect(port(), options),
    close: () => switchboard.close(),
  };
}

/** Makes an interconnect of a port that a hub gave; nothing happens before it is opened. */
export function createWorkerInterconnect(
  port: MessagePort,
  options: WorkerInterconnectOptions = {},
): Interconnect {
  checkOptions(options, WORKER_INTERCONNECT_OPTIONS);
  if (typeof port?.postMessage !== "function") throw new TypeError("port is a MessagePort that a hub gave");
  const { greetingMs = GREETING_MS } = options;
  return new LinkInterconnect(new WorkerTransport(port), {
    clock: createSystemClock(),
    entropy: createSystemEntropy(),
    greetingMs,
  });
}

class WorkerTransport implements LinkTransport {
  readonly name = "worker";
  readonly #port: MessagePort;
  readonly #pipes = new Set<WorkerPipe>();
  /** Dialled, by the number of the call. */
  readonly #dialled = new Map<number, WorkerPipe>();
  #hub = "";
  #calls = 0;
  /** Resolves when the port to the hub is closed; there is none before `listen`. */
  #closed: Promise<void> | undefined;
  #isHubGone = false;

  constructor(port: MessagePort) {
    this.#port = port;
  }

  listen(accept: (pipe: Pipe) => void): Promise<string> {
    const port = this.#port;
    return new Promise((resolve, reject) => {
      this.#closed = new Promise((closed) =>
        port.once("close", () => {
          this.#isHubGone = true;
          reject(
            new CohortError("UNREACHABLE", "Could not listen: the hub is closed", { address: "worker" }),
          );
          closed();
        })
      );
      port.on("message", (said: unknown) => this.#hear(said, accept, resolve));
      port.postMessage(["listen"]);
    });
  }

  dial(address: string): Pipe {
    const { hub, number } = parseWorkerAddress(address);
    const { port1, port2 } = new MessageChannel();
    const words = newPipeWords();
    const pipe = this.#keep(new WorkerPipe(port1, words, 1, number));
    const why = this.#isHubGone
      ? "the hub is closed"
      : hub !== this.#hub
      ? "it is of another hub"
      : undefined;
    if (why !== undefined) {
      setImmediate(() => pipe.lose(why));
      return pipe;
    }
    const call = ++this.#calls;
    this.#dialled.set(call, pipe);
    void pipe.closed.then(() => this.#dialled.delete(call));
    this.#port.postMessage(["dial", call, number, port2, words], [port2]);
    // What is written before the other end has its port waits there.
    setImmediate(() => pipe.reach());
    return pipe;
  }

  async close(): Promise<void> {
    const pipes = [...this.#pipes];
    for (const pipe of pipes) pipe.end();
    if (this.#closed !== undefined && !this.#isHubGone) this.#port.postMessage(["leave"]);
    this.#port.close();
    await Promise.all([this.#closed, ...pipes.map((pipe) => pipe.closed)]);
  }

  #hear(said: unknown, accept: (pipe: Pipe) => void, at: (address: string) => void): void {
    const [what, value, port, words] = Array.isArray(said) ? said : [];
    if (what === "at") {
      this.#hub = parseWorkerAddress(value).hub;
      at(value);
    } else if (what === "pipe" && typeof port?.postMessage === "function") {
      if (!isPipeWords(words)) return port.close();
      accept(this.#keep(new WorkerPipe(port, words, 0, value)));
    } else if (what === "refused") {
      this.#dialled.get(value)?.lose(String(port));
    } else if (what === "gone") {
      for (const pipe of [...this.#pipes]) if (pipe.other === value) pipe.lose("its Worker has ended");
    }
  }

  #keep(pipe: WorkerPipe): WorkerPipe {
    this.#pipes.add(pipe);
    void pipe.closed.then(() => this.#pipes.delete(pipe));
    return pipe;
  }
}
