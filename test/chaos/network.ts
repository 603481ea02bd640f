/**
 * A network of namespaces: each member has an address of its own, on one bridge, and can be cut off from all
 * others or from one, both ways or one way. Needs the rights to make namespaces (root on Linux).
 */
import { spawnSync } from "node:child_process";
import process from "node:process";

/** How a network can be cut. */
export type Cut =
  /** The cable is drawn: the link is down at both ends. */
  | { readonly kind: "unplugged"; readonly at: number }
  /** Nothing passes the switch any more, and nobody is told. */
  | { readonly kind: "silent"; readonly at: number }
  /** What one sends to another gets lost. */
  | { readonly kind: "one way"; readonly at: number; readonly to: number }
  /** Two do not reach each other; both reach all others. */
  | { readonly kind: "pair"; readonly at: number; readonly to: number };

/** A bridge and the namespaces on it. */
export class Network {
  readonly #tag: string;
  readonly #members: number;
  readonly #net: number;

  /** Undefined where no namespaces may be made. */
  static make(members: number): Network | undefined {
    const network = new Network(members);
    try {
      network.#make();
      return network;
    } catch {
      network.close();
      return undefined;
    }
  }

  private constructor(members: number) {
    // Several drivers may run at once.
    this.#net = process.pid % 250;
    this.#tag = `chaos${process.pid % 100_000}`;
    this.#members = members;
  }

  /** Address of a member. */
  host(at: number): string {
    return `10.213.${this.#net}.${at + 1}`;
  }

  /** Command line that runs the rest of it in the namespace of a member, in the same process. */
  lead(at: number): string[] {
    return ["nsenter", `--net=/run/netns/${this.#name(at)}`];
  }

  /** Cuts; answers what ends it. */
  cut(cut: Cut): () => void {
    if (cut.kind === "unplugged") return this.#set(["link", "set", this.#port(cut.at)], ["down"], ["up"]);
    if (cut.kind === "silent") {
      const state = ["link", "set", this.#port(cut.at), "type", "bridge_slave", "state"];
      return this.#set(state, ["0"], ["3"]);
    }
    const there = this.#lose(cut.at, cut.to);
    const back = cut.kind === "pair" ? this.#lose(cut.to, cut.at) : () => {};
    return () => {
      there();
      back();
    };
  }

  #lose(from: number, to: number): () => void {
    const route = ["blackhole", `${this.host(to)}/32`];
    this.#ip("-n", this.#name(from), "route", "add", ...route);
    return () => this.#ip("-n", this.#name(from), "route", "del", ...route);
  }

  #set(what: string[], now: string[], then: string[]): () => void {
    this.#ip(...what, ...now);
    return () => this.#ip(...what, ...then);
  }

  #make(): void {
    this.#ip("link", "add", this.#tag, "type", "bridge");
    this.#ip("link", "set", this.#tag, "up");
    for (let at = 0; at < this.#members; at++) {
      const name = this.#name(at), port = this.#port(at);
      this.#ip("netns", "add", name);
      this.#ip("link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", name);
      this.#ip("link", "set", port, "master", this.#tag, "up");
      this.#ip("-n", name, "addr", "add", `${this.host(at)}/24`, "dev", "eth0");
      this.#ip("-n", name, "link", "set", "eth0", "up");
      this.#ip("-n", name, "link", "set", "lo", "up");
    }
  }

  /** Takes it all away; no process may be in it any more. */
  close(): void {
    for (let at = 0; at < this.#members; at++) spawnSync("ip", ["netns", "del", this.#name(at)]);
    spawnSync("ip", ["link", "del", this.#tag]);
  }

  #name(at: number): string {
    return `${this.#tag}m${at}`;
  }

  #port(at: number): string {
    return `${this.#tag}p${at}`;
  }

  #ip(...args: string[]): void {
    const { status, stderr } = spawnSync("ip", args, { encoding: "utf8" });
    if (status !== 0) throw new Error(`ip ${args.join(" ")}: ${stderr}`);
  }
}
