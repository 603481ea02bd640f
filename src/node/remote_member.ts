/** Remote member: the way to the databases that another member has mounted (DESIGN §2). */
import { checkOptions } from "../ground/options.ts";
import { WAIT_OPTIONS, type WaitOptions } from "../global/patience.ts";
import { decodeResult } from "./remote_answer.ts";
import { RemoteDatabase } from "./remote_database.ts";
import type { RemoteCalls } from "./remote_calls.ts";
import type { RemoteAsk } from "./remote_global.ts";

/** Makes the way to a member; `calls` are those of this node once it has joined, or throw why not. */
export function remoteMember(
  member: string,
  join: (options: WaitOptions | undefined) => Promise<void>,
  calls: () => RemoteCalls,
): RemoteMember {
  if (typeof member !== "string") throw new TypeError(`A member is named by a text, got ${typeof member}`);
  return new RemoteMember({ member, ask: (call, options) => calls().ask(member, call, options) }, join);
}

/**
 * Another member of the cluster, by its name. Made by `Node.remote`.
 *
 * ```ts
 * import { openNode } from "@cohort/db";
 *
 * await using beta = await openNode({ pij: "./remote", name: "beta" });   // in another process, say
 * await beta.join();
 * await beta.createDatabase("./hr");                                      // mounted privately there
 *
 * await using alpha = await openNode({ pij: "./remote", name: "alpha" });
 * const hr = await alpha.remote("beta").database("./hr");
 * await hr.global<string>("Patient").set([123, "name"], "Ada");
 * const { global, subscripts } = await alpha.resolve('^|"beta","./hr"|Patient(123,"name")');
 * console.log(await global.get(subscripts)); // Ada
 * ```
 */
export class RemoteMember {
  /** Its name. */
  readonly name: string;
  readonly #there: RemoteAsk;
  readonly #join: (options: WaitOptions | undefined) => Promise<void>;

  /** @internal Made by `Node.remote`. */
  constructor(there: RemoteAsk, join: (options: WaitOptions | undefined) => Promise<void>) {
    this.name = there.member;
    this.#there = there;
    this.#join = join;
  }

  /**
   * A database that it has mounted, named as it names it. This node joins the cluster if it has not.
   * Rejects `UNREACHABLE` when no member has the name, `NOT_MOUNTED`, and what `Node.join` rejects. One
   * message there and one back.
   */
  async database(directory: string, options?: WaitOptions): Promise<RemoteDatabase> {
    if (typeof directory !== "string" || directory === "") {
      throw new TypeError(`A database is named by its directory, got ${JSON.stringify(directory)}`);
    }
    if (options !== undefined) checkOptions(options, WAIT_OPTIONS);
    await this.#join(options);
    const answer = await this.#there.ask({ what: "open", directory }, options);
    return new RemoteDatabase(this.#there, decodeResult(answer, this.name) as string);
  }
}
