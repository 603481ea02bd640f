/**
 * Cluster recovery: what the master does about members that are lost (DESIGN D8, D9). Fence each; wait until
 * the living have said what they answer for; then bring every volume that the lost had clustered up to date
 * from the journals of all. One straight line, begun anew in each view, the same however often.
 *
 * The journals of the lost stay: what the living stand on may be in them (`cluster_retire.ts`).
 */
import type { JournalPart } from "../buffer/block_report.ts";
import type { Survivors } from "../buffer/survivors.ts";
import { fenceOwner } from "../cluster/fencing.ts";
import { CohortError } from "../ground/errors.ts";
import type { View, ViewMember } from "../ground/view.ts";
import type { OwnerIdentity } from "../ports/mod.ts";
import { readChain, readClaim } from "../storage/claim_chain.ts";
import { claimName } from "../storage/claim_record.ts";
import { Volume } from "../storage/volume.ts";
import { tagOf } from "../storage/volume_header.ts";
import { type Member, mountsOf } from "./member.ts";
import { isHopeless, putQuarantine } from "./cluster_quarantine.ts";
import { recoverShared } from "./recover_shared.ts";
import { openVolumeFile } from "./volume_file.ts";

/** Longest wait for a killed process to be gone, or for writes inside a gate; then it is tried again. */
const FENCE_MS = 1_000;
/** How often a volume is tried to be recovered before it is set aside. */
const LOOKS = 3;

/** What the recovery of a view takes. */
export interface LostWorld {
  readonly member: Member;
  readonly cluster: string;
  readonly self: OwnerIdentity;
  readonly confirmGone: string | boolean;
  /** What the members of the view report. */
  readonly survivors: Survivors;
  /** Resolves when another view is entered. */
  readonly nextView: () => Promise<void>;
  readonly mayGoOn: () => boolean;
  /** The PIJ directory. */
  readonly pij: string;
  /** Steps besides those of every recovery. */
  readonly steps?: readonly RecoveryStep[];
  /** Has all members use a volume no more. */
  readonly quarantine: (volumeId: string, cause: string) => Promise<void>;
}

/**
 * Something more that a recovery must bring back before anybody goes on: locks, say. Runs once all writes of
 * the lost are over and the living have reported; begun anew in each view, so the same however often.
 */
export interface RecoveryStep {
  /** For people, and for what it took. */
  readonly name: string;
  readonly run: (world: LostWorld, view: View) => Promise<void>;
}

/** The steps of every recovery, in their order. */
const STEPS: readonly RecoveryStep[] = [{ name: "volumes", run: recoverVolumes }];

/** What the recovery of a view did. */
export interface RecoveryRecord {
  /** Number of the view. */
  readonly view: number;
  /** Names of those who were lost. */
  readonly lost: readonly string[];
  /** Volumes brought up to date. */
  readonly volumes: number;
  /** When it ended: milliseconds since 1970. */
  readonly endedMs: number;
  /** Milliseconds until the writes of the lost were over. */
  readonly fenceMs: number;
  /** Milliseconds until the living had said what they answer for. */
  readonly reportMs: number;
  /** Milliseconds of images and redo. */
  readonly replayMs: number;
}

/**
 * Fences and recovers all that are pending in a view; rejects `VIEW_CHANGED` when a newer one comes first.
 */
export async function recoverLost(world: LostWorld, view: View): Promise<RecoveryRecord> {
  const { member, survivors } = world;
  const { clock, observer } = member.world;
  const begun = clock.monotonicMs();
  for (const lost of view.pending) await fence(world, view, lost);
  const fenced = clock.monotonicMs();
  // The next view may have come meanwhile: then nobody reports any more in this one.
  expectCurrent(world, view);
  await Promise.race([survivors.reported, world.nextView()]);
  expectCurrent(world, view);
  await member.journal.makeSafe();
  const reported = clock.monotonicMs();
  for (const { run } of [...STEPS, ...world.steps ?? []]) {
    await run(world, view);
    expectCurrent(world, view);
  }
  const directories = await volumesOf(world, view);
  const record: RecoveryRecord = {
    view: view.number,
    lost: view.pending.map((it) => it.name),
    volumes: directories.size,
    endedMs: clock.wallMs(),
    fenceMs: Math.round(fenced - begun),
    reportMs: Math.round(reported - fenced),
    replayMs: Math.round(clock.monotonicMs() - reported),
  };
  observer.event("cluster.recovered", "info", { ...record, lost: record.lost.join() });
  return record;
}

/** Directories of the volumes that the lost of a view name. */
async function volumesOf({ member }: LostWorld, view: View): Promise<Set<string>> {
  const directories = new Set<string>();
  for (const lost of view.pending) {
    for (const { directory } of await mountsOf(member.world, lost.journal)) directories.add(directory);
  }
  return directories;
}

async function recoverVolumes(world: LostWorld, view: View): Promise<void> {
  for (const directory of await volumesOf(world, view)) {
    await recoverOrSetAside(world, view, directory);
    expectCurrent(world, view);
  }
}

function expectCurrent(world: LostWorld, view: View): void {
  if (world.mayGoOn()) return;
  throw new CohortError("VIEW_CHANGED", `View ${view.number} ended before its lost were recovered`);
}

/** A read that stopped short looks like damage: what seems to be hopeless is looked at again. */
async function recoverOrSetAside(world: LostWorld, view: View, directory: string): Promise<void> {
  for (let look = 1;; look++) {
    try {
      return await recoverVolumeAt(world, view, directory);
    } catch (error) {
      expectCurrent(world, view);
      if (look === LOOKS || !isHopeless(error)) return await setAside(world, directory, error);
    }
  }
}

/** A volume that cannot be recovered is told to all before anybody is granted a block of it. */
async function setAside(
  { member, pij, quarantine }: LostWorld,
  directory: string,
  error: unknown,
): Promise<void> {
  if (!isHopeless(error)) throw error;
  const { settings, world: { storage, observer } } = member;
  observer.event("volume.quarantined", "error", { directory, code: error.code, cause: error.message });
  const { file, header } = await openVolumeFile(directory, "read", settings, member.world);
  await file.close();
  await putQuarantine(storage, pij, header.id, directory, error.message);
  await quarantine(header.id, error.message);
}

/** Brings one who was lost to where its writes are over. */
async function fence(world: LostWorld, view: View, lost: ViewMember): Promise<void> {
  const { storage, clock, observer } = world.member.world;
  const mounts = await mountsOf(world.member.world, lost.journal);
  for (;;) {
    const report = await fenceOwner({ storage, clock, observer, self: world.self, patienceMs: FENCE_MS }, {
      name: lost.name,
      owner: lost.owner,
      directories: [lost.journal, ...mounts.map((it) => it.directory)],
      living: view.members.map((it) => it.owner),
      confirmGone: world.confirmGone,
    });
    if (report.over) return;
    expectCurrent(world, view);
    if (report.why !== "ending" && report.why !== "busy") {
      throw new CohortError("UNFENCEABLE", `Could not fence ${lost.name}: ${report.reason}`, {
        name: lost.name,
        incarnation: lost.incarnation,
        reason: report.reason,
      });
    }
  }
}

/** Recovers the volume in a directory, unless it is not the cluster's any more. */
async function recoverVolumeAt(world: LostWorld, view: View, directory: string): Promise<void> {
  const { member, survivors } = world;
  if (!await isClusters(world, directory)) return;
  const { settings, world: ports } = member;
  const { file, header } = await openVolumeFile(directory, "write", settings, ports);
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
    const { dead, living } = await journalsOf(world, view, id);
    isTaken = true;
    const report = await recoverShared(member, volume, file, dead, {
      living,
      isAnswered: (block) => survivors.answersFor({ tag, block }),
    });
    ports.observer.event("volume.recovered", "info", {
      path: volume.path,
      predecessors: dead.length,
      imagesApplied: report.imagesApplied,
      mismatches: report.mismatches,
      groupsRead: report.groupsRead,
      recordsApplied: report.recordsApplied,
      recordsSkipped: report.recordsSkipped,
      tailBytesIgnored: report.tailBytesIgnored,
    });
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

/** Journals that may hold changes of a volume: of those who are gone, and of the living as far as safe. */
async function journalsOf(
  { member, survivors }: LostWorld,
  view: View,
  volumeId: string,
): Promise<Journals> {
  const { world, directory } = member;
  const base = directory.slice(0, directory.lastIndexOf("/"));
  const living = new Map<string, JournalPart>();
  const dead: string[] = [];
  const partOf = new Map(view.members.map((it) => [it.journal, survivors.journals.get(it.incarnation)]));
  for (const name of (await world.storage.list(base)).sort()) {
    const journal = `${base}/${name}`;
    const names = await mountsOf(world, journal);
    if (names.every((it) => it.volumeId !== volumeId)) continue;
    const part = partOf.get(journal);
    if (part !== undefined) living.set(journal, part);
    else if (!partOf.has(journal)) dead.push(journal);
  }
  return { dead, living };
}
