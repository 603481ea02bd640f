/**
 * Recover shared: brings a volume that others use, too, up to date after the loss of members (DESIGN D8, D9).
 *
 * What no living member answers for is read from the volume and the journals of all, the living included, in
 * frames that no operation finds: they bear another number than the volume's own. It goes home through this
 * member's image journal before anybody is granted anything.
 */
import { dropFrames } from "./letting_go.ts";
import type { Member } from "./member.ts";
import { recoverVolume, type RecoveryReport, type SharedVolume } from "./recover.ts";
import { Volume } from "../storage/volume.ts";
import type { VolumeFile } from "../ports/mod.ts";

/** Numbers of volumes that are recovered begin here: no journal names so many. */
const RECOVERED_INDEX = 2 ** 24;

/**
 * Recovers a shared volume, whose file is opened for this, from the incarnation directories of the dead.
 * Idempotent: begun again, by this member or another, it ends in the same state.
 */
export async function recoverShared(
  member: Member,
  volume: Volume,
  file: VolumeFile,
  dead: readonly string[],
  shared: SharedVolume,
): Promise<RecoveryReport> {
  const index = RECOVERED_INDEX + volume.index;
  const apart = new Volume(file, volume.facts, index, await file.size(), false);
  // The living may grow it, too, and hold what lets them: it can become longer than both want, no more.
  apart.growAlone = (growth) => growth();
  member.volumes.set(index, apart);
  try {
    const report = await recoverVolume(member, apart, dead, shared);
    await member.daemon.checkpoint();
    await volume.measure();
    return report;
  } finally {
    dropFrames(member.engine.pool, index);
    member.volumes.delete(index);
    await apart.close();
  }
}
