/** Deleting: removes a database nobody has mounted: claim it, remove its volume, then its claims. */
import { CohortError } from "../ground/errors.ts";
import type { Storage } from "../ports/mod.ts";
import { acquireClaim } from "../storage/claim.ts";
import { readChain, readClaim } from "../storage/claim_chain.ts";
import { claimName, claimNumber } from "../storage/claim_record.ts";
import { releaseDead } from "./member.ts";
import type { Settings, World } from "./options.ts";
import { openVolumeFile, volumePath } from "./volume_file.ts";

/** What the model says, to the letter. */
const CLUSTER_MOUNTED = "## ERROR while Deleting. Cannot delete a cluster-mounted database";

/**
 * The refusal to delete a database that is mounted in this mode; undefined when its mode is not what stands
 * in the way.
 */
export function refusedDeletion(directory: string, mode: string): CohortError | undefined {
  if (mode !== "clustered") return undefined;
  return new CohortError("MOUNTED", CLUSTER_MOUNTED, { directory, mode });
}

/**
 * Deletes the database in a directory. Rejects `NOT_FOUND`, `IN_USE`, `FOREIGN_OWNER`, and `MOUNTED` when a
 * cluster has it mounted, or did not close it cleanly: then it has to be dismounted, or mounted privately,
 * before.
 */
export async function deleteDatabase(
  directory: string,
  incarnation: string,
  settings: Settings,
  world: World,
): Promise<void> {
  const { storage, clock, observer } = world;
  const { file, header } = await openVolumeFile(directory, "read", settings, world);
  await file.close();
  await refuseClustered(storage, directory);
  const claim = await acquireClaim({
    storage,
    clock,
    observer,
    directory,
    mode: "private",
    volumeId: header.id,
    volumeIncarnation: header.incarnation,
    owner: await storage.fence.identify(incarnation),
    journalDirectory: "",
    leaseMs: settings.leaseMs,
    confirmGone: false,
  }).catch(async (error) => {
    // A cluster may have come in between.
    await refuseClustered(storage, directory);
    throw error;
  });
  await storage.remove(volumePath(directory));
  await claim.release();
  // Somebody may have made a database here since: whatever is newer than this claim is theirs.
  const numbers = (await storage.list(directory)).map(claimNumber).filter((number) => number !== undefined);
  for (const number of numbers.sort((a, b) => a - b)) {
    if (number <= claim.number) await storage.remove(`${directory}/${claimName(number)}`);
  }
  if ((await storage.list(directory)).length === 0) await storage.remove(directory);
  for (const dead of claim.predecessors) {
    // What is left over of an owner that nobody will recover now must not fail what is done.
    await releaseDead(world, dead, header.id, directory).catch((error) =>
      observer.event("node.litter", "warn", { directory: dead, cause: String(error) })
    );
  }
}

/** Throws when the newest claim is a cluster's, unless that was closed with nothing left to recover. */
async function refuseClustered(storage: Storage, directory: string): Promise<void> {
  const { newest } = await readChain(storage, directory);
  if (newest === 0) return;
  const record = (await readClaim(storage, directory, claimName(newest), newest))?.record;
  if (record === undefined || (record.state === "free" && record.predecessors.length === 0)) return;
  const refusal = refusedDeletion(directory, record.mode);
  if (refusal !== undefined) throw refusal;
}
