/**
 * Recovery plan: what the recovery of a cluster that nobody runs would do, told without doing it: how its
 * last members stand, which volumes they have left, and what the journals hold of each.
 */
import { openPij, type PijWorld } from "../cluster/pij.ts";
import { ViewChain } from "../cluster/view_chain.ts";
import { blockStamp } from "../ground/block.ts";
import { CohortError } from "../ground/errors.ts";
import type { Storage } from "../ports/mod.ts";
import { readChain, readClaim } from "../storage/claim_chain.ts";
import { claimName } from "../storage/claim_record.ts";
import { scanImages } from "../storage/image_scan.ts";
import { scanJournal } from "../storage/journal_scan.ts";
import { quarantineOf } from "./cluster_quarantine.ts";
import { imagePath } from "./member.ts";
import { mountsOf } from "./mount_registers.ts";
import { blockSizeOf, volumePath } from "./volume_file.ts";

/** A member of the last view, or one that was still to be recovered. */
export interface PlannedMember {
  readonly name: string;
  /** 32 hexadecimal digits. */
  readonly incarnation: string;
  /** `member`, or `pending`: evicted, and not yet both fenced and recovered. */
  readonly as: "member" | "pending";
  /** `gone`, `alive`, `self`, `unreachable` or `unproven`. */
  readonly state: string;
  /** What was looked at and seen, in one sentence. */
  readonly reason: string;
}

/** What one journal holds of one volume. */
export interface PlannedJournal {
  /** Directory of the incarnation. */
  readonly directory: string;
  readonly groups: number;
  /** Blocks that it names. */
  readonly blocks: number;
  /** Of those, blocks that are not home as it says, or newer. */
  readonly behind: number;
  /** How far its last write cycle came: `sealed`, `released`, `torn` or `empty`. */
  readonly images: string;
  /** Why it cannot be read. */
  readonly problem: string | undefined;
}

/** A volume that somebody has left. */
export interface PlannedVolume {
  readonly directory: string;
  /** 32 hexadecimal digits. */
  readonly volumeId: string;
  /** Who has it by its newest claim, in words. */
  readonly claim: string;
  /** Whether the cluster's recovery would bring it up to date. */
  readonly isRecovered: boolean;
  /** Why a recovery has set it aside, and what lets it in again; undefined for any other. */
  readonly quarantined: string | undefined;
  /** Whether it was let in again, and what the journals hold of it is yet to be applied. */
  readonly isOwed: boolean;
  /** Bytes of a block; undefined when its file cannot be read. */
  readonly blockSize: number | undefined;
  readonly journals: readonly PlannedJournal[];
}

/** The whole plan. */
export interface RecoveryPlan {
  readonly directory: string;
  readonly cluster: string;
  /** Number of the newest view; 0 when there never was one. */
  readonly view: number;
  readonly members: readonly PlannedMember[];
  readonly volumes: readonly PlannedVolume[];
}

/**
 * Looks at a PIJ directory and all that is named there; changes nothing. Reads each journal once a volume.
 */
export async function planRecovery(world: PijWorld, path: string): Promise<RecoveryPlan> {
  const { storage } = world;
  const { directory, cluster } = await openPij(world, path);
  const view = await new ViewChain(storage, directory).newest();
  const members: PlannedMember[] = [];
  for (const [as, all] of [["member", view?.members], ["pending", view?.pending]] as const) {
    for (const { name, incarnation, owner } of all ?? []) {
      members.push({ name, incarnation, as, ...await storage.fence.examine(owner) });
    }
  }
  const volumes: PlannedVolume[] = [];
  for (const [place, journals] of await leftBehind(storage, `${directory}/journals`)) {
    const planned = await planVolume(storage, cluster, place, journals);
    const aside = await quarantineOf(storage, directory, planned.volumeId, planned.directory);
    const isOwed = aside?.facts["isOwed"] === true;
    volumes.push({ ...planned, quarantined: aside?.message, isOwed });
  }
  return { directory, cluster, view: view?.number ?? 0, members, volumes };
}

/** Journals by the volume that they name: its directory and id. */
async function leftBehind(storage: Storage, base: string): Promise<Map<string, string[]>> {
  const left = new Map<string, string[]>();
  for (const name of (await storage.list(base)).sort()) {
    const journal = `${base}/${name}`;
    for (const { directory, volumeId } of await mountsOf({ storage }, journal)) {
      const place = `${volumeId} ${directory}`;
      left.set(place, [...left.get(place) ?? [], journal]);
    }
  }
  return left;
}

async function planVolume(
  storage: Storage,
  cluster: string,
  place: string,
  directories: readonly string[],
): Promise<Omit<PlannedVolume, "quarantined" | "isOwed">> {
  const volumeId = place.slice(0, 32), directory = place.slice(33);
  const { newest } = await readChain(storage, directory);
  const record = newest === 0
    ? undefined
    : (await readClaim(storage, directory, claimName(newest), newest))?.record;
  const { state = "free", mode, cluster: owner } = record ?? {};
  const isRecovered = state !== "free" && mode === "clustered" && owner === cluster;
  const claim = record === undefined || state === "free"
    ? "nobody"
    : `${mode}${owner === "" ? "" : `, cluster ${owner}`}`;
  const journals: PlannedJournal[] = [];
  for (const it of directories) journals.push(await planJournal(storage, it, directory, volumeId));
  const blockSize = await blockSizeOf(volumePath(directory), { storage }).catch((error) => {
    if (error instanceof CohortError) return undefined;
    throw error;
  });
  return { directory, volumeId, claim, isRecovered, blockSize, journals };
}

async function planJournal(
  storage: Storage,
  directory: string,
  home: string,
  volumeId: string,
): Promise<PlannedJournal> {
  const incarnation = directory.slice(directory.lastIndexOf("/") + 1);
  const blocks = new Map<number, number>();
  let groups = 0, behind = 0, images = "empty", problem: string | undefined;
  try {
    images = (await scanImages(storage, imagePath(directory), incarnation)).state;
    const scan = scanJournal(storage, directory, { incarnation });
    for await (const group of scan) {
      const named = group.records.filter((it) => scan.volumes[it.volumeIndex]?.id === volumeId);
      if (named.length > 0) groups++;
      for (const { block } of named) blocks.set(block, Math.max(group.stamp, blocks.get(block) ?? 0));
    }
    behind = await countBehind(storage, home, blocks);
  } catch (error) {
    if (!(error instanceof CohortError)) throw error;
    problem = `${error.code}: ${error.message}`;
  }
  return { directory, groups, blocks: blocks.size, behind, images, problem };
}

/** How many blocks are not home as a journal says. What is damaged there counts as one of them. */
async function countBehind(storage: Storage, home: string, blocks: Map<number, number>): Promise<number> {
  if (blocks.size === 0) return 0;
  const path = volumePath(home);
  const blockSize = await blockSizeOf(path, { storage });
  const file = await storage.openVolume(path, { blockSize, access: "read" });
  try {
    const bytes = new Uint8Array(blockSize);
    let behind = 0;
    for (const [block, stamp] of blocks) {
      const count = await file.read(block, bytes);
      if (count !== blockSize || blockStamp(bytes, 0) < stamp) behind++;
    }
    return behind;
  } finally {
    await file.close();
  }
}
