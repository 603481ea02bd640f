/**
 * A simulated cluster of engines over one shared volume: real journals, pools, write daemons, couriers and
 * trees; a network that is slow, loses and reorders; clients that read and write the same few keys by way of
 * all members, and what must hold of what they saw.
 */
import { Coherence } from "../../src/buffer/coherence.ts";
import { MemberCourier } from "../../src/cluster/courier.ts";
import { PACKET_CLASS } from "../../src/cluster/packet.ts";
import { checkDatabase } from "../../src/global/check.ts";
import { DatabaseCore } from "../../src/global/database.ts";
import { Global } from "../../src/global/global.ts";
import { transact } from "../../src/global/transact.ts";
import { isCode } from "../../src/ground/errors.ts";
import { mapAllocated } from "../../src/ground/space_map.ts";
import type { Value } from "../../src/ground/value.ts";
import { type Member, openMember } from "../../src/node/member.ts";
import { settingsOf } from "../../src/node/options.ts";
import { createVolume, openVolumeFile } from "../../src/node/volume_file.ts";
import type { Interconnect } from "../../src/ports/mod.ts";
import { Volume } from "../../src/storage/volume.ts";
import { tagOf } from "../../src/storage/volume_header.ts";
import { SimHost } from "../../src/testing/sim/host.ts";
import { drawLatencies } from "../../src/testing/sim/latencies.ts";
import { Prng } from "../../src/testing/sim/prng.ts";
import { type RunEnd, Scheduler } from "../../src/testing/sim/scheduler.ts";
import { drawNetwork, SimNetwork } from "../../src/testing/sim/sim_network.ts";
import { SimStorage } from "../../src/testing/sim/sim_storage.ts";
import { SimClock, SimEntropy, SimObserver } from "../../src/testing/sim/small_ports.ts";
import { Trace } from "../../src/testing/sim/trace.ts";
import { Histories } from "./histories.ts";

const DIRECTORY = "/db";
const SECRET = new TextEncoder().encode("0123456789abcdef");

/** Histories of the second global begin here. */
const OTHER_KEYS = 10_000;

/** What a world is like. */
export interface CoherenceManner {
  readonly members: number;
  readonly clients: number;
  /** Operations of each client. */
  readonly operations: number;
  readonly keys: number;
  readonly poolBlocks: number;
  /** Changes of the view, of which each member hears in its own time. */
  readonly views: number;
}

/** One member: its engine and its face of the shared database. */
class Party {
  readonly name: string;
  readonly incarnation: string;
  readonly world: CoherenceWorld;
  readonly clock: SimClock;
  readonly links: Interconnect;
  readonly courier: MemberCourier;
  address = "";
  member!: Member;
  coherence!: Coherence;
  core!: DatabaseCore;
  global!: Global<Value>;
  other!: Global<Value>;
  readonly #storage: SimStorage;
  readonly #entropy: SimEntropy;

  constructor(world: CoherenceWorld, number: number) {
    this.world = world;
    this.name = `m${number}`;
    this.incarnation = String(number).repeat(32);
    const process = world.host.spawn();
    process.station = this.name;
    this.clock = new SimClock(process);
    this.#storage = new SimStorage(process);
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

  async open(isMember: boolean = true): Promise<void> {
    const { world } = this;
    const { poolBlocks } = world.manner;
    const settings = settingsOf({
      dir: "/nodes",
      poolBytes: poolBlocks * 8192,
      segmentBytes: 256 * 1024,
      checkpointBytes: 512 * 1024,
      cycleBlocks: 8,
      idleMs: 5,
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
      position: () => journal.position,
      letGo: (volume, block) => daemon.letGo(volume, block),
      makeRoom: () => daemon.makeRoom(1),
      soon: (task) => void this.clock.after(0, task),
      onTrouble: (error) => {
        if (!isCode(error, "VIEW_CHANGED")) world.problems.push(`trouble: ${error}`);
      },
    });
    engine.coherence = this.coherence;
    await createVolume(DIRECTORY, { extentBlocks: world.extentBlocks }, settings, ports);
    const { file, header } = await openVolumeFile(DIRECTORY, "write", settings, ports);
    const { id, incarnation, blockSize, extentBlocks } = header;
    const index = await journal.addVolume(id, incarnation, DIRECTORY);
    const facts = { id, incarnation, blockSize, extentBlocks, tag: tagOf(incarnation) };
    const volume = new Volume(file, facts, index, await file.size(), false);
    this.member.volumes.set(index, volume);
    if (isMember) this.coherence.share(volume);
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
        if (bytes[0] === PACKET_CLASS) this.courier.heard(from, bytes);
      },
      up: (peer) => this.courier.linked(peer),
      down: () => {},
    });
  }

  /** Goes over to the newest view. */
  enter(): void {
    const { view, parties } = this.world;
    if (this.courier.view >= view) return;
    const members = parties.map((it) => it.incarnation);
    this.courier.enter(view, members);
    this.coherence.enter(members);
  }

  /** Dials whoever it has no link to, for ever. */
  async keepLinked(): Promise<void> {
    for (;;) {
      for (const { address, incarnation } of this.world.parties) {
        if (incarnation > this.incarnation) {
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

/** The whole world of one seed. */
export class CoherenceWorld {
  readonly seed: number;
  readonly manner: CoherenceManner;
  readonly trace: Trace = new Trace();
  readonly scheduler: Scheduler;
  readonly host: SimHost;
  readonly network: SimNetwork;
  readonly chance: Prng;
  readonly problems: string[] = [];
  readonly parties: Party[];
  readonly histories: Histories = new Histories();
  readonly extentBlocks: number;
  /** Number of the newest view. */
  view = 1;
  /** What the increments of all clients add up to. */
  #counted = 0;
  #moves = 0;
  #writes = 0;

  constructor(seed: number, drain: (() => void) | undefined, manner: CoherenceManner) {
    this.seed = seed;
    this.manner = manner;
    this.chance = new Prng(seed, "clients");
    this.scheduler = new Scheduler(seed, this.trace, drain);
    const { scheduler, trace } = this;
    this.host = new SimHost({ seed, scheduler, trace, latencies: drawLatencies(new Prng(seed, "disk")) });
    this.network = new SimNetwork(seed, scheduler, trace, drawNetwork(new Prng(seed, "manner")));
    this.extentBlocks = this.chance.pick([16, 64, 256]);
    this.parties = Array.from({ length: manner.members }, (_, i) => new Party(this, i + 1));
  }

  /** Runs all clients, then compares what every member has. */
  async run(): Promise<void> {
    for (const party of this.parties) await party.open();
    for (const party of this.parties) {
      party.enter();
      void party.keepLinked();
    }
    const { manner } = this;
    void this.#changeViews();
    const clients = this.parties.flatMap((party) =>
      Array.from({ length: manner.clients }, () => this.#client(party))
    );
    await Promise.all(clients);
    await this.#compare();
  }

  async #changeViews(): Promise<void> {
    for (let i = 0; i < this.manner.views; i++) {
      await this.scheduler.sleep(this.chance.between(1_000, 40_000));
      this.view++;
      for (const party of this.parties) {
        void this.scheduler.sleep(this.chance.below(5_000)).then(() => party.enter());
      }
    }
  }

  async #client(party: Party): Promise<void> {
    for (let i = 0; i < this.manner.operations; i++) {
      try {
        await this.#operation(party);
      } catch (error) {
        this.problems.push(`${party.name}: ${error instanceof Error ? error.stack : error}`);
        return;
      }
      if (this.chance.chance(1, 3)) await this.scheduler.sleep(this.chance.below(2_000));
      if (this.chance.chance(1, 20)) await party.member.daemon.checkpoint();
    }
  }

  async #operation(party: Party): Promise<void> {
    const { chance, histories } = this;
    const { global } = party;
    const key = chance.below(this.manner.keys);
    const kind = chance.below(10);
    const begun = this.scheduler.now;
    if (kind < 3) {
      const found = await global.get(["k", key, "v"]);
      histories.read(key, found, begun, this.scheduler.now, party.name);
    } else if (kind < 6) {
      const value = `${++this.#writes} ${"x".repeat(chance.pick([1, 20, 900, 900, 5000]))}`;
      await histories.write(key, value, () => global.set(["k", key, "v"], value), () => this.scheduler.now);
    } else if (kind === 6) {
      await histories.write(key, undefined, () => global.kill(["k", key]), () => this.scheduler.now);
    } else if (kind === 7) {
      this.#counted++;
      const counter = chance.below(3);
      histories.count(counter, await global.increment(["n", counter]), party.name);
    } else if (kind === 8 && chance.chance(1, 2)) await this.#whole(party);
    else await this.#move(party);
  }

  /** A second global comes and goes as a whole: roots and leaves change. */
  async #whole(party: Party): Promise<void> {
    const { chance, histories } = this;
    const now = (): number => this.scheduler.now;
    const key = chance.below(4);
    const global = party.other;
    switch (chance.below(4)) {
      case 0: {
        const keys = [0, 1, 2, 3].map((it) => OTHER_KEYS + it);
        await histories.writeAll(keys, undefined, () => global.kill([]), now);
        break;
      }
      case 1: {
        const begun = now();
        const found = await global.get([key]);
        histories.read(OTHER_KEYS + key, found, begun, now(), party.name);
        break;
      }
      default: {
        const value = `${++this.#writes} ${"y".repeat(900)}`;
        await histories.write(OTHER_KEYS + key, value, () => global.set([key], value), now);
      }
    }
  }

  /** Moves something from one account to another, by way of this member. */
  async #move(party: Party): Promise<void> {
    const from = this.chance.below(6), to = this.chance.below(6);
    await transact(party.member.engine, party.clock, async (transaction) => {
      const global = transaction.global(party.global);
      const sum = Number(await global.get(["a", from]) ?? 0);
      await global.set(["a", from], sum - 1);
      const other = Number(await global.get(["a", to]) ?? 0);
      await global.set(["a", to], other + 1);
    }, {});
    this.#moves++;
  }

  async #compare(): Promise<void> {
    this.problems.push(...this.histories.problems());
    for (const party of this.parties) {
      let counted = 0, sum = 0;
      for (let i = 0; i < 3; i++) counted += Number(await party.global.get(["n", i]) ?? 0);
      for (let i = 0; i < 6; i++) sum += Number(await party.global.get(["a", i]) ?? 0);
      if (counted !== this.#counted) {
        this.problems.push(`${party.name} counts ${counted} of ${this.#counted}`);
      }
      if (sum !== 0) this.problems.push(`after ${this.#moves} moves ${party.name} has a sum of ${sum}`);
      for (let key = 0; key < this.manner.keys; key++) {
        const now = this.scheduler.now;
        const found = await party.global.get(["k", key, "v"]);
        this.histories.read(key, found, now, this.scheduler.now, party.name);
      }
    }
    this.problems.push(...this.histories.problems());
    for (const party of this.parties) await party.member.daemon.checkpoint();
    await this.#compareHome();
  }

  /** What is home is what everybody saw: another reads the volume alone. */
  async #compareHome(): Promise<void> {
    const reader = new Party(this, 9);
    await reader.open(false);
    const now = this.scheduler.now;
    for (let key = 0; key < this.manner.keys; key++) {
      this.histories.read(key, await reader.global.get(["k", key, "v"]), now, now, "home");
    }
    this.problems.push(...this.histories.problems());
    const report = await checkDatabase(reader.core, undefined);
    for (const { block, problem } of report.problems) this.problems.push(`block ${block}: ${problem}`);
  }
}

/** Runs the world of a seed to its end. */
export async function runCoherence(
  seed: number,
  drain: (() => void) | undefined,
  manner: CoherenceManner,
): Promise<CoherenceWorld> {
  const world = new CoherenceWorld(seed, drain, manner);
  let isDone = false;
  world.run().then(() => isDone = true, (error) => {
    world.problems.push(`the run failed: ${error instanceof Error ? error.stack : error}`);
    isDone = true;
  });
  const bounds = { eventsMax: 3_000_000, timeMax: 600_000_000 };
  const end: RunEnd = await world.scheduler.run(() => isDone || world.problems.length > 0, bounds);
  if (!isDone && world.problems.length === 0) world.problems.push(`it came to no end: ${end}`);
  return world;
}
