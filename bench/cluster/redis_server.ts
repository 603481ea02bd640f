/** Redis as this bench starts and stops it: one instance of its own, by its process handle. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join, resolve } from "node:path";
import process from "node:process";

const PROGRAM = "redis-server";
const START_MS = 15_000;
const STOP_MS = 30_000;

/** Whether Redis is installed. */
export function hasRedis(): boolean {
  return spawnSync(PROGRAM, ["--version"]).status === 0;
}

/** Where an instance in a directory listens. */
export function redisSocket(directory: string): string {
  return join(resolve(directory), "redis.sock");
}

/** A running instance. */
export class RedisServer {
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  readonly #kill = (): void => void this.#child.kill("SIGKILL");

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#ended = new Promise((resolve) => child.once("exit", () => resolve()));
    process.on("exit", this.#kill);
  }

  /** Starts one in an empty directory and waits until it answers. */
  static async start(directory: string): Promise<RedisServer> {
    const home = resolve(directory);
    rmSync(home, { recursive: true, force: true });
    mkdirSync(home, { recursive: true });
    const settings = [
      "port 0",
      `unixsocket ${redisSocket(home)}`,
      `dir ${home}`,
      'save ""',
      "appendonly yes",
      "appendfsync everysec",
      "auto-aof-rewrite-percentage 0",
      "daemonize no",
      `logfile ${join(home, "redis.log")}`,
    ];
    const file = join(home, "redis.conf");
    writeFileSync(file, settings.join("\n") + "\n");
    const server = new RedisServer(spawn(PROGRAM, [file], { stdio: "ignore" }));
    const until = Date.now() + START_MS;
    while (!(existsSync(redisSocket(home)) && await answers(redisSocket(home)))) {
      if (server.#child.exitCode !== null || Date.now() > until) {
        await server.stop();
        throw new Error(`${PROGRAM} does not answer; ${join(home, "redis.log")} says why`);
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return server;
  }

  /** Ends it and waits until it is gone. */
  async stop(): Promise<void> {
    if (this.#child.exitCode === null) this.#child.kill("SIGTERM");
    const timer = setTimeout(this.#kill, STOP_MS);
    await this.#ended;
    clearTimeout(timer);
    process.off("exit", this.#kill);
  }
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    socket.on("connect", () => {
      socket.end();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });
}
