/** Access: who bears the token of the cluster. Compared by hash, in a time that tells nothing of it. */
import { createHash, timingSafeEqual } from "node:crypto";
import { CohortError } from "../ground/errors.ts";
import type { Administration } from "../node/administration.ts";
import { Refusal } from "./problem.ts";

/** What a refused request is told to bring. */
const CHALLENGE = { headers: { "WWW-Authenticate": 'Bearer realm="cohort"' } };

/** Of one app. */
export class Access {
  readonly #administration: Administration;
  #hash: Promise<Uint8Array> | undefined;

  /** `token` or, when undefined, the cluster's own. */
  constructor(administration: Administration, token: string | undefined) {
    this.#administration = administration;
    // Whoever is to bear the cluster's own must find it before the first request.
    this.#hash = token === undefined ? this.#read() : Promise.resolve(hashOf(token));
  }

  /** Throws the same refusal for a token that is missing, malformed or wrong. */
  async admit(request: Request): Promise<void> {
    const hash = await (this.#hash ??= this.#read());
    const [, token] = /^Bearer +([^\s,]+)$/i.exec(request.headers.get("authorization") ?? "") ?? [];
    const isRight = timingSafeEqual(hashOf(token ?? ""), hash);
    if (token === undefined || !isRight) throw new Refusal("UNAUTHORIZED", "", CHALLENGE);
  }

  #read(): Promise<Uint8Array> {
    const reading = this.#administration.accessKey().then((found) => {
      if (found === undefined) {
        throw new CohortError("NOT_FOUND", "This node has no PIJ directory, give a token");
      }
      return hashOf(found.key);
    });
    // What could not be read now may be readable later.
    reading.catch(() => this.#hash = undefined);
    return reading;
  }
}

function hashOf(token: string): Uint8Array {
  return createHash("sha256").update(token).digest();
}
