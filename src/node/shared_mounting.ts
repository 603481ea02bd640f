/**
 * Shared mounting: a database that this member's cluster mounts together (DESIGN D6, D14). What a private
 * owner left is recovered first, by a private mount that ends at once.
 */
import { quarantined } from "../buffer/engine.ts";
import { abortReason } from "../buffer/waiting.ts";
import { refuseUnshareable } from "../cluster/fencing.ts";
import { CohortError } from "../ground/errors.ts";
import { mapAllocated } from "../ground/space_map.ts";
import { DatabaseCore } from "../global/database.ts";
import { Janitor } from "../global/janitor.ts";
import { pause } from "../storage/claim_lease.ts";
import { shareClaim, type SharedClaim } from "../storage/shared_claim.ts";
import type { Volume } from "../storage/volume.ts";
import type { VolumeHeader } from "../storage/volume_header.ts";
import type { Joined } from "./joined.ts";
import type { Member } from "./member.ts";
import { mountsOf } from "./mount_registers.ts";
import { Mount } from "./mount.ts";
import { quarantineOf } from "./cluster_quarantine.ts";
import { createIfAsked, mountVolume, noteHome, openClaimed } from "./mounting.ts";
import type { MountOptions } from "./mount_options.ts";
import { openVolumeFile, writeHeader } from "./volume_file.ts";

/** How often a private owner may come in between. */
const ROUNDS_MAX = 20;
/** Looks whether the master has applied what journals hold of a volume, and milliseconds between two. */
const OWED_LOOKS = 20, OWED_LOOK_MS = 50;

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
  await refuseSetAside(member, joined, probe.header.id, directory, options.signal);
  const forgetHome = noteHome(member, directory, probe.header);
  const isNamedHere = await member.registers.take("mount", directory, probe.header);
  const undo = async (): Promise<void> => {
    forgetHome();
    if (isNamedHere) await member.registers.giveBack("mount", probe.header.id);
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
    const mount = assemble(member, joined, volume, claim, directory, onGone);
    // Set aside meanwhile it may have been, before this database could hear of that.
    const cause = await quarantineOf(storage, joined.pij, probe.header.id, directory);
    if (cause !== undefined) joined.notices.quarantined(probe.header.id, cause.message);
    return mount;
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

/**
 * Rejects `QUARANTINED` for a volume that could not be recovered; one that is owed what journals hold is
 * waited for as long as somebody is recovered, and a moment more.
 */
async function refuseSetAside(
  { world: { storage, clock } }: Member,
  joined: Joined,
  volumeId: string,
  directory: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  for (let looks = 0;;) {
    const error = await quarantineOf(storage, joined.pij, volumeId, directory);
    if (error === undefined) return;
    const isAwaited = (joined.view?.pending.length ?? 0) > 0;
    if (error.facts["isOwed"] !== true || (!isAwaited && ++looks > OWED_LOOKS)) throw error;
    await pause(clock, OWED_LOOK_MS, signal);
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
    if (fault === "blank" && extent > 0) return;
    // One that another member writes home just now is there, and whoever takes a block looks at it again.
    volume.freeIn[extent] = fault === undefined ? extentBlocks - mapAllocated(bytes, 0) : extentBlocks;
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
  const { clock, observer } = member.world;
  const core = new DatabaseCore(member.engine, volume, clock, observer, directory);
  const janitor = new Janitor(core);
  volume.onQueued = () => queueMicrotask(() => janitor.wake());
  janitor.wake();
  joined.notices.share(core);
  joined.tickets.share(core);
  joined.increments.share(core);
  return new Mount(
    member,
    core,
    {
      mode: "clustered",
      hold: claim,
      bringHome: async () => {
        await member.daemon.checkpoint();
        await joined.increments.unshare(core);
        await joined.settle(volume);
        await joined.unshare(volume);
        // Set aside meanwhile it stays named here: its journals are kept.
        if (volume.quarantine !== undefined) throw quarantined(volume);
        joined.notices.unshare(core);
        joined.tickets.unshare(core);
        await member.registers.giveBack("mount", volume.facts.id);
        member.daemon.left.forget(volume.index);
      },
      forsake: (cause) => forsake(member, joined, core, cause),
    },
    janitor,
    onGone,
  );
}

/** Lets go of a database that cannot be brought home. */
async function forsake(member: Member, joined: Joined, core: DatabaseCore, cause: unknown): Promise<void> {
  const { volume } = core;
  if (volume.quarantine === undefined && joined.coherence.held.allOf(volume).length > 0) {
    // Others go on to use what this member answers for: they recover it.
    const text = `Could not bring ${core.directory} home: ${cause instanceof Error ? cause.message : cause}`;
    return member.stop(new CohortError("STOPPED", text, {}, cause));
  }
  await joined.forsake(volume);
  joined.increments.forsake(core);
  joined.notices.unshare(core);
  joined.tickets.unshare(core);
}
