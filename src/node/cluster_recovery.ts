/**
 * Cluster recovery: what the master does about members that are lost (DESIGN D8, D9). Fence each; wait until
 * the living have said what they answer for; then bring every volume that the lost had clustered up to date
 * from the journals of all. One straight line, begun anew in each view, the same however often.
 *
 * The journals of the lost stay: what the living stand on may be in them (`cluster_retire.ts`).
 */
import type { Survivors } from "../buffer/survivors.ts";
import { fenceOwner } from "../cluster/fencing.ts";
import { isSaidOver } from "../cluster/over.ts";
import { CohortError } from "../ground/errors.ts";
import type { View, ViewMember } from "../ground/view.ts";
import type { OwnerIdentity } from "../ports/mod.ts";
import type { Member } from "./member.ts";
import { recoverVolumeAt } from "./cluster_volume.ts";
import { gatesOf, mountsOf, noteGone } from "./mount_registers.ts";
import { isHopeless, putQuarantine } from "./cluster_quarantine.ts";
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
  /** Whether no view follows one with this number, as the storage has it. */
  readonly isNewest: (view: number) => Promise<boolean>;
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
  const [directories] = await Promise.all([
    volumesOf(world, view),
    Promise.race([survivors.reported, world.nextView()]),
  ]);
  expectCurrent(world, view);
  await member.journal.makeSafe();
  const reported = clock.monotonicMs();
  await recoverVolumes(world, view, directories);
  for (const { run } of world.steps ?? []) {
    await run(world, view);
    expectCurrent(world, view);
  }
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

/**
 * Directories of the volumes that the lost of a view name, with the ids by which they do. Of who names none
 * nothing is needed: that is noted while a view still says that it was lost.
 */
async function volumesOf({ member }: LostWorld, view: View): Promise<Map<string, Set<string>>> {
  const { storage, observer } = member.world;
  const ids = new Map<string, Set<string>>();
  for (const { journal } of view.pending) {
    const mounts = await mountsOf(member.world, journal);
    if (mounts.length === 0) {
      // A directory that stays is no reason to hold anybody up.
      await noteGone(storage, journal, view.number).catch((error) =>
        observer.event("node.litter", "warn", { directory: journal, cause: String(error) })
      );
    }
    for (const { directory, volumeId } of mounts) {
      ids.set(directory, (ids.get(directory) ?? new Set()).add(volumeId));
    }
  }
  return ids;
}

async function recoverVolumes(
  world: LostWorld,
  view: View,
  directories: ReadonlyMap<string, ReadonlySet<string>>,
): Promise<void> {
  for (const [directory, ids] of directories) {
    await recoverOrSetAside(world, view, directory, ids);
    expectCurrent(world, view);
  }
}

/** Rejects `VIEW_CHANGED` once a view has ended. */
export function expectCurrent(world: LostWorld, view: View): void {
  if (!world.mayGoOn()) throw ended(view);
}

/** The error of a recovery whose view has ended. */
export function ended({ number }: View): CohortError {
  return new CohortError("VIEW_CHANGED", `View ${number} ended before its lost were recovered`);
}

/** A read that stopped short looks like damage: what seems to be hopeless is looked at again. */
async function recoverOrSetAside(
  world: LostWorld,
  view: View,
  directory: string,
  ids: ReadonlySet<string>,
): Promise<void> {
  for (let look = 1;; look++) {
    try {
      return await recoverVolumeAt(world, view, directory);
    } catch (error) {
      expectCurrent(world, view);
      if (look === LOOKS || !isHopeless(error)) return await setAside(world, directory, ids, error);
    }
  }
}

/** A volume that cannot be recovered is told to all before anybody is granted a block of it. */
async function setAside(
  { member, pij, quarantine }: LostWorld,
  directory: string,
  ids: ReadonlySet<string>,
  error: unknown,
): Promise<void> {
  if (!isHopeless(error)) throw error;
  const { storage, observer } = member.world;
  observer.event("volume.quarantined", "error", { directory, code: error.code, cause: error.message });
  for (const id of await idsIn(member, directory, ids)) {
    await putQuarantine(storage, pij, id, directory, error.message);
    await quarantine(id, error.message);
  }
}

/** The id of the volume in a directory; those the lost knew it by, where it does not tell its own. */
async function idsIn(
  { settings, world }: Member,
  directory: string,
  ids: ReadonlySet<string>,
): Promise<Iterable<string>> {
  try {
    const { file, header } = await openVolumeFile(directory, "read", settings, world);
    await file.close();
    return [header.id];
  } catch (error) {
    if (isHopeless(error)) return ids;
    throw error;
  }
}

/** Brings one who was lost to where its writes are over. */
async function fence(world: LostWorld, view: View, lost: ViewMember): Promise<void> {
  const { storage, clock, observer } = world.member.world;
  const gates = await gatesOf(world.member.world, lost.journal);
  for (;;) {
    const report = await fenceOwner({
      storage,
      clock,
      observer,
      self: world.self,
      patienceMs: FENCE_MS,
      isOver: (it) => isSaidOver(storage, world.pij, it),
    }, {
      name: lost.name,
      owner: lost.owner,
      directories: [lost.journal, ...gates],
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
