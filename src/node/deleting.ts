/** Deleting: removes a database nobody has mounted: claim it, remove its volume, then its claims. */
import { acquireClaim } from "../storage/claim.ts";
import { claimName, claimNumber } from "../storage/claim_record.ts";
import { releaseDead } from "./member.ts";
import type { Settings, World } from "./options.ts";
import { openVolumeFile, volumePath } from "./volume_file.ts";

/** Deletes the database in a directory. Rejects `NOT_FOUND`, `IN_USE`, `FOREIGN_OWNER`. */
export async function deleteDatabase(
  directory: string,
  incarnation: string,
  settings: Settings,
  world: World,
): Promise<void> {
  const { storage, clock, observer } = world;
  const { file, header } = await openVolumeFile(directory, "read", settings, world);
  await file.close();
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
