/**
 * Mounting: from a directory to a database that may be used: claim, open, recover, look at the maps.
 *
 * Whatever fails on the way gives back what was taken: a failed mount leaves no claim of its own, except
 * where dead owners' journals still have to be replayed; then the claim stays and says so.
 */
import { AGAIN } from "../buffer/engine.ts";
import { NO_FRAME } from "../buffer/pool.ts";
import { MISS } from "../buffer/step.ts";
import { abortReason } from "../buffer/waiting.ts";
import { CohortError, invariant } from "../ground/errors.ts";
import { mapAllocated } from "../ground/space_map.ts";
import { DatabaseCore } from "../global/database.ts";
import { Janitor } from "../global/janitor.ts";
import type { Gate } from "../ports/mod.ts";
import { acquireClaim, type Claim } from "../storage/claim.ts";
import { gatedVolume } from "../storage/gated.ts";
import { Volume } from "../storage/volume.ts";
import { tagOf, type VolumeHeader } from "../storage/volume_header.ts";
import { dropFrames, forgetFrames, writesEnded } from "./letting_go.ts";
import { type Member, releaseDead } from "./member.ts";
import { Mount } from "./mount.ts";
import type { MountOptions } from "./mount_options.ts";
import { recoverVolume, tellRecovered } from "./recover.ts";
import { createVolume, openVolumeFile, volumePath, writeHeader } from "./volume_file.ts";

/** A mount on its way. */
interface Mounting {
  readonly member: Member;
  /** Canonical path of the database. */
  readonly directory: string;
  readonly options: MountOptions;
  readonly signal: AbortSignal | undefined;
  /** Whether this mount had the volume named in the incarnation's directory: no earlier one needs that. */
  readonly isNamedHere: boolean;
  readonly volumeId: string;
  readonly onGone: () => void;
}

/** Mounts the database in a directory (its canonical path), until the signal ends the wait. */
export async function mountVolume(
  member: Member,
  directory: string,
  options: MountOptions,
  onGone: () => void,
): Promise<Mount> {
  const { signal } = options;
  if (signal?.aborted === true) throw abortReason(signal);
  await createIfAsked(member, directory, options);
  const probe = await openVolumeFile(directory, "read", member.settings, member.world);
  await probe.file.close();
  const { storage, clock, observer } = member.world;
  const isReader = options.readOnly === true;
  const forgetHome = isReader ? () => {} : noteHome(member, directory, probe.header);
  // Before the claim names the directory: that is removed once no `mount.*` is left in it, and a claim must
  // never point at a removed one.
  const isNamedHere = !isReader && await member.registers.take("mount", directory, probe.header);
  let onLost = (cause: CohortError): void => {
    if (!isReader) member.stop(cause);
  };
  let standing = false;
  const owner = await storage.fence.identify(member.incarnation);
  const claiming = acquireClaim({
    storage,
    clock,
    observer,
    directory,
    mode: isReader ? "read" : "private",
    volumeId: probe.header.id,
    volumeIncarnation: probe.header.incarnation,
    owner,
    journalDirectory: member.directory,
    leaseMs: member.settings.leaseMs,
    confirmGone: options.confirmGone ?? false,
    onLost: (cause) => onLost(cause),
    onStanding: () => standing = true,
    ...(signal === undefined ? {} : { signal }),
  });
  const claim = await claiming.catch(async (error) => {
    forgetHome();
    if (isNamedHere && !standing) await member.registers.giveBack("mount", probe.header.id);
    throw error;
  });
  const mount = await claimed({
    member,
    directory,
    options,
    signal,
    isNamedHere,
    volumeId: probe.header.id,
    onGone,
  }, claim);
  onLost = (cause) => mount.lose(cause);
  if (claim.lost) {
    mount.lose(new CohortError("FENCED", `The claim on ${directory} was lost`, { directory }));
  }
  return mount;
}

/**
 * Notes where a volume lies that this member may write. Its journal tells volumes apart by identity: of two
 * that share one, a volume and the copy of its file, each would be recovered with the changes of the other.
 * Answers how to take the note back.
 */
export function noteHome(member: Member, directory: string, { id, incarnation }: VolumeHeader): () => void {
  const key = id + incarnation;
  const known = member.homes.get(key);
  if (known === directory) return () => {};
  if (known !== undefined) {
    const why =
      `it is a copy of ${known}, whose changes are in this node's journal; mount it by another node`;
    const facts = { directory, original: known };
    throw new CohortError("MOUNTED", `Could not mount ${directory}: ${why}`, facts);
  }
  member.homes.set(key, directory);
  return () => void member.homes.delete(key);
}

/** Creates the volume of a mount that asks for it. */
export async function createIfAsked(member: Member, directory: string, options: MountOptions): Promise<void> {
  const { create = false } = options;
  if (create === false) return;
  const made = await createVolume(directory, options, member.settings, member.world);
  if (!made && create === "new") throw exists(directory);
}

/** The error for a database that was to be new. */
export function exists(directory: string): CohortError {
  const path = volumePath(directory);
  return new CohortError("EXISTS", `Could not create ${path}: it exists`, { path });
}

/** From the claim on: what fails gives the claim back, or leaves it for whoever recovers the predecessors. */
async function claimed(mounting: Mounting, claim: Claim): Promise<Mount> {
  const { member } = mounting;
  let volume: Volume | undefined;
  try {
    volume = await openClaimed(
      member,
      mounting.directory,
      claim,
      mounting.options.readOnly === true,
      mounting.signal,
    );
    if (!volume.readOnly) await member.journal.makeSafe();
    if (claim.predecessors.length > 0) await recover(member, volume, claim);
    await countFree(member, volume);
    return assemble(mounting, volume, claim);
  } catch (error) {
    // What cannot be given back stays named; the caller learns what went wrong first.
    await giveBack(mounting, claim, volume).catch(() => claim.abandon()).catch(() => {});
    throw error;
  }
}

/**
 * Gives a claim back after a failed mount; what was not recovered is left to the next owner. What was
 * replayed so far goes home first, and where writes are frozen it is waited for: a block torn on its way
 * needs this member's images, which nobody looks for after a release, and which its next cycle would
 * overwrite.
 */
async function giveBack(mounting: Mounting, claim: Claim, volume: Volume | undefined): Promise<void> {
  const { member, isNamedHere } = mounting;
  const { daemon, engine, world } = member;
  const mayWrite = engine.stopped === undefined && !claim.lost;
  const isHome = volume === undefined || claim.predecessors.length === 0 ||
    (mayWrite && await daemon.checkpoint().then(() => true, () => false));
  if (volume !== undefined) await forget(member, volume);
  await writesEnded(claim.gate, world.clock);
  if (!isHome) return await claim.abandon();
  await claim.release();
  if (isNamedHere) await member.registers.giveBack("mount", mounting.volumeId);
}

/** By which right a volume is opened: a claim, of one owner alone or of a cluster. */
interface Right {
  readonly gate: Gate;
  /** No stamp in the volume is above this, as far as was told in the chain of claims. */
  readonly ceiling: number;
}

/**
 * Opens a claimed volume under the number that it has in the member's journal, as one of whose blocks nothing
 * is known: others may have changed it since it was mounted here before.
 */
export async function openClaimed(
  member: Member,
  directory: string,
  { gate, ceiling }: Right,
  isReader: boolean,
  signal: AbortSignal | undefined,
): Promise<Volume> {
  const { journal, engine, settings, world } = member;
  const { file, header } = await openVolumeFile(directory, isReader ? "read" : "write", settings, world);
  try {
    const { id, incarnation, blockSize, extentBlocks } = header;
    const index = await journal.addVolume(id, incarnation, directory);
    await forgetFrames(engine.pool, index, world.clock, Infinity, signal);
    const facts = { id, incarnation, blockSize, extentBlocks, tag: tagOf(incarnation) };
    const volume = new Volume(gatedVolume(file, gate), facts, index, await file.size(), isReader);
    member.volumes.set(index, volume);
    engine.stamps.hear(Math.max(header.stampCeiling, ceiling));
    return volume;
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function recover(member: Member, volume: Volume, claim: Claim): Promise<void> {
  const { observer } = member.world;
  const report = await recoverVolume(member, volume, claim.predecessors);
  await member.daemon.checkpoint();
  const { pool } = member.engine;
  for (const frame of pool.framesOf(volume.index)) {
    invariant(!pool.isDirty(frame), "All of a recovered volume is home before its dead owners' journals go");
  }
  // The dead owners' journals go, and with them the ceilings they named: this member's own may be lower.
  await writeHeader(volume, member.engine.stamps.last);
  await claim.recovered();
  for (const dead of claim.predecessors) {
    member.tidy(() => releaseDead(member.world, dead, volume.facts.id, claim.directory));
  }
  volume.catalogVersion++;
  tellRecovered(observer, volume, report);
}

/** Looks at every map block once: which extents exist, and how much of each is free. */
async function countFree(member: Member, volume: Volume): Promise<void> {
  const { extentBlocks } = volume.facts;
  const { engine } = member;
  for (let extent = 0; volume.mapBlockOf(extent) < volume.blocks; extent++) {
    const block = volume.mapBlockOf(extent);
    if (
      engine.pool.find(volume.index, block) === NO_FRAME && (await volume.readRaw(block)).fault === "blank"
    ) return;
    volume.freeIn[extent] = await engine.readUnacknowledged((step) => {
      const frame = step.find(volume, block);
      return frame === MISS
        ? AGAIN
        : extentBlocks - mapAllocated(step.pool.bytes, frame * step.pool.blockSize);
    });
  }
}

function assemble(mounting: Mounting, volume: Volume, claim: Claim): Mount {
  const { member, directory, options, onGone } = mounting;
  const { clock, observer } = member.world;
  const core = new DatabaseCore(member.engine, volume, clock, observer, directory);
  const janitor = options.readOnly === true ? undefined : new Janitor(core);
  if (janitor !== undefined) {
    volume.onQueued = () => queueMicrotask(() => janitor.wake());
    janitor.wake();
  }
  return new Mount(
    member,
    core,
    {
      mode: "private",
      hold: claim,
      bringHome: async () => {
        if (volume.readOnly) return;
        await member.daemon.checkpoint();
        await writeHeader(volume, member.engine.stamps.last);
      },
      onReleased: async () => {
        // Who took it over meanwhile needs this member's directory until it has recovered the volume.
        if (volume.readOnly || claim.lost) return;
        await member.registers.giveBack("mount", volume.facts.id);
      },
    },
    janitor,
    onGone,
  );
}

/** Forgets a volume whose mount failed. What was replayed stays true: it is in the dead owners' journals. */
async function forget(member: Member, volume: Volume): Promise<void> {
  dropFrames(member.engine.pool, volume.index);
  member.volumes.delete(volume.index);
  await volume.close();
}
