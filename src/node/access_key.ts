/** Access key: what lets somebody administer a cluster; kept in its PIJ directory for its owner alone. */
import type { Pij } from "../cluster/pij.ts";
import { CohortError } from "../ground/errors.ts";
import { toHex } from "../ground/hex.ts";
import type { Entropy, Storage } from "../ports/mod.ts";

/** Path of the register with the key of a cluster: 64 hexadecimal digits, and nothing else. */
export function accessKeyPath(pij: Pij): string {
  return `${pij.directory}/access_key.${pij.cluster}`;
}

/**
 * The key of a cluster, made by the first who asks for it; all who ask at once get the same. Rejects
 * `PERMISSION` when others than its owner may read it, `CORRUPT` when it is none.
 */
export async function accessKey(storage: Storage, entropy: Entropy, pij: Pij): Promise<string> {
  const path = accessKeyPath(pij);
  const own = { ownerOnly: true };
  let bytes = await storage.readRegister(path, own);
  if (bytes === undefined) {
    const half = (): string => toHex(entropy.fill(new Uint8Array(16)));
    const made = half() + half();
    await storage.createRegister(path, new TextEncoder().encode(made), own);
    bytes = await storage.readRegister(path, own);
  }
  // Who replaces it by hand leaves a line feed behind it.
  const key = new TextDecoder().decode(bytes ?? new Uint8Array(0)).trim();
  if (/^[\w~+/.-]{32,4096}=*$/.test(key)) return key;
  throw new CohortError(
    "CORRUPT",
    `Could not read an access key in ${path}: it has ${key.length} characters`,
    {
      path,
    },
  );
}
