/**
 * Cluster retire: the journal of a member that is gone is dropped once every block that it names has been
 * read back from its volume, as it says or newer, and that was synced (DESIGN D6). Until then it stays: who
 * lives may stand on what it says, and be lost, too. So is that of one that was lost and had nothing mounted.
 * Done by the master, in its own time.
 */
import { blockStamp } from "../ground/block.ts";
import { isCode } from "../ground/errors.ts";
import type { View } from "../ground/view.ts";
import type { OwnerIdentity } from "../ports/mod.ts";
import { pause } from "../storage/claim_lease.ts";
import { scanJournal } from "../storage/journal_scan.ts";
import { SharedChain } from "../storage/shared_chain.ts";
import { Volume } from "../storage/volume.ts";
import { tagOf } from "../storage/volume_header.ts";
import { readNeeds, removeOldLogs } from "./cluster_journals.ts";
import { isQuarantined } from "./cluster_quarantine.ts";
import { type Member, releaseDead, removeIfUnnamed } from "./member.ts";
import { isDead, isNotedGone, mountsOf, type NamedMount } from "./mount_registers.ts";
import { openVolumeFile } from "./volume_file.ts";

/** Milliseconds between two rounds of asking for what is not home. */
const ROUND_MS = 200;
/** Blocks read back in one turn of the loop. */
const READ_AT_ONCE = 64;

/** What it takes. */
export interface RetireWorld {
  readonly member: Member;
  readonly cluster: string;
  readonly owner: OwnerIdentity;
  /** The PIJ directory. */
  readonly pij: string;
  /** Has all members bring home what they answer for. */
  readonly bringHome: () => Promise<void>;
  /** False once another view is entered, or this life ends. */
  readonly mayGoOn: () => boolean;
  /** Whether the storage has no view above a number. */
  readonly isNewest: (view: number) => Promise<boolean>;
}

/** Drops the journals of all who are not in the view, as far as nothing of the cluster needs them. */
export async function retireDead(world: RetireWorld, view: View): Promise<void> {
  const { member } = world;
  const { storage } = member.world;
  const base = member.directory.slice(0, member.directory.lastIndexOf("/"));
  const living = new Set(view.members.map((it) => it.journal));
  for (const name of await storage.list(base)) {
    const dead = `${base}/${name}`;
    if (living.has(dead)) continue;
    const mounts = await mountsOf(member.world, dead);
    if (mounts.length === 0) await removeGone(world, dead);
    // A newcomer finds itself in a view that this member has decided and not entered yet, and mounts.
    if (mounts.length > 0 && !await world.isNewest(view.number)) return;
    if (mounts.length > 0 && !await isDead(storage, dead, mounts)) continue;
    for (const mount of mounts) {
      if (!world.mayGoOn()) return;
      await retire(world, dead, mount);
    }
  }
  if (world.mayGoOn()) await removeOldLogs(storage, world.pij);
}

/** A node that lives and has nothing mounted looks like one that is gone, but for what its recovery noted. */
async function removeGone({ member, mayGoOn }: RetireWorld, directory: string): Promise<void> {
  const { storage, observer } = member.world;
  if (!await isNotedGone(storage, directory) || !mayGoOn()) return;
  await removeIfUnnamed(member.world, directory);
  observer.event("journal.retired", "info", { directory });
}

async function retire(world: RetireWorld, dead: string, mount: NamedMount): Promise<void> {
  const { member, cluster, owner } = world;
  const { storage, clock, observer } = member.world;
  const { directory, volumeId } = mount;
  if (await isQuarantined(storage, world.pij, volumeId)) return;
  const chain = new SharedChain({
    storage,
    clock,
    observer,
    directory,
    cluster,
    owner,
    journalDirectory: member.directory,
    volumeId,
    stamp: () => member.engine.stamps.last,
  });
  const end = await chain.end();
  if (end === undefined) return;
  const last = end.claim?.record;
  if (chain.isOurs(end.claim)) {
    if (!await isAllHome(world, dead, mount)) return;
    await chain.note();
  } else {
    // Whoever has it by now, or had, names this journal in its claim if it needs it.
    const isClusters = last?.mode === "clustered" && last.cluster === cluster;
    if (!isClusters || last.predecessors.length > 0) return;
  }
  if (!world.mayGoOn()) return;
  await releaseDead(member.world, dead, volumeId, directory);
  observer.event("journal.retired", "info", { directory: dead, volume: directory });
}

/** Waits until all that a journal says of a volume is home and synced; false when it is not to be known. */
async function isAllHome(
  world: RetireWorld,
  dead: string,
  { directory, volumeId }: NamedMount,
): Promise<boolean> {
  const { member } = world;
  const { settings, world: ports } = member;
  const opened = await openVolumeFile(directory, "write", settings, ports).catch((error) => {
    // A volume that was deleted needs nothing more.
    if (isCode(error, "NOT_FOUND")) return undefined;
    throw error;
  });
  if (opened === undefined) return true;
  const { file, header: { id, incarnation, blockSize, extentBlocks } } = opened;
  try {
    if (id !== volumeId) return true;
    const facts = { id, incarnation, blockSize, extentBlocks, tag: tagOf(incarnation) };
    const volume = new Volume(file, facts, 0, await file.size(), false);
    const owed = await namedBy(world, dead, volume);
    while (owed.size > 0) {
      await readBack(world, volume, owed);
      if (!world.mayGoOn()) return false;
      if (owed.size === 0) break;
      await world.bringHome();
      await pause(ports.clock, ROUND_MS);
    }
    await volume.sync();
    return true;
  } finally {
    await file.close();
  }
}

/** The blocks of a volume that a journal names from where it is needed, each with the highest stamp. */
async function namedBy(world: RetireWorld, dead: string, volume: Volume): Promise<Map<number, number>> {
  const blocks = new Map<number, number>();
  const neededFrom = (await readNeeds(world.member.world.storage, world.pij)).get(dead) ?? 0;
  const scan = scanJournal(world.member.world.storage, dead, {
    incarnation: dead.slice(dead.lastIndexOf("/") + 1),
  });
  for await (const group of scan) {
    if (group.position <= neededFrom) continue;
    for (const record of group.records) {
      const named = scan.volumes[record.volumeIndex];
      if (named?.id !== volume.facts.id || named.incarnation !== volume.facts.incarnation) continue;
      blocks.set(record.block, Math.max(group.stamp, blocks.get(record.block) ?? 0));
    }
  }
  return blocks;
}

/** Takes out what is home. */
async function readBack(world: RetireWorld, volume: Volume, owed: Map<number, number>): Promise<void> {
  let count = 0;
  for (const [block, stamp] of owed) {
    const { bytes, fault } = await volume.readRaw(block);
    if (fault === undefined && blockStamp(bytes, 0) >= stamp) owed.delete(block);
    if (++count % READ_AT_ONCE > 0) continue;
    await pause(world.member.world.clock, 0);
    if (!world.mayGoOn()) return;
  }
}
