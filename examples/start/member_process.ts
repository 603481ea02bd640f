/** A member, as the demonstration holds it: a process under a runtime, told and heard by lines. */
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { scriptCommand } from "../../test/support/runtimes.mjs";

/** Longest that a command may take, in milliseconds. */
const PATIENCE_MS = 60_000;

/** What it says of its cluster. */
export interface ClusterFacts {
  readonly view: number;
  readonly isMaster: boolean;
  readonly members: ReadonlyArray<{
    readonly name: string;
    readonly address: string;
    readonly pid: number;
    readonly isMaster: boolean;
  }>;
}

/** One of its lives. */
export class MemberProcess {
  readonly name: string;
  readonly runtime: string;
  /** Numbers of the commits that it was told are safe. */
  readonly acknowledged: number[] = [];
  /** When the last was, and the longest time between two, in milliseconds. */
  lastAt = 0;
  longestMs = 0;
  isAlive = true;
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  readonly #waiting = new Map<string, (answer: string) => void>();

  constructor(root: string, name: string, runtime: string) {
    this.name = name;
    this.runtime = runtime;
    const script = fileURLToPath(new URL("member.ts", import.meta.url));
    const [file, ...args] = scriptCommand(runtime, script) as [string, ...string[]];
    this.#child = spawn(file, [...args, root, name], { stdio: ["pipe", "pipe", "inherit"] });
    this.#child.stdin!.on("error", () => {});
    createInterface({ input: this.#child.stdout! }).on("line", (text) => this.#heard(text));
    this.#ended = new Promise((resolve) =>
      this.#child.on("close", () => {
        this.isAlive = false;
        resolve();
      })
    );
  }

  #heard(text: string): void {
    const number = Number(text);
    if (!Number.isNaN(number)) return this.#committed(number);
    const [word, ...rest] = text.split(" ");
    const key = word === "ready" ? word : JSON.parse(rest.shift()!);
    this.#waiting.get(key)?.(rest.join(" "));
  }

  #committed(number: number): void {
    const now = performance.now();
    if (this.lastAt > 0) this.longestMs = Math.max(this.longestMs, now - this.lastAt);
    this.lastAt = now;
    this.acknowledged.push(number);
  }

  /** Resolves when it is a member and has both databases. */
  ready(): Promise<ClusterFacts> {
    return this.#answer("ready") as Promise<ClusterFacts>;
  }

  /** Has it do something, and resolves to what it answers. */
  async tell<T>(word: string): Promise<T> {
    const answer = this.#answer(word);
    this.#child.stdin!.write(`${word}\n`);
    return await answer as T;
  }

  async #answer(word: string): Promise<unknown> {
    let late: ReturnType<typeof setTimeout> | undefined;
    const answer = new Promise<string>((resolve, reject) => {
      this.#waiting.set(word, resolve);
      late = setTimeout(() => reject(new Error(`${this.name} does not answer ${word}`)), PATIENCE_MS);
      void this.#ended.then(() => reject(new Error(`${this.name} has ended before it answered ${word}`)));
    });
    try {
      const text = await answer;
      return text === "" ? undefined : JSON.parse(text);
    } finally {
      clearTimeout(late);
    }
  }

  /** kill -9. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#ended;
  }

  /** Ends it in good order. */
  async end(): Promise<void> {
    if (!this.isAlive) return;
    await this.tell("leave");
    this.#child.stdin!.write("exit\n");
    await this.#ended;
  }
}
