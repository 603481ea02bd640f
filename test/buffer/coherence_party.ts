/**
 * One member of a simulated cluster of engines: all that a node would put together, around one shared volume.
 */
import type { Handover } from "../../src/buffer/block_holder.ts";
import { Coherence } from "../../src/buffer/coherence.ts";
import type { Survivors } from "../../src/buffer/survivors.ts";
import { MemberCourier } from "../../src/cluster/courier.ts";
import { PACKET_CLASS } from "../../src/cluster/packet.ts";
import { DatabaseCore } from "../../src/global/database.ts";
import { Global } from "../../src/global/global.ts";
import { mapAllocated } from "../../src/ground/space_map.ts";
import type { Value } from "../../src/ground/value.ts";
import { type Member, openMember } from "../../src/node/member.ts";
import { recoverVolume, type RecoveryReport } from "../../src/node/recover.ts";
import { recoverShared } from "../../src/node/recover_shared.ts";
import { forgetFrames } from "../../src/node/letting_go.ts";
import { settingsOf } from "../../src/node/options.ts";
import { createVolume, openVolumeFile } from "../../src/node/volume_file.ts";
import type { Interconnect, Storage } from "../../src/ports/mod.ts";
import { withFaults } from "../../src/testing/fault_storage.ts";
import { Volume } from "../../src/storage/volume.ts";
import { tagOf } from "../../src/storage/volume_header.ts";
import type { SimHost, SimProcess } from "../../src/testing/sim/host.ts";
import { Prng } from "../../src/testing/sim/prng.ts";
import type { Scheduler } from "../../src/testing/sim/scheduler.ts";
import type { SimNetwork } from "../../src/testing/sim/sim_network.ts";
import { SimStorage } from "../../src/testing/sim/sim_storage.ts";
import { SimClock, SimEntropy, SimObserver } from "../../src/testing/sim/small_ports.ts";
import type { Trace } from "../../src/testing/sim/trace.ts";
import type { CoherenceManner } from "./coherence_world.ts";

const DIRECTORY = "/db";
const SECRET = new TextEncoder().encode("0123456789abcdef");

/** What a member needs of its world. */
export interface PartyWorld {
  readonly seed: number;
  readonly manner: Pick<CoherenceManner, "poolBlocks" | "idleMs" | "isRelaxed">;
  readonly extentBlocks: number;
  readonly host: SimHost;
  readonly network: SimNetwork;
  readonly scheduler: Scheduler;
  readonly trace: Trace;
  readonly problems: string[];
  readonly parties: readonly Party[];
  /** Members that live, and that do not. */
  readonly living: readonly Party[];
  readonly lost: readonly Party[];
  /** Number of the newest view. */
  readonly view: number;
  /** False while what the lost left is not recovered. */
  isRecovered: boolean;
  readonly recovered: RecoveryReport[];
  /** A message as it is heard. */
  spoiled(bytes: Uint8Array): Uint8Array;
  /** How a member hands over what it changed. */
  handoverOf(party: Party): Handover;
  /** A member was told of trouble. */
  troubled(error: unknown): void;
}

/** One member: its engine and its face of the shared database. */
export class Party {
  readonly name: string;
  readonly incarnation: string;
  readonly world: PartyWorld;
  readonly clock: SimClock;
  readonly process: SimProcess;
  /** Resolves when it is killed. */
  readonly died: Promise<void>;
  readonly links: Interconnect;
  readonly courier: MemberCourier;
  address = "";
  member!: Member;
  coherence!: Coherence;
  core!: DatabaseCore;
  global!: Global<Value>;
  other!: Global<Value>;
  #recovering: Promise<void> = Promise.resolve();
  /** While true, no read of the volume succeeds. */
  isBlind = false;
  /** Bytes that its next write to the volume puts down before it fails. */
  tearsAt: number | undefined;
  /** While true, it does not share the volume; operations of its clients that are under way. */
  isAway = false;
  busy = 0;
  readonly #storage: Storage;
  readonly #entropy: SimEntropy;

  constructor(world: PartyWorld, number: number) {
    this.world = world;
    this.name = `m${number}`;
    this.incarnation = String(number).repeat(32);
    const process = world.host.spawn();
    process.station = this.name;
    this.process = process;
    this.died = new Promise((go) => process.onKilled.push(go));
    this.clock = new SimClock(process);
    this.#storage = withFaults(new SimStorage(process), ({ operation, path }) => {
      if (!path.startsWith(DIRECTORY)) return undefined;
      if (this.isBlind && operation === "read") return { kind: "error", code: "IO", errno: "EIO" };
      if (this.tearsAt === undefined || operation !== "write") return undefined;
      const bytes = this.tearsAt;
      this.tearsAt = undefined;
      return { kind: "tornWrite", bytes };
    });
    this.#entropy = new SimEntropy(new Prng(world.seed, this.name));
    this.links = world.network.interconnect(process);
    this.courier = new MemberCourier(this.incarnation, {
      clock: this.clock,
      limits: { flightBytes: 1 << 20, served: 64, keptBytes: 8 << 20 },
      stamp: () => this.member.engine.stamps.last,
      hear: (stamp) => this.member.engine.stamps.hear(stamp),
      send: (to, bytes) => this.links.send(to, bytes),
      safe: (position) => this.#safe(position),
      onUnsafe: (error) => world.problems.push(`unsafe: ${error}`),
      disconnect: (to, reason) => world.problems.push(`${this.name} disconnects ${to}: ${reason}`),
      onLaterView: () => this.enter(),
      onBroken: (error) => world.problems.push(`broken: ${error instanceof Error ? error.stack : error}`),
    });
  }

  #safe(position: number): Promise<void> | undefined {
    const { journal } = this.member;
    return position <= journal.safe ? undefined : journal.makeSafe(position);
  }

  /** Opens its engine: a member, or one that has the volume alone, and recovers it from these directories. */
  async open(dead?: readonly string[]): Promise<void> {
    const { world } = this;
    const { poolBlocks } = world.manner;
    const settings = settingsOf({
      dir: "/nodes",
      poolBytes: poolBlocks * 8192,
      segmentBytes: 64 * 1024 + 8 * 8192,
      checkpointBytes: 64 * 1024,
      cycleBlocks: 8,
      idleMs: world.manner.idleMs ?? 5,
      durability: world.manner.isRelaxed === true ? "relaxed" : "sync",
    });
    const ports = {
      storage: this.#storage,
      clock: this.clock,
      entropy: this.#entropy,
      observer: new SimObserver(world.trace, () => world.scheduler.now),
    };
    const stopped = (cause: Error): void => void world.problems.push(`${this.name} stopped: ${cause.stack}`);
    this.member = await openMember(this.incarnation, settings, ports, stopped);
    const { engine, daemon, journal } = this.member;
    this.coherence = new Coherence({
      pool: engine.pool,
      loader: engine.loader,
      stamps: engine.stamps,
      courier: this.courier,
      left: daemon.left,
      position: () => journal.position,
      letGo: (volume, block) => daemon.letGo(volume, block),
      handover: world.handoverOf(this),
      bringHome: (volume, block) => daemon.bringHome(volume, block),
      nudge: () => daemon.nudge(),
      makeRoom: () => daemon.makeRoom(1),
      soon: (task) => void this.clock.after(0, task),
      rest: () => new Promise((go) => void this.clock.after(10, go)),
      onTrouble: (error) => world.troubled(error),
    });
    engine.coherence = this.coherence;
    await createVolume(DIRECTORY, { extentBlocks: world.extentBlocks }, settings, ports);
    const { file, header } = await openVolumeFile(DIRECTORY, "write", settings, ports);
    const { id, incarnation, blockSize, extentBlocks } = header;
    const index = await journal.addVolume(id, incarnation, DIRECTORY);
    const facts = { id, incarnation, blockSize, extentBlocks, tag: tagOf(incarnation) };
    const volume = new Volume(file, facts, index, await file.size(), false);
    this.member.volumes.set(index, volume);
    if (dead === undefined) this.coherence.share(volume);
    else if (dead.length > 0) await recoverVolume(this.member, volume, dead);
    await daemon.checkpoint();
    await countFree(volume);
    this.core = new DatabaseCore(engine, volume, this.clock, ports.observer, DIRECTORY);
    this.global = new Global<Value>(this.core, "X");
    this.other = new Global<Value>(this.core, "Y");
    this.address = await this.links.open({
      cluster: "c".repeat(32),
      name: this.name,
      incarnation: this.incarnation,
      epoch: 0,
      secret: SECRET,
      versions: { least: 1, most: 1 },
    }, {
      message: (from, bytes) => {
        if (bytes[0] === PACKET_CLASS) this.courier.heard(from, world.spoiled(bytes));
      },
      up: (peer) => this.courier.linked(peer),
      down: () => {},
    });
  }

  /** Goes over to the newest view. */
  enter(): void {
    const { view, living, lost } = this.world;
    if (this.courier.view >= view || !this.process.alive) return;
    const members = living.map((it) => it.incarnation);
    const recoverer = this.world.isRecovered ? undefined : members[0];
    this.courier.enter(view, members);
    const survivors = this.coherence.enter(members, recoverer);
    if (recoverer === this.incarnation) {
      // One after the other: a newer view begins it anew.
      const run = (): Promise<void> => this.#recover(view, survivors, lost);
      this.#recovering = this.#recovering.then(run).catch((error) => {
        this.world.problems.push(`recovery: ${error instanceof Error ? error.stack : error}`);
      });
    }
  }

  async #recover(view: number, survivors: Survivors, lost: readonly Party[]): Promise<void> {
    const { world, member, core } = this;
    let isReported = false;
    survivors.reported.then(() => isReported = true);
    // Fenced: no write of theirs is on its way any more.
    while (lost.some((it) => !it.process.isOver)) await world.scheduler.sleep(200);
    while (!isReported && world.view === view) await world.scheduler.sleep(200);
    if (world.view !== view) return;
    await member.journal.makeSafe();
    // The journals of the living stay and are read; so do those of the dead: who lives may stand on them.
    const directories = lost.map((it) => `/nodes/${it.incarnation}`);
    const living = new Map([...survivors.journals].map(([it, part]) => [`/nodes/${it}`, part]));
    const { tag } = core.volume.facts;
    const isAnswered = (block: number): boolean => survivors.answersFor({ tag, block });
    const neededFrom = (): number => 0;
    const { file } = await openVolumeFile(DIRECTORY, "write", member.settings, member.world);
    const report = await recoverShared(member, core.volume, file, directories, {
      living,
      isAnswered,
      neededFrom,
    });
    world.recovered.push(report);
    if (world.view !== view) return;
    world.isRecovered = true;
    this.coherence.resume();
  }

  /** Shares the volume no more for a while, as one who dismounts it and mounts it again. */
  async away(forUs: number): Promise<void> {
    const { world: { scheduler, living }, member, coherence, core: { volume } } = this;
    this.isAway = true;
    while (this.busy > 0) await scheduler.sleep(500);
    do {
      for (const it of living) await Promise.race([it.member.daemon.checkpoint(), it.died]);
      await coherence.owed.lookHome();
      await scheduler.sleep(2_000);
    } while (coherence.owed.size > 0);
    while (coherence.giveUp(volume) > 0) {
      await member.daemon.checkpoint();
      await scheduler.sleep(2_000);
    }
    coherence.unshare(volume);
    await forgetFrames(member.engine.pool, volume.index, this.clock, 10_000);
    await scheduler.sleep(forUs);
    coherence.share(volume);
    this.isAway = false;
  }

  /** Dials whoever it has no link to, for ever. */
  async keepLinked(): Promise<void> {
    for (;;) {
      for (const { address, incarnation } of this.world.parties) {
        if (incarnation > this.incarnation && this.process.alive) {
          await Promise.resolve(this.links.connect(address)).catch(() => {});
        }
      }
      await this.world.scheduler.sleep(2_000);
    }
  }
}

/** Counts the free blocks of a volume by its maps as they are home: hints, of a shared one. */
async function countFree(volume: Volume): Promise<void> {
  const { extentBlocks } = volume.facts;
  for (let extent = 0; volume.mapBlockOf(extent) < volume.blocks; extent++) {
    const { bytes, fault } = await volume.readRaw(volume.mapBlockOf(extent));
    if (fault !== undefined) return;
    volume.freeIn[extent] = extentBlocks - mapAllocated(bytes, 0);
  }
}
