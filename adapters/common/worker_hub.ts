/**
 * The hub of an `interconnect_worker`: it knows the members of one process by number, and hands the port of a
 * new pipe from who dials to who is dialled. What they say to each other then passes it by.
 *
 *     member to hub    ["listen"]   ["leave"]   ["dial", call, number, port, words]
 *     hub to member    ["at", address]   ["pipe", from, port, words]   ["refused", call, why]
 *                      ["gone", number]
 */
import { MessageChannel, type MessagePort } from "node:worker_threads";

/** What a hub asks of a Worker: to say when it has ended. */
export interface EndingWorker {
  /** As `Worker` of `node:worker_threads` has it. */
  on(event: "exit", listener: () => void): unknown;
}

/** What is at one number. */
interface Door {
  readonly number: number;
  /** The hub's end of the channel. */
  readonly port: MessagePort;
  isListening: boolean;
}

const ADDRESS = /^worker:([0-9a-f]{16}):([1-9][0-9]{0,8})$/;

/** The hub and the number that an address names. */
export function parseWorkerAddress(text: string): { readonly hub: string; readonly number: number } {
  const match = ADDRESS.exec(text);
  if (match === null) throw new TypeError(`An address is worker:hub:number, got ${JSON.stringify(text)}`);
  return { hub: match[1]!, number: Number(match[2]) };
}

/** Doors, and who is behind them. */
export class Switchboard {
  /** What tells its addresses from those of other hubs: 16 hexadecimal digits. */
  readonly id: string;
  readonly #doors = new Map<number, Door>();
  /** By the end of the channel that was given away. */
  readonly #given = new WeakMap<MessagePort, number>();
  #numbers = 0;
  #isClosed = false;

  constructor(id: string) {
    this.id = id;
  }

  /** A port for one member; undefined once the hub is closed. */
  port(): MessagePort | undefined {
    if (this.#isClosed) return undefined;
    const { port1, port2 } = new MessageChannel();
    const door: Door = { number: ++this.#numbers, port: port1, isListening: false };
    this.#doors.set(door.number, door);
    this.#given.set(port2, door.number);
    port1.on("message", (said: unknown) => this.#hear(door, said));
    port1.on("close", () => this.#lost(door));
    // Only members keep a process alive.
    port1.unref();
    return port2;
  }

  /** Has all links to the member with this port end when its Worker does. */
  watch(port: MessagePort, worker: EndingWorker): void {
    const number = this.#given.get(port);
    if (number === undefined) throw new TypeError("The port is none that this hub has given");
    worker.on("exit", () => {
      const door = this.#doors.get(number);
      if (door === undefined) return;
      this.#lost(door);
      door.port.close();
    });
  }

  /** Hands on no more. */
  close(): void {
    this.#isClosed = true;
    const doors = [...this.#doors.values()];
    this.#doors.clear();
    for (const { port } of doors) port.close();
  }

  /** A door is gone and nobody said that it would: whoever was there ended with it. */
  #lost(door: Door): void {
    if (!this.#doors.delete(door.number)) return;
    for (const { port } of this.#doors.values()) port.postMessage(["gone", door.number]);
  }

  #hear(door: Door, said: unknown): void {
    const [what, call, number, port, words] = Array.isArray(said) ? said : [];
    if (what === "listen") {
      door.isListening = true;
      door.port.postMessage(["at", `worker:${this.id}:${door.number}`]);
    } else if (what === "leave") {
      this.#doors.delete(door.number);
      door.port.close();
    } else if (what === "dial" && typeof port?.postMessage === "function") {
      const to = this.#doors.get(number);
      if (to?.isListening) return to.port.postMessage(["pipe", door.number, port, words], [port]);
      door.port.postMessage(["refused", call, `nobody is at worker:${this.id}:${number}`]);
      port.close();
    }
  }
}
