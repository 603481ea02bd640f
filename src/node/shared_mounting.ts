/**
 * Shared mounting: a database that this member's cluster mounts together (DESIGN D6, D14). What a private
 * owner left is recovered first, by a private mount that ends at once.
 */
import { abortReason } from "../buffer/waiting.ts";
import { refuseUnshareable } from "../cluster/fencing.ts";
import { CohortError } from "../ground/errors.ts";
import { mapAllocated } from "../ground/space_map.ts";
import { DatabaseCore } from "../global/database.ts";
import { Janitor } from "../global/janitor.ts";
import { shareClaim, type SharedClaim } from "../storage/shared_claim.ts";
import type { Volume } from "../storage/volume.ts";
import type { VolumeHeader } from "../storage/volume_header.ts";
import type { Joined } from "./joined.ts";
import { type Member, mountName, mountsOf } from "./member.ts";
import { Mount } from "./mount.ts";
import { refuseQuarantined } from "./cluster_quarantine.ts";
import { createIfAsked, mountVolume, noteHome, openClaimed, registerMount } from "./mounting.ts";
import type { MountOptions } from "./mount_options.ts";
import { openVolumeFile, writeHeader } from "./volume_file.ts";

/** How often a private owner may come in between. */
const ROUNDS_MAX = 20;

/** Mounts the database in a directory for the cluster, until the signal ends the wait. */
export async function mountShared(
  member: Member,
  joined: Joined,
  directory: string,
  options: MountOptions,
  onGone: () => void,
): Promise<Mount> {
  const { signal } = options;
  if (signal?.aborted === true) throw abortReason(signal);
  await refuseUnshareable(member.world.storage.fence, directory);
  await createIfAsked(member, directory, options);
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const mount = await mountOnce(member, joined, directory, options, onGone);
    if (mount !== undefined) return mount;
    const { create: _, ...others } = options;
    const alone = await mountVolume(member, directory, { ...others, mode: "private" }, () => {});
    await alone.dismount();
  }
  throw new CohortError("IN_USE", `Mount ${directory}: its owners kept changing`, { path: directory });
}

/** Undefined for a volume that must be recovered by itself first. */
async function mountOnce(
  member: Member,
  joined: Joined,
  directory: string,
  options: MountOptions,
  onGone: () => void,
): Promise<Mount | undefined> {
  const { storage } = member.world;
  const probe = await openVolumeFile(directory, "read", member.settings, member.world);
  await probe.file.close();
  await refuseQuarantined(storage, joined.pij, probe.header.id, directory);
  const forgetHome = noteHome(member, directory, probe.header);
  const register = await registerMount(member, directory, probe.header);
  const undo = async (): Promise<void> => {
    forgetHome();
    if (register !== undefined) await storage.remove(register);
  };
  let volume: Volume | undefined;
  let claim: SharedClaim | undefined;
  try {
    claim = await claimFor(member, joined, directory, options, probe.header, () => volume);
    if (claim === undefined) {
      await undo();
      return undefined;
    }
    volume = await openClaimed(member, directory, claim, false, options.signal);
    await member.journal.makeSafe();
    joined.coherence.share(volume);
    await countFree(volume);
    return assemble(member, joined, volume, claim, directory, onGone);
  } catch (error) {
    if (volume !== undefined) {
      member.volumes.delete(volume.index);
      await joined.unshare(volume).catch(() => {});
      await volume.close();
    }
    await undo();
    await claim?.release().catch(() => {});
    throw error;
  }
}

async function claimFor(
  member: Member,
  joined: Joined,
  directory: string,
  options: MountOptions,
  header: VolumeHeader,
  opened: () => Volume | undefined,
): Promise<SharedClaim | undefined> {
  const { storage, clock, observer } = member.world;
  const { signal } = options;
  return await shareClaim({
    storage,
    clock,
    observer,
    directory,
    volumeId: header.id,
    volumeIncarnation: header.incarnation,
    owner: await storage.fence.identify(member.incarnation),
    journalDirectory: member.directory,
    cluster: joined.cluster,
    leaseMs: member.settings.leaseMs,
    confirmGone: options.confirmGone ?? false,
    ...(signal === undefined ? {} : { signal }),
    isMounted: () => isMounted(member, header.id),
    stamp: () => member.engine.stamps.last,
    onLast: async () => {
      const volume = opened();
      if (volume !== undefined) await writeHeader(volume, member.engine.stamps.last);
    },
  });
}

/** Whether another incarnation, living or not yet forgotten, names the volume. */
async function isMounted({ world, directory }: Member, volumeId: string): Promise<boolean> {
  const base = directory.slice(0, directory.lastIndexOf("/"));
  for (const name of await world.storage.list(base)) {
    const other = `${base}/${name}`;
    if (other === directory) continue;
    if ((await mountsOf(world, other)).some((it) => it.volumeId === volumeId)) return true;
  }
  return false;
}

/** Counts the free blocks by the maps as they are home: hints, for another member may have changed one. */
async function countFree(volume: Volume): Promise<void> {
  const { extentBlocks } = volume.facts;
  for (let extent = 0; volume.mapBlockOf(extent) < volume.blocks; extent++) {
    const { bytes, fault } = await volume.readRaw(volume.mapBlockOf(extent));
    if (fault !== undefined) return;
    volume.freeIn[extent] = extentBlocks - mapAllocated(bytes, 0);
  }
}

function assemble(
  member: Member,
  joined: Joined,
  volume: Volume,
  claim: SharedClaim,
  directory: string,
  onGone: () => void,
): Mount {
  const { clock, observer, storage } = member.world;
  const core = new DatabaseCore(member.engine, volume, clock, observer, directory);
  const janitor = new Janitor(core);
  volume.onQueued = () => queueMicrotask(() => janitor.wake());
  janitor.wake();
  joined.notices.share(core);
  return new Mount(
    member,
    core,
    {
      mode: "clustered",
      hold: claim,
      bringHome: async () => {
        await member.daemon.checkpoint();
        await joined.settle();
        await joined.unshare(volume);
        joined.notices.unshare(core);
        await storage.remove(mountName(member.directory, volume.facts.id));
      },
    },
    janitor,
    onGone,
  );
}
