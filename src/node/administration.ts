/**
 * Administration: what is asked of a cluster, and done to it, from any of its members. What is another
 * member's is asked of that one, through the courier.
 */
import { abortReason } from "../buffer/waiting.ts";
import { openPij, type Pij } from "../cluster/pij.ts";
import { CohortError, isCode } from "../ground/errors.ts";
import { memberOf, type ViewMember } from "../ground/view.ts";
import { patienceOf, type WaitOptions } from "../global/patience.ts";
import { accessKey, accessKeyPath } from "./access_key.ts";
import { type Administered, answer, type DatabasePage, type MemberReport, reportOf } from "./answering.ts";
import { decodeAnswer, decodeQuestion, encodeAnswer, encodeQuestion } from "./asking.ts";
import type { MountRequest, Question } from "./asking.ts";
import type { DatabaseStatus } from "./database.ts";
import { pathOfDirectory } from "./directory.ts";
import { type Joined, nameOf } from "./joined.ts";
import type { Settings, World } from "./options.ts";
import { ADMINISTRATION_TOPIC } from "./topics.ts";

export type { MemberReport, MountRequest };

/** Longest wait for what a member says of itself. */
const ASK_MS = 5_000;
/** Longest wait for a mount or dismount elsewhere, when nothing else is said. */
const ACT_MS = 30_000;

/** What one member answered, or why it did not. */
export interface MemberAnswer<T> {
  /** Its name. */
  readonly member: string;
  /** 32 hexadecimal digits. */
  readonly incarnation: string;
  /** Undefined when there is an error. */
  readonly answer: T | undefined;
  /** `TIMEOUT`, `UNREACHABLE`, or what it said. */
  readonly error: CohortError | undefined;
}

/** Administers the cluster of a node from there; a node that is no member has itself to administer. */
export class Administration {
  readonly #node: Administered;
  readonly #settings: Settings;
  readonly #world: World;
  readonly #joined: () => Joined | undefined;

  /** @internal Made by its node. */
  constructor(node: Administered, settings: Settings, world: World, joined: () => Joined | undefined) {
    this.#node = node;
    this.#settings = settings;
    this.#world = world;
    this.#joined = joined;
  }

  /** Name of this node among the members, once it is one. */
  get name(): string {
    return nameOf(this.#settings.cluster, this.#node.incarnation);
  }

  /** Whether this node has a PIJ directory. */
  get hasPij(): boolean {
    return this.#settings.cluster !== undefined;
  }

  /** What this node says of itself. */
  get report(): MemberReport {
    return reportOf(this.#node, this.#joined());
  }

  /** What every member says of itself; each has 5 seconds. One message there and one back, to each. */
  reports(options?: WaitOptions): Promise<MemberAnswer<MemberReport>[]> {
    return this.#askAll(options, (member, signal) => this.#ask(member, { ask: "report" }, signal));
  }

  /** The databases that every member has mounted. */
  databases(options?: WaitOptions): Promise<MemberAnswer<DatabaseStatus[]>[]> {
    return this.#askAll(options, async (member, signal) => {
      const databases: DatabaseStatus[] = [];
      for (let from: number | undefined = 0; from !== undefined;) {
        const page: DatabasePage = await this.#ask(member, { ask: "databases", from }, signal);
        databases.push(...page.databases);
        from = page.next ?? undefined;
      }
      return databases;
    });
  }

  /**
   * Has a member mount a database; `member` is a name or an incarnation, this node when undefined. Rejects
   * what {@linkcode Node.mount} rejects, `NOT_FOUND` for a member that there is not, `UNREACHABLE`,
   * `VIEW_CHANGED`. It goes on when its caller gives up waiting, after 30 seconds by default.
   */
  async mount(
    member: string | undefined,
    request: MountRequest,
    options: WaitOptions = {},
  ): Promise<DatabaseStatus> {
    const { timeoutMs = ACT_MS } = options;
    const { directory, ...how } = request;
    const other = this.#otherNamed(member);
    if (other === undefined) {
      return (await this.#node.mount(directory, { ...how, timeoutMs })).status;
    }
    return await this.#act(other, { ask: "mount", ...request, timeoutMs }, { ...options, timeoutMs });
  }

  /** Has a member dismount a database, named by its directory; the rest is as of `mount`. */
  async dismount(member: string | undefined, directory: string, options: WaitOptions = {}): Promise<void> {
    const { timeoutMs = ACT_MS } = options;
    const other = this.#otherNamed(member);
    if (other === undefined) return await this.#node.dismount(directory, { timeoutMs });
    await this.#act(other, { ask: "dismount", directory, timeoutMs }, { ...options, timeoutMs });
  }

  /**
   * Has a member leave the cluster in good order: true when it has left, as this node has; false when another
   * one has begun to. It goes on when its caller gives up waiting.
   */
  async leave(member: string | undefined, options: WaitOptions = {}): Promise<boolean> {
    const other = this.#otherNamed(member);
    if (other !== undefined) {
      await this.#act(other, { ask: "leave" }, { timeoutMs: ASK_MS, ...options });
      return false;
    }
    await this.#node.leave(options);
    return true;
  }

  /** The canonical path that a directory stands for. Throws `SYNTAX`, `NOT_FOUND` or TypeError. */
  async place(directory: string): Promise<string> {
    return await this.#world.storage.resolve(pathOfDirectory(directory, this.#settings.devices));
  }

  /**
   * The key that lets somebody administer this node's cluster, and the file that keeps it, made at the first
   * call; undefined for a node without a PIJ directory. Rejects `PERMISSION`, `CORRUPT`, and what opening the
   * directory rejects.
   */
  async accessKey(): Promise<{ readonly key: string; readonly path: string } | undefined> {
    const pij = await this.#pij();
    if (pij === undefined) return undefined;
    const { storage, entropy } = this.#world;
    return { key: await accessKey(storage, entropy, pij), path: accessKeyPath(pij) };
  }

  /** The PIJ directory in its canonical spelling; undefined without one. */
  async pijDirectory(): Promise<string | undefined> {
    return (await this.#pij())?.directory;
  }

  async #pij(): Promise<Pij | undefined> {
    const { cluster } = this.#settings;
    return cluster === undefined ? undefined : await openPij(this.#world, cluster.pij);
  }

  /** @internal Answers what other members ask. */
  serve(joined: Joined): void {
    const { clock, observer } = this.#world;
    const onTrouble = (error: CohortError): void =>
      observer.event("cluster.trouble", "warn", { cause: error.message });
    joined.courier.serve(ADMINISTRATION_TOPIC, async (_from, body) => {
      const question = decodeQuestion(body);
      return {
        body: await encodeAnswer(() => answer(this.#node, joined, question, clock, onTrouble)),
      };
    });
  }

  /** The members of the view; this node alone when it is no member. */
  #members(): readonly Pick<ViewMember, "name" | "incarnation">[] {
    const members = this.#joined()?.view?.members ?? [];
    return members.length > 0 ? members : [{ name: this.name, incarnation: this.#node.incarnation }];
  }

  #otherNamed(member: string | undefined): string | undefined {
    if (member === undefined) return undefined;
    const found = this.#members().find((it) => it.name === member || it.incarnation === member);
    if (found === undefined) {
      throw new CohortError("NOT_FOUND", `There is no member ${member} in this view`, { member });
    }
    return found.incarnation === this.#node.incarnation ? undefined : found.incarnation;
  }

  async #askAll<T>(
    options: WaitOptions = {},
    ask: (incarnation: string, signal: AbortSignal | undefined) => Promise<T>,
  ): Promise<MemberAnswer<T>[]> {
    const patience = { timeoutMs: ASK_MS, ...options };
    return await Promise.all(
      this.#members().map(async ({ name, incarnation }) => {
        const told = { member: name, incarnation };
        try {
          const got = await patienceOf(
            this.#world.clock,
            patience,
            ({ signal }) => ask(incarnation, signal),
          );
          return { ...told, answer: got, error: undefined };
        } catch (error) {
          if (!(error instanceof CohortError)) throw error;
          return { ...told, answer: undefined, error };
        }
      }),
    );
  }

  /** Asks what changes nothing: again in the next view when one comes between. */
  async #ask<T>(incarnation: string, question: Question, signal: AbortSignal | undefined): Promise<T> {
    for (;;) {
      const joined = this.#joined();
      try {
        return await this.#put(joined, incarnation, question, signal);
      } catch (error) {
        const isThere = joined?.view !== undefined && memberOf(joined.view, incarnation) !== undefined;
        if (!isCode(error, "VIEW_CHANGED") || !isThere) throw error;
        if (signal?.aborted === true) throw abortReason(signal);
      }
    }
  }

  /** Has another member do something, once. */
  async #act<T>(incarnation: string, question: Question, options: WaitOptions): Promise<T> {
    return await patienceOf(
      this.#world.clock,
      options,
      ({ signal }) => this.#put(this.#joined(), incarnation, question, signal),
    );
  }

  async #put<T>(
    joined: Joined | undefined,
    incarnation: string,
    question: Question,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    if (incarnation === this.#node.incarnation) {
      if (question.ask === "report") return this.report as T;
      return { databases: this.#node.databases() } as T;
    }
    if (joined === undefined) {
      throw new CohortError("UNREACHABLE", "This node is no member of a cluster any more", { incarnation });
    }
    const body = encodeQuestion(question);
    const options = signal === undefined ? {} : { signal };
    return decodeAnswer(await joined.courier.request(incarnation, ADMINISTRATION_TOPIC, body, options));
  }
}
