/**
 * Secret: what all members of a cluster share and nobody else has, kept in the PIJ directory for its owner
 * alone unless it is given.
 */
import { CohortError } from "../ground/errors.ts";
import type { Entropy, Storage } from "../ports/mod.ts";
import type { Pij } from "./pij.ts";

/** Bytes of a secret that is made. */
export const SECRET_BYTES = 32;
/** Fewest and most bytes of one that is read. */
const LEAST = 16, MOST = 4096;

/** A secret that a caller gives. Throws `TypeError` and `RangeError`, and tells nothing of it. */
export function givenSecret(given: unknown): Uint8Array {
  const isText = typeof given === "string";
  if (!isText && !(given instanceof Uint8Array)) throw new TypeError("secret is a text or a Uint8Array");
  const bytes = isText ? new TextEncoder().encode(given) : given.slice();
  if (bytes.length >= LEAST && bytes.length <= MOST) return bytes;
  throw new RangeError(`secret has ${LEAST} to ${MOST} bytes, got ${bytes.length}`);
}

/** Name of the register with the secret of a cluster. */
export function secretName(cluster: string): string {
  return `secret.${cluster}`;
}

/**
 * The secret of a cluster, made by the first who asks for it; all who ask at once get the same. Rejects
 * `PERMISSION` when others than its owner may read it, `CORRUPT` when it is none.
 */
export async function clusterSecret(storage: Storage, entropy: Entropy, pij: Pij): Promise<Uint8Array> {
  const path = `${pij.directory}/${secretName(pij.cluster)}`;
  const own = { ownerOnly: true };
  let secret = await storage.readRegister(path, own);
  if (secret === undefined) {
    await storage.createRegister(path, entropy.fill(new Uint8Array(SECRET_BYTES)), own);
    // Whoever lost the race reads the winner's; the winner reads what will be read by all.
    secret = await storage.readRegister(path, own);
  }
  if (secret !== undefined && secret.length >= LEAST && secret.length <= MOST) return secret;
  const text = `Could not read the secret of cluster ${pij.cluster}: ${path} has ${
    secret?.length ?? "no"
  } bytes`;
  throw new CohortError("CORRUPT", text, { path });
}
