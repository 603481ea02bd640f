/**
 * Recover: brings one volume up to date from the journals of owners that died with it (DESIGN D9).
 *
 * One straight line, idempotent at every step: make the dead journals durable; images; redo, merged by stamp;
 * home. The redo goes through the pool and this member's own image journal, so a crash in the middle leaves
 * one more predecessor and nothing half done. Loud about anything that does not fit: the volume is
 * quarantined.
 */
import type { JournalPart } from "../buffer/block_report.ts";
import { NO_FRAME } from "../buffer/pool.ts";
import { applyOps, OP_FORMAT } from "../ground/block_op.ts";
import { blockStamp, setBlockStamp } from "../ground/block.ts";
import { CohortError } from "../ground/errors.ts";
import { BLOCK_BYTES_ALLOWED } from "../ground/limits.ts";
import type { Observer } from "../ports/mod.ts";
import { imageApplies, type ImageScan, scanImages, type StoredImage } from "../storage/image_scan.ts";
import { makeDurable } from "../storage/journal_durable.ts";
import type { ScannedGroup, ScannedRecord } from "../storage/journal_items.ts";
import { type JournalScan, scanJournal } from "../storage/journal_scan.ts";
import { BegunBatches, mergeGroups } from "../storage/replay_merge.ts";
import { decideReplay, ForkDetector } from "../storage/replay_rule.ts";
import type { Volume } from "../storage/volume.ts";
import { imagePath, type Member } from "./member.ts";
import { readHeader } from "./volume_file.ts";

/** What a recovery did. */
export interface RecoveryReport {
  readonly directories: readonly string[];
  imagesApplied: number;
  /** Blocks that a finished cycle had brought home and the volume did not have. */
  mismatches: number;
  groupsRead: number;
  recordsApplied: number;
  recordsSkipped: number;
  tailBytesIgnored: number;
  /** Stamps begin above this. */
  ceiling: number;
}

/** Tells what a recovery did. */
export function tellRecovered(
  observer: Observer,
  volume: Volume,
  { directories, ceiling: _, ...counts }: RecoveryReport,
): void {
  observer.event("volume.recovered", "info", {
    path: volume.path,
    predecessors: directories.length,
    ...counts,
  });
}

/** What is left of a shared volume to the living. */
export interface SharedVolume {
  /** Incarnation directories of the living, each with what of its journal is needed: that is merged, too. */
  readonly living: ReadonlyMap<string, JournalPart>;
  /** Whether a living member answers for a block: then it is what it is there. */
  readonly isAnswered: (block: number) => boolean;
  /** Position below which the journal of a dead one, by its directory, is not needed: all that is home. */
  readonly neededFrom: (directory: string) => number;
}

/** Of a volume that nobody else uses. */
export const UNSHARED: SharedVolume = { living: new Map(), isAnswered: () => false, neededFrom: () => 0 };

/**
 * Recovers one volume from the incarnation directories of its dead owners, oldest first; of one that others
 * use, too, what no living member answers for, from the journals of all (DESIGN D8).
 */
export async function recoverVolume(
  member: Member,
  volume: Volume,
  directories: readonly string[],
  shared: SharedVolume = UNSHARED,
): Promise<RecoveryReport> {
  const report: RecoveryReport = {
    directories,
    imagesApplied: 0,
    mismatches: 0,
    groupsRead: 0,
    recordsApplied: 0,
    recordsSkipped: 0,
    tailBytesIgnored: 0,
    ceiling: 0,
  };
  const living = writtenBy(shared.living).map((it): Replayed => {
    const scan = scanJournal(member.world.storage, it, {
      incarnation: incarnationOf(it),
      ...partOf(shared.living.get(it)!),
    });
    // Nothing that is done about the dead before the replay changes what stands there.
    return { directory: it, scan, batches: new BegunBatches(scan.batches()), needed: 0 };
  });
  try {
    await bringUp(member, volume, directories, living, shared, report);
  } finally {
    for (const { batches } of living) await batches.end();
  }
  member.engine.stamps.hear(report.ceiling);
  member.journal.expect(report.ceiling);
  return report;
}

/** Images, then redo. */
async function bringUp(
  member: Member,
  volume: Volume,
  directories: readonly string[],
  living: readonly Replayed[],
  shared: SharedVolume,
  report: RecoveryReport,
): Promise<void> {
  const { storage } = member.world;
  const scans = await Promise.all(
    directories.map((it) => scanImages(storage, imagePath(it), incarnationOf(it))),
  );
  // Images name the position their redo was synced up to: the journal must reach it before its end is fixed.
  const named = scans.map(({ header }) => header?.position ?? 0);
  for (const [i, directory] of directories.entries()) {
    await makeDurable(member.gated, directory, { verifyNames: [named[i]!] });
  }
  const dead = directories.map((directory, i): Replayed => {
    const incarnation = incarnationOf(directory);
    const scan = scanJournal(storage, directory, { incarnation, verifyNames: [named[i]!] });
    const batches = new BegunBatches(scan.batches());
    return { directory, scan, batches, needed: shared.neededFrom(directory) };
  });
  try {
    const { stampCeiling } = await readHeader(volume);
    for (const images of scans) await applyImages(member, volume, images, stampCeiling, shared, report);
    await volume.sync();
    await replay(member, volume, [...dead, ...living], shared, report);
  } finally {
    for (const { batches } of dead) await batches.end();
  }
}

/** A journal that is replayed. */
interface Replayed {
  readonly directory: string;
  readonly scan: JournalScan;
  /** What it holds, by way of the scan. */
  readonly batches: BegunBatches;
  /** Position behind which its groups are needed. */
  readonly needed: number;
}

function partOf({ from, safe }: JournalPart): { readonly from: number; readonly until: number } {
  return { from, until: safe };
}

/** Directories of the living that have written something which is needed. */
function writtenBy(living: ReadonlyMap<string, JournalPart>): string[] {
  return [...living].filter(([, { from, safe }]) => safe > from).map(([directory]) => directory);
}

/**
 * Takes the images of a dead owner's last cycle for blocks that are damaged or not newer. They go home
 * through this member's own image journal: the dead one's may never have been synced, and the block in place
 * may then be the only good copy. A released cycle was home and synced: a block that does not have it was
 * lost by the disk, which is told loudly and mended (R4; nothing is rolled back). An image of before the
 * volume was last given back, with `ceiling` in its header, mends no damage: its block was home by then, and
 * whoever had the volume in between may have changed it.
 */
async function applyImages(
  member: Member,
  volume: Volume,
  images: ImageScan,
  ceiling: number,
  { isAnswered }: SharedVolume,
  report: RecoveryReport,
): Promise<void> {
  if (images.state !== "sealed" && images.state !== "released") return;
  for await (const image of images.images()) {
    if (image.volumeId !== volume.facts.id || image.volumeIncarnation !== volume.facts.incarnation) continue;
    if (isAnswered(image.block)) continue;
    if (image.block >= volume.blocks) await volume.grow(image.block + 1);
    const { stamp, fault } = await standing(member, volume, image.block);
    if (!imageApplies(fault === undefined, stamp, image.stamp)) continue;
    if (fault !== undefined && image.stamp <= ceiling) continue;
    if (images.state === "released") {
      if (fault === undefined && stamp === image.stamp) continue;
      report.mismatches++;
      const facts = { path: volume.path, block: image.block, expected: image.stamp, found: fault ?? stamp };
      member.world.observer.event("volume.mismatch", "error", facts);
    }
    await install(member, volume, image);
    report.imagesApplied++;
  }
}

/** The stamp a block has now, in the pool or in place, or what is wrong with it. */
async function standing(
  member: Member,
  volume: Volume,
  block: number,
): Promise<{ readonly stamp: number; readonly fault: string | undefined }> {
  const { pool } = member.engine;
  const frame = pool.find(volume.index, block);
  if (frame !== NO_FRAME) return { stamp: blockStamp(pool.bytes, frame * pool.blockSize), fault: undefined };
  const { bytes, fault } = await volume.readRaw(block);
  if (fault === "blank") return { stamp: 0, fault: undefined };
  return { stamp: fault === undefined ? blockStamp(bytes, 0) : 0, fault };
}

/** Makes an image the block's content in the pool, to be written home. */
async function install(member: Member, volume: Volume, image: StoredImage): Promise<void> {
  const { pool, journal } = member.engine;
  const bytes = image.bytes.slice();
  let frame = pool.find(volume.index, image.block);
  const resident = frame !== NO_FRAME;
  while (frame === NO_FRAME) {
    frame = pool.take(volume.index, image.block);
    if (frame === NO_FRAME) await member.daemon.makeRoom(1);
  }
  pool.bytes.set(bytes, frame * pool.blockSize);
  if (!resident) {
    pool.loaded(frame);
    pool.unpin(frame);
  }
  pool.changed(frame, journal.position, journal.position);
  member.daemon.nudge();
}

/** Applies the merged redo of all dead owners to blocks in the pool. */
async function replay(
  member: Member,
  volume: Volume,
  journals: readonly Replayed[],
  shared: SharedVolume,
  report: RecoveryReport,
): Promise<void> {
  const forks = new ForkDetector();
  const sources = journals.map(({ directory, batches }) => ({
    incarnation: incarnationOf(directory),
    batches,
  }));
  for await (const batch of mergeGroups(sources)) {
    for (const { group, source } of batch) {
      report.groupsRead++;
      member.engine.stamps.hear(group.stamp);
      const { scan, needed } = journals[source]!;
      if (group.position <= needed) continue;
      const lacking = replayGroup(member, volume, scan, group, forks, shared, report);
      if (lacking !== undefined) await lacking;
    }
  }
  for (const { scan } of journals) {
    const found = scan.report!;
    report.ceiling = Math.max(report.ceiling, found.ceiling, found.lastStamp);
    report.tailBytesIgnored += found.tailBytesIgnored;
  }
}

/** Applies a group; a promise only when a block is to be read for it. */
function replayGroup(
  member: Member,
  volume: Volume,
  scan: JournalScan,
  group: ScannedGroup,
  forks: ForkDetector,
  shared: SharedVolume,
  report: RecoveryReport,
  from: number = 0,
): Promise<void> | undefined {
  for (let i = from; i < group.records.length; i++) {
    const record = group.records[i]!;
    const named = scan.volumes[record.volumeIndex];
    if (
      named === undefined || named.id !== volume.facts.id || named.incarnation !== volume.facts.incarnation
    ) continue;
    const isFormat = record.ops[0] === OP_FORMAT;
    const fork = forks.check(0, record.block, record.before, group.stamp, isFormat);
    if (fork !== undefined) throw gap(volume, record, group.stamp, -1, fork);
    if (shared.isAnswered(record.block)) continue;
    const frame = frameNow(member, volume, record.block);
    if (frame === undefined) {
      return loadForReplay(member, volume, record.block).then((loaded) => {
        replayRecord(member, volume, record, group.stamp, loaded, report);
        return replayGroup(member, volume, scan, group, forks, shared, report, i + 1);
      });
    }
    replayRecord(member, volume, record, group.stamp, frame, report);
  }
  return undefined;
}

/** Applies or skips one record; its ops are a view that lives until the next group is asked for. */
function replayRecord(
  member: Member,
  volume: Volume,
  record: ScannedRecord,
  after: number,
  frame: number,
  report: RecoveryReport,
): void {
  const { pool, journal } = member.engine;
  try {
    const base = frame * pool.blockSize;
    const current = blockStamp(pool.bytes, base);
    const decision = decideReplay(record.before, after, current, record.ops[0] === OP_FORMAT);
    if (decision === "skip") {
      report.recordsSkipped++;
      return;
    }
    if (decision !== "apply") throw gap(volume, record, after, current, decision.gap);
    applyWhole(pool.bytes, base, pool.blockSize, record.ops);
    setBlockStamp(pool.bytes, base, after);
    pool.changed(frame, journal.position, journal.position);
    member.daemon.nudge();
    report.recordsApplied++;
  } finally {
    pool.unpin(frame);
  }
}

const before: Uint8Array = new Uint8Array(Math.max(...BLOCK_BYTES_ALLOWED));

/** Applies all of a record's operations or none: what was replayed so far goes home even if this fails. */
function applyWhole(bytes: Uint8Array, base: number, size: number, ops: Uint8Array): void {
  before.set(bytes.subarray(base, base + size));
  try {
    applyOps(bytes, base, size, ops, 0, ops.length);
  } catch (error) {
    bytes.set(before.subarray(0, size), base);
    throw error;
  }
}

/** An incarnation directory is named by its incarnation. */
function incarnationOf(directory: string): string {
  return directory.slice(directory.lastIndexOf("/") + 1);
}

/** The block's frame, pinned, when it can be had without waiting. */
function frameNow(member: Member, volume: Volume, block: number): number | undefined {
  if (block >= volume.blocks) return undefined;
  const answer = member.engine.loader.load(volume, block, true);
  if (typeof answer === "number") return answer === NO_FRAME ? undefined : answer;
  // The one that waits pins again; this pin ends when the load does.
  answer.then((frame) => member.engine.pool.unpin(frame), () => {});
  return undefined;
}

async function loadForReplay(member: Member, volume: Volume, block: number): Promise<number> {
  if (block >= volume.blocks) await volume.grow(block + 1);
  for (;;) {
    const frame = await member.engine.loader.load(volume, block, true);
    if (frame !== NO_FRAME) return frame;
    await member.daemon.makeRoom(1);
  }
}

function gap(
  volume: Volume,
  record: ScannedRecord,
  after: number,
  current: number,
  reason: string,
): CohortError {
  const { block, before } = record;
  return new CohortError(
    "JOURNAL_GAP",
    `Could not replay block ${block} of ${volume.path}, which stands at ${current}: ${reason}`,
    { path: volume.path, block, before, after, current },
  );
}
