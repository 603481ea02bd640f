/**
 * Member: what stands behind a node once it may write: pool, engine, journal, image journal, write daemon.
 *
 * One set per incarnation, in `<dir>/<incarnation>`. Truncation is here: segments below what the write daemon
 * brought home are dropped (DESIGN D6: for a privately mounted volume the completed cycle of its one owner
 * counts).
 */
import { Engine } from "../buffer/engine.ts";
import { Pool } from "../buffer/pool.ts";
import { Stamps } from "../buffer/stamps.ts";
import type { CycleImage } from "../buffer/write_cycle.ts";
import { WriteDaemon } from "../buffer/write_daemon.ts";
import { type JournalLog, removeJournalLog } from "../cluster/journal_log.ts";
import { atEnd } from "../ground/at_end.ts";
import { CohortError } from "../ground/errors.ts";
import { type ImageEntry, ImageJournal } from "../storage/image_journal.ts";
import { gatedStorage } from "../storage/gated.ts";
import { Journal } from "../storage/journal.ts";
import { removeJournal } from "../storage/journal_durable.ts";
import type { Gate, Storage } from "../ports/mod.ts";
import type { Volume } from "../storage/volume.ts";
import { GONE_NAME, isMountName, MountRegisters, removeNames } from "./mount_registers.ts";
import type { Settings, World } from "./options.ts";

/** A member's working parts. */
export interface Member {
  readonly incarnation: string;
  /** Directory of its journal and image journal. */
  readonly directory: string;
  readonly settings: Settings;
  readonly world: World;
  readonly engine: Engine;
  readonly journal: Journal;
  readonly daemon: WriteDaemon;
  /** The storage by way of its gate: what is written so ends when it is fenced. */
  readonly gated: Storage;
  /** That gate: whoever fences it shuts it in any case. */
  readonly gate: Gate;
  /** What the cluster can read of its journal's files; undefined before it first joined one. */
  journalLog: JournalLog | undefined;
  /** Mounted volumes by their index in the journal. */
  readonly volumes: Map<number, Volume>;
  /** Directory of each volume that its journal may hold changes of, by identity. */
  readonly homes: Map<string, string>;
  /** The names of volumes in its directory. */
  readonly registers: MountRegisters;
  /** The number of the next increment that another member is asked for: no two of an incarnation have one. */
  readonly nextIncrement: () => number;
  /** Stops at once without writing anything more; recovery does the rest. */
  stop(cause: CohortError): void;
  /** Runs work that nobody waits for, one after another; what fails is told as `node.litter`. */
  tidy(work: () => Promise<void>): void;
  /** Resolves when that work is done. */
  tidied(): Promise<void>;
  /** Ends everything; `cause` when the node stopped by itself: then nothing more is written. */
  close(cause: CohortError | undefined): Promise<void>;
}

/** Directory used for a memory node. */
const MEMORY_DIRECTORY = "/memory";
/** Most bytes of journal space taken at a time, and least: a mount that takes over waits for the first. */
const RESERVE_BYTES = 16 * 1024 * 1024;
const FIRST_RESERVE_BYTES = 256 * 1024;
/** Dropped segments that history keeps whatever their age. */
const HISTORY_SEGMENTS_MIN = 2;
/** Blocks that a write cycle has space for on a disk however full. */
const READY_BLOCKS = 16;
/** Part of the pool that may be dirty before the write daemon starts. */
const DIRTY_PART = 0.5;

/**
 * Makes journal, image journal and write daemon of an incarnation. What cannot be made, for want of space
 * say, leaves nothing behind, and may be tried again.
 */
export async function openMember(
  incarnation: string,
  settings: Settings,
  world: World,
  onStop: (cause: CohortError) => void,
): Promise<Member> {
  const base = settings.dir === undefined ? MEMORY_DIRECTORY : await world.storage.resolve(settings.dir);
  const directory = `${base}/${incarnation}`;
  const gate = await world.storage.fence.openGate(directory, incarnation);
  try {
    return await makeMember(incarnation, directory, gate, settings, world, onStop);
  } catch (error) {
    gate.close();
    await removeIfUnnamed(world, directory).catch(() => {});
    throw error;
  }
}

async function makeMember(
  incarnation: string,
  directory: string,
  gate: Gate,
  settings: Settings,
  world: World,
  onStop: (cause: CohortError) => void,
): Promise<Member> {
  const storage = gatedStorage(world.storage, gate);
  const stop = (cause: CohortError): void => {
    engine.stopped ??= cause;
    daemon.stop(cause);
    journal.abandon(cause);
    onStop(cause);
  };
  const cycleBlocks = cycleBlocksOf(settings);
  let relieving: Promise<void> | undefined;
  // What fills the disk may be segments that nothing needs once their blocks are home.
  const relieve = (): void => {
    relieving ??= atEnd(daemon.checkpoint().catch(() => {}), () => relieving = undefined);
  };
  const journal = await openJournal(storage, directory, incarnation, settings, world, stop, relieve);
  const images = await ImageJournal.open({
    storage,
    clock: world.clock,
    path: imagePath(directory),
    incarnation,
    blocksMax: cycleBlocks,
    ready: { blocks: Math.min(cycleBlocks, READY_BLOCKS), blockBytes: settings.blockSize },
  }).catch(async (error) => {
    journal.abandon(error);
    await journal.close();
    throw error;
  });
  const volumes = new Map<number, Volume>();
  const pool = new Pool(settings.poolBytes, settings.blockSize, world.memory);
  const engine = new Engine(pool, journal, new Stamps(FIRST_STAMP));
  const daemon = openDaemon(engine, journal, images, volumes, settings, world, stop, cycleBlocks);
  engine.attach(daemon);
  engine.onBroken = (error) =>
    stop(new CohortError("STOPPED", `An invariant broke: ${error.message}`, {}, error));
  let tidied: Promise<void> = Promise.resolve();
  const tidy = (work: () => Promise<void>): void => {
    const told = (error: unknown): void =>
      world.observer.event("node.litter", "warn", { directory, cause: String(error) });
    tidied = tidied.then(work).catch(told);
  };
  const close = async (cause: CohortError | undefined): Promise<void> => {
    const reason = cause ?? new CohortError("CLOSED", "The node is closed");
    engine.stopped ??= reason;
    if (cause !== undefined) journal.abandon(cause);
    daemon.stop(reason);
    await tidied;
    await daemon.settled();
    try {
      await journal.close();
    } finally {
      await member.journalLog?.close();
      // Whatever fails, nothing of this member stays open in a process that goes on.
      gate.close();
      await images.close();
    }
    if (cause === undefined && volumes.size === 0) await removeLeft(member);
  };
  const parts = { incarnation, directory, settings, world, engine, journal, daemon, volumes };
  const ends = { homes: new Map(), stop, tidy, tidied: () => tidied, close };
  const own = { registers: new MountRegisters(world.storage, directory), nextIncrement: numbers() };
  const member: Member = { ...parts, ...ends, ...own, gated: storage, gate, journalLog: undefined };
  return member;
}

/** Numbers that rise, from 1. */
function numbers(): () => number {
  let last = 0;
  return () => ++last;
}

/** What a member leaves that closed in good order: nothing, unless a volume names its journal still. */
async function removeLeft({ world, directory, incarnation, journalLog }: Member): Promise<void> {
  await removeIfUnnamed(world, directory);
  if (journalLog === undefined || (await world.storage.list(directory)).length > 0) return;
  await removeJournalLog(world.storage, journalLog.directory, incarnation);
}

/** A cycle never takes more than a quarter of the pool: the rest goes on being used meanwhile. */
function cycleBlocksOf(settings: Settings): number {
  const poolBlocks = Math.floor(settings.poolBytes / settings.blockSize);
  return Math.min(settings.cycleBlocks, Math.max(1, poolBlocks >> 2));
}

function openJournal(
  storage: Storage,
  directory: string,
  incarnation: string,
  settings: Settings,
  world: World,
  onStop: (cause: CohortError) => void,
  onShort: () => void,
): Promise<Journal> {
  const { durability, syncIntervalMs, segmentBytes, historyDays } = settings;
  return Journal.create({
    storage,
    clock: world.clock,
    observer: world.observer,
    directory,
    incarnation,
    durability,
    syncIntervalMs,
    firstStamp: FIRST_STAMP,
    segmentBytes,
    reserveBytes: Math.min(RESERVE_BYTES, segmentBytes),
    firstReserveBytes: FIRST_RESERVE_BYTES,
    ...(historyDays > 0 ? { history: { days: historyDays, keep: HISTORY_SEGMENTS_MIN } } : {}),
    onShort,
    onStop,
  });
}

function openDaemon(
  engine: Engine,
  journal: Journal,
  images: ImageJournal,
  volumes: ReadonlyMap<number, Volume>,
  settings: Settings,
  world: World,
  onStop: (cause: CohortError) => void,
  cycleBlocks: number,
): WriteDaemon {
  return new WriteDaemon({
    engine,
    journal,
    images: {
      makeRoom: (blocks) => images.makeRoom(blocks, settings.blockSize),
      writeCycle: async (cycle, entries, facts) =>
        void await images.writeCycle(cycle, entries.map(imageEntry), facts),
      release: async (cycle) => await images.release(cycle),
    },
    volumeAt: (index) => volumes.get(index),
    segmentAt: () => journal.segments().at(-1)?.number ?? 0,
    clock: world.clock,
    observer: world.observer,
    onStop,
    onHome: (position) => truncate(journal, position),
  }, {
    cycleBlocks,
    dirtyTarget: Math.floor(engine.pool.capacity * DIRTY_PART),
    checkpointBytes: settings.checkpointBytes,
    idleMs: settings.idleMs,
  });
}

/** Path of an incarnation's image journal. */
export function imagePath(directory: string): string {
  return `${directory}/image`;
}

function imageEntry(image: CycleImage): ImageEntry {
  const { id, incarnation } = image.volume.facts;
  return { volumeId: id, volumeIncarnation: incarnation, block: image.block, bytes: image.bytes };
}

/** Lower than any stamp given; volumes raise it. */
const FIRST_STAMP = 1;

/** Drops the segments that lie wholly below a position; another time when that would have to wait. */
async function truncate(journal: Journal, position: number): Promise<void> {
  if (!journal.canDrop) return;
  let last = -1;
  for (const segment of journal.segments()) {
    if (segment.sealed && segment.end <= position) last = Math.max(last, segment.number);
  }
  if (last >= 0) await journal.drop(last);
}

/** Lets go of a dead owner for the volume in `home`; its files go when no other volume names them. */
export async function releaseDead(world: World, dead: string, volumeId: string, home: string): Promise<void> {
  if (await removeNames(world.storage, dead, volumeId, home)) await removeIfUnnamed(world, dead);
}

/** Removes an incarnation's files when no volume names them any more. */
export async function removeIfUnnamed(world: World, directory: string): Promise<void> {
  const names = await world.storage.list(directory);
  if (names.length > 0 && !names.some(isMountName)) {
    await removeIncarnation(world, directory);
  }
}

/** Removes the files of an incarnation that no volume needs. */
async function removeIncarnation(world: World, directory: string): Promise<void> {
  const { storage } = world;
  await removeJournal(storage, directory);
  const names = await storage.list(directory);
  // Last what says that all may go: what somebody leaves halfway another goes on with.
  names.sort((a, b) => Number(a === GONE_NAME) - Number(b === GONE_NAME));
  for (const name of names) await storage.remove(`${directory}/${name}`);
  await storage.remove(directory);
}
