/**
 * Rehearsal: a recovery of a small database in memory, for its own sake. Hardly any process that recovers the
 * journals of another has done so before, and runtimes compile what they run for the first time: measured,
 * the first recovery of a process takes half as long again as its second.
 */
import { CohortError } from "../ground/errors.ts";
import { toHex } from "../ground/hex.ts";
import { openMember } from "./member.ts";
import { mountVolume } from "./mounting.ts";
import { settingsOf, type World } from "./options.ts";
import { UNSHARED } from "./recover.ts";
import { recoverShared } from "./recover_shared.ts";
import { Volume } from "../storage/volume.ts";
import { tagOf } from "../storage/volume_header.ts";
import { openVolumeFile } from "./volume_file.ts";

/** Sets of the one who is recovered. */
const SETS = 40;
/** Long enough to fill some leaves. */
const VALUE = ".".repeat(900);

/** Rehearses a recovery in a storage of its own, which is closed with it. */
export async function rehearseRecovery(world: World): Promise<void> {
  const settings = settingsOf({ dir: "/rehearsal", poolBytes: 64 * 8192, segmentBytes: 262_144 });
  const incarnation = (): string => toHex(world.entropy.fill(new Uint8Array(16)));
  const onStop = (): void => {};
  try {
    const lost = await openMember(incarnation(), settings, world, onStop);
    const mount = await mountVolume(lost, "/database", { create: true, extentBlocks: 64 }, onStop);
    const global = mount.database.global<string>("R");
    await Promise.all(Array.from({ length: SETS }, (_, i) => global.set([i], VALUE)));
    const cause = new CohortError("STOPPED", "Lost, for a rehearsal");
    lost.stop(cause);
    await mount.dismount().catch(() => {});
    await lost.close(cause);
    const heir = await openMember(incarnation(), settings, world, onStop);
    const { file, header } = await openVolumeFile("/database", "write", settings, world);
    const { id, incarnation: of, blockSize, extentBlocks } = header;
    const index = await heir.journal.addVolume(id, of, "/database");
    const facts = { id, incarnation: of, blockSize, extentBlocks, tag: tagOf(of) };
    const volume = new Volume(file, facts, index, await file.size(), false);
    await recoverShared(heir, volume, file, [lost.directory], UNSHARED);
    await heir.close(undefined);
  } finally {
    await world.storage.close();
  }
}
