/** Remote database: what a program holds of a database that another member has mounted (DESIGN §2). */
import { checkName } from "../ground/name.ts";
import type { Value } from "../ground/value.ts";
import type { CheckReport } from "../global/check.ts";
import type { WaitOptions } from "../global/patience.ts";
import type { DatabaseStatus } from "./database.ts";
import { decodeResult } from "./remote_answer.ts";
import type { RemoteCall } from "./remote_call.ts";
import { type RemoteAsk, RemoteGlobal } from "./remote_global.ts";

/**
 * A database at another member, privately or clustered mounted there; by its name, so also at a member that
 * came back under it. Nothing is held there for it.
 */
export class RemoteDatabase {
  /** Name of the member. */
  readonly member: string;
  /** The directory in its one canonical spelling there. */
  readonly directory: string;
  readonly #there: RemoteAsk;
  readonly #globals = new Map<string, RemoteGlobal<never>>();

  /** @internal Made by `RemoteMember.database`. */
  constructor(there: RemoteAsk, directory: string) {
    this.#there = there;
    this.member = there.member;
    this.directory = directory;
  }

  /** A global by name, as `Database.global` takes it; it need not exist. No message. */
  global<T = Value>(name: string): RemoteGlobal<T> {
    const known = this.#globals.get(name);
    if (known !== undefined) return known as unknown as RemoteGlobal<T>;
    checkName(name);
    const made = new RemoteGlobal<T>(this.#there, this.directory, name);
    this.#globals.set(name, made as unknown as RemoteGlobal<never>);
    return made;
  }

  /** What can be told of it now. One message there and one back. */
  async status(options?: WaitOptions): Promise<DatabaseStatus> {
    const status = await this.#ask<DatabaseStatus>({ what: "status", directory: this.directory }, options);
    return { ...status, quarantined: status.quarantined, coherence: status.coherence };
  }

  /** Names of the globals that exist, in order. One message there and one back for each. */
  async *globals(): AsyncIterableIterator<string> {
    for (let after = "";;) {
      const next = await this.#ask<string | undefined>({ what: "names", directory: this.directory, after });
      if (next === undefined) return;
      yield after = next;
    }
  }

  /** Whether a global exists. One message there and one back. */
  async has(name: string, options?: WaitOptions): Promise<boolean> {
    checkName(name);
    return await this.#ask<boolean>({ what: "has", directory: this.directory, name }, options);
  }

  /** The full walk of `Database.check`, done there. One message there and one back. */
  check(options?: WaitOptions): Promise<CheckReport> {
    return this.#ask<CheckReport>({ what: "check", directory: this.directory }, options);
  }

  async #ask<R>(call: RemoteCall, options?: WaitOptions): Promise<R> {
    const { ask, member } = this.#there;
    return decodeResult(await ask(call, options), member) as R;
  }
}
