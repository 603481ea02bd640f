/**
 * Cluster volume: one volume of the cluster, brought up to date from the journals of all who named it, after
 * the loss of some of them (DESIGN D8, D9).
 */
import type { JournalPart } from "../buffer/block_report.ts";
import type { View } from "../ground/view.ts";
import { readChain, readClaim } from "../storage/claim_chain.ts";
import { claimName } from "../storage/claim_record.ts";
import { gatedVolume } from "../storage/gated.ts";
import { Volume } from "../storage/volume.ts";
import { tagOf } from "../storage/volume_header.ts";
import { readNeeds } from "./cluster_journals.ts";
import { forgetOwed, isHopeless, owedVolumes, putQuarantine } from "./cluster_quarantine.ts";
import { ended, type LostWorld } from "./cluster_recovery.ts";
import type { Member } from "./member.ts";
import { isDead, mountsOf, type NamedMount } from "./mount_registers.ts";
import { tellRecovered } from "./recover.ts";
import { recoverShared } from "./recover_shared.ts";
import { openVolumeFile } from "./volume_file.ts";

/** Recovers the volume in a directory, unless it is not the cluster's any more. */
export async function recoverVolumeAt(world: LostWorld, view: View, directory: string): Promise<void> {
  const { member, survivors } = world;
  const { settings, world: ports } = member;
  // Most of the time that the volume of a small loss takes is that of many small reads: they go out together.
  const reads = Promise.all([namesOf(member, view), readNeeds(ports.storage, world.pij)]);
  reads.catch(() => {});
  if (!await isClusters(world, directory)) return;
  const { file: bare, header } = await openVolumeFile(directory, "write", settings, ports);
  // Fenced in the middle of it, it writes nothing more, whether or not the volume is mounted here.
  const file = gatedVolume(bare, member.gate);
  let isTaken = false;
  try {
    const { id, incarnation, blockSize, extentBlocks } = header;
    const tag = tagOf(incarnation);
    const own = [...member.volumes.values()].find((it) =>
      it.facts.id === id && it.facts.incarnation === incarnation
    );
    const index = own?.index ?? await member.journal.addVolume(id, incarnation, directory);
    const facts = { id, incarnation, blockSize, extentBlocks, tag };
    const volume = own ?? new Volume(file, facts, index, await file.size(), false);
    const [names, needs] = await reads;
    const { dead, living } = journalsOf(world, view, id, names);
    // What this member writes home is in its image journal, which others look for by what it has mounted.
    await member.registers.take("recovery", directory, header);
    // Who joined later has a journal, too, and would be taken for one of the dead.
    if (!await world.isNewest(view.number)) throw ended(view);
    isTaken = true;
    const report = await recoverShared(member, volume, file, dead, {
      living,
      isAnswered: (block) => survivors.answersFor({ tag, block }),
      neededFrom: (journal) => needs.get(journal) ?? 0,
    });
    // All is home and synced.
    await member.registers.giveBack("recovery", id);
    if (isAll(names, dead, id)) await forgetOwed(ports.storage, world.pij, id);
    tellRecovered(ports.observer, volume, report);
  } finally {
    if (!isTaken) await file.close();
  }
}

/** Whether the newest claim of a volume is this cluster's. */
async function isClusters({ member, cluster }: LostWorld, directory: string): Promise<boolean> {
  const { storage } = member.world;
  for (;;) {
    const { newest } = await readChain(storage, directory);
    if (newest === 0) return false;
    const found = await readClaim(storage, directory, claimName(newest), newest);
    if (found === undefined) continue;
    const { mode, cluster: owner, state } = found.record;
    return mode === "clustered" && owner === cluster && state !== "free";
  }
}

/** Journals, by whether their authors live. */
interface Journals {
  readonly dead: string[];
  readonly living: Map<string, JournalPart>;
}

/** What a journal names, and how it stands with its author. */
interface Named {
  readonly names: readonly NamedMount[];
  /** Whether he is no member and lives: he has left, or is about to come. */
  readonly isAbroad: boolean;
}

/** The volumes that each journal names, by its directory, in the order of the directories. */
async function namesOf(
  { world: { storage }, directory }: Member,
  { members, pending }: View,
): Promise<ReadonlyMap<string, Named>> {
  const base = directory.slice(0, directory.lastIndexOf("/"));
  const journals = (await storage.list(base)).sort().map((name) => `${base}/${name}`);
  const known = new Set([...members, ...pending].map((it) => it.journal));
  const named = await Promise.all(journals.map(async (it) => {
    const names = await mountsOf({ storage }, it);
    const isAbroad = names.length > 0 && !known.has(it) && !await isDead(storage, it, names);
    return [it, { names, isAbroad }] as const;
  }));
  return new Map(named);
}

/** Whether only these journals name a volume that was mounted. */
function isAll(
  named: ReadonlyMap<string, Named>,
  journals: readonly string[],
  volumeId: string,
): boolean {
  return [...named].every(([journal, { names }]) =>
    journals.includes(journal) || names.every((it) => it.volumeId !== volumeId || it.use === "recovery")
  );
}

/** Journals that may hold changes of a volume: of those who are gone, and of the living as far as safe. */
function journalsOf(
  { survivors }: LostWorld,
  view: View,
  volumeId: string,
  named: ReadonlyMap<string, Named>,
): Journals {
  const living = new Map<string, JournalPart>();
  const dead: string[] = [];
  const partOf = new Map(view.members.map((it) => [it.journal, survivors.journals.get(it.incarnation)]));
  for (const [journal, { names, isAbroad }] of named) {
    if (isAbroad || names.every((it) => it.volumeId !== volumeId)) continue;
    const part = partOf.get(journal);
    if (part !== undefined) living.set(journal, part);
    else if (!partOf.has(journal)) dead.push(journal);
  }
  return { dead, living };
}

/**
 * Applies what journals hold of volumes that were set aside once and let in again: nobody mounts them before.
 * What a process that lives has of one is known to nobody else, so those are waited for to end.
 */
export async function recoverOwed(world: LostWorld, view: View): Promise<void> {
  const { member, pij } = world;
  const { storage, observer } = member.world;
  for (const { volumeId, directory } of await owedVolumes(storage, pij)) {
    const named = await namesOf(member, view);
    const living = new Set(view.members.map((it) => it.journal));
    const dead = [...named].filter(([it, { isAbroad }]) => !isAbroad && !living.has(it)).map(([it]) => it);
    if (!isAll(named, dead, volumeId) || !world.mayGoOn()) continue;
    try {
      if (await isClusters(world, directory)) await recoverVolumeAt(world, view, directory);
      else await forgetOwed(storage, pij, volumeId);
    } catch (error) {
      if (!isHopeless(error)) throw error;
      observer.event("volume.quarantined", "error", { directory, code: error.code, cause: error.message });
      await putQuarantine(storage, pij, volumeId, directory, error.message);
    }
  }
}
