/**
 * A simulated cluster of engines over one shared volume: real journals, pools, write daemons, couriers and
 * trees; a network that is slow, loses and reorders; clients that read and write the same few keys by way of
 * all members, and what must hold of what they saw.
 */
import type { Handover } from "../../src/buffer/block_holder.ts";
import { checkDatabase } from "../../src/global/check.ts";
import type { WaitOptions } from "../../src/global/patience.ts";
import { transact } from "../../src/global/transact.ts";
import { isCode } from "../../src/ground/errors.ts";
import type { RecoveryReport } from "../../src/node/recover.ts";
import { SimHost } from "../../src/testing/sim/host.ts";
import { drawLatencies } from "../../src/testing/sim/latencies.ts";
import { Prng } from "../../src/testing/sim/prng.ts";
import { type RunEnd, Scheduler } from "../../src/testing/sim/scheduler.ts";
import { drawNetwork, SimNetwork } from "../../src/testing/sim/sim_network.ts";
import { Trace } from "../../src/testing/sim/trace.ts";
import { Party, type PartyWorld } from "./coherence_party.ts";
import { Histories } from "./histories.ts";

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
  /** Members that are killed, one after another. */
  readonly losses: number;
  /** Whether the power of all goes at last, in the middle of everything. */
  readonly power?: boolean;
  /** How members hand over what they changed; "mixed": one so, the next otherwise. "direct" by default. */
  readonly handover?: Handover | "mixed";
  /** Of 1,000 images, how many come with a changed byte, behind all that guards the way. */
  readonly spoils?: number;
  /** Of 1,000 waits, how many end after at most so many milliseconds, whatever came of them. */
  readonly hurried?: number;
  readonly hurryMs?: number;
  /** Times that nothing gets from one member to another for a while. */
  readonly stalls?: number;
  /** Whether every value is large, so that all members need more of the volume at once. */
  readonly grows?: boolean;
  /** Milliseconds of quiet after which blocks go home; 5 unless said otherwise. */
  readonly idleMs?: number;
  /** Whether what is written is acknowledged before it is synced. */
  readonly isRelaxed?: boolean;
  /** Times that all but one of the members share the volume no more for a while. */
  readonly absences?: number;
  /** Whether members often cannot read the volume for a while when a view begins. */
  readonly blinds?: boolean;
}

/** A message that is an image: bytes of the packet, and of the message, before the block. */
const PACKET_BYTES = 40, IMAGE_BYTES = 17, IMAGE_KIND = 8;

/** The whole world of one seed. */
export class CoherenceWorld implements PartyWorld {
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
  /** What recoveries did. */
  readonly recovered: RecoveryReport[] = [];
  /** False while what the lost left is not recovered. */
  isRecovered = true;
  /** Images that came spoiled, and what members said of them. */
  spoils = 0;
  readonly troubles: string[] = [];
  /** Increments that were begun. */
  #begun = 0;
  /** What the increments of all clients add up to. */
  #counted = 0;
  #moves = 0;
  #writes = 0;
  /** True once all clients are through: what they left is compared, and nobody is lost any more. */
  #isQuiet = false;
  /** Blocks that members took because they had the volume as a whole. */
  get taken(): number {
    return this.parties.reduce((sum, { coherence, core }) => sum + coherence.countsOf(core.volume).taken, 0);
  }
  /** Sizes of the values that are written. */
  readonly #sizes: readonly number[];

  constructor(seed: number, drain: (() => void) | undefined, manner: CoherenceManner) {
    this.seed = seed;
    this.manner = manner;
    this.#sizes = manner.grows === true ? [7_000, 15_000, 60_000] : [1, 20, 900, 900, 5000];
    this.chance = new Prng(seed, "clients");
    this.scheduler = new Scheduler(seed, this.trace, drain);
    const { scheduler, trace } = this;
    this.host = new SimHost({ seed, scheduler, trace, latencies: drawLatencies(new Prng(seed, "disk")) });
    this.network = new SimNetwork(seed, scheduler, trace, drawNetwork(new Prng(seed, "manner")));
    this.extentBlocks = this.chance.pick([16, 64, 256]);
    this.parties = Array.from({ length: manner.members }, (_, i) => new Party(this, i + 1));
  }

  /** Members that live, and that do not. */
  get living(): Party[] {
    return this.parties.filter((it) => it.process.alive);
  }

  get lost(): Party[] {
    return this.parties.filter((it) => !it.process.alive);
  }

  handoverOf(party: Party): Handover {
    const { handover = "direct" } = this.manner;
    if (handover !== "mixed") return handover;
    return Number(party.name.slice(1)) % 2 === 0 ? "disk" : "direct";
  }

  /** Spoils an image now and then. */
  spoiled(bytes: Uint8Array): Uint8Array {
    const { spoils = 0 } = this.manner;
    const isImage = bytes.length === PACKET_BYTES + IMAGE_BYTES + 8192 && bytes[PACKET_BYTES] === IMAGE_KIND;
    if (spoils === 0 || !isImage || !this.chance.chance(spoils, 1_000)) return bytes;
    this.spoils++;
    const changed = bytes.slice();
    changed[PACKET_BYTES + IMAGE_BYTES + this.chance.below(8192)]! ^= 1 << this.chance.below(8);
    return changed;
  }

  /** What a view that ends breaks off is no trouble; nor is a spoiled image where there are some. */
  troubled(error: unknown): void {
    if (isCode(error, "VIEW_CHANGED")) return;
    this.troubles.push(String(error));
    if (this.manner.blinds === true && isCode(error, "IO")) return;
    if (!isCode(error, "CORRUPT") || this.spoils === 0) this.problems.push(`trouble: ${error}`);
  }

  /** Opens all members, and links them. */
  async begin(): Promise<void> {
    for (const party of this.parties) await party.open();
    for (const party of this.parties) {
      party.enter();
      void party.keepLinked();
    }
  }

  /** Runs all clients, then compares what every member has. */
  async run(): Promise<void> {
    await this.begin();
    const { manner } = this;
    void this.#changeViews();
    const clients = this.parties.flatMap((party) =>
      Array.from({ length: manner.clients }, () => Promise.race([this.#client(party), party.died]))
    );
    void this.#lose();
    void this.#stall();
    const absences = this.#absences();
    if (manner.power === true) return await this.#cut();
    await Promise.all(clients);
    this.#isQuiet = true;
    await absences;
    while (!this.isRecovered) await this.scheduler.sleep(1_000);
    for (const party of this.parties) party.isBlind = false;
    await this.#compare();
  }

  async #changeViews(): Promise<void> {
    for (let i = 0; i < this.manner.views; i++) {
      await this.scheduler.sleep(this.chance.between(1_000, 40_000));
      while (!this.isRecovered) await this.scheduler.sleep(1_000);
      this.view++;
      for (const party of this.parties) {
        void this.scheduler.sleep(this.chance.below(5_000)).then(() => party.enter());
        if (this.manner.blinds === true) this.#blind(party);
      }
    }
  }

  #blind(party: Party): void {
    party.isBlind = this.chance.chance(1, 2) && !this.#isQuiet;
    void this.scheduler.sleep(this.chance.below(100_000)).then(() => party.isBlind = false);
  }

  /** Kills members, each when the one before is recovered, or in the middle of that. */
  async #lose(): Promise<void> {
    for (let i = 0; i < this.manner.losses && this.living.length > 1; i++) {
      await this.scheduler.sleep(this.chance.between(5_000, 60_000));
      const isEager = this.chance.chance(1, 3);
      while (!this.isRecovered && !isEager) await this.scheduler.sleep(1_000);
      if (this.living.length < 2 || this.#isQuiet) return;
      this.host.kill(this.chance.pick(this.living).process);
      this.isRecovered = false;
      this.view++;
      for (const party of this.living) {
        void this.scheduler.sleep(this.chance.below(5_000)).then(() => party.enter());
      }
    }
  }

  /** One way between two members stands still for up to two seconds, now and then. */
  async #stall(): Promise<void> {
    const { chance, scheduler } = this;
    for (let i = 0; i < (this.manner.stalls ?? 0) && this.living.length > 1; i++) {
      await scheduler.sleep(chance.between(1_000, 100_000));
      const from = chance.pick(this.living);
      const to = chance.pick(this.living.filter((it) => it !== from));
      this.network.cut(from.name, to.name);
      await scheduler.sleep(chance.below(2_000_000));
      this.network.heal();
    }
  }

  /** All but one are away for a while, each as long as it likes; then all are back for a while. */
  async #absences(): Promise<void> {
    const { chance, scheduler } = this;
    for (let i = 0; i < (this.manner.absences ?? 0) && !this.#isQuiet; i++) {
      const stays = chance.pick(this.living);
      await Promise.all(
        this.living.filter((it) => it !== stays).map((it) =>
          Promise.race([it.away(chance.pick([100, 5_000, 60_000])), it.died])
        ),
      );
      await scheduler.sleep(chance.pick([0, 500, 20_000]));
    }
  }

  /** How long somebody waits. */
  #patience(): WaitOptions {
    const { hurried = 0, hurryMs = 1 } = this.manner;
    return hurried > 0 && this.chance.chance(hurried, 1_000) ? { timeoutMs: this.chance.below(hurryMs) } : {};
  }

  async #client(party: Party): Promise<void> {
    for (let i = 0; i < this.manner.operations; i++) {
      while (party.isAway) await this.scheduler.sleep(500);
      try {
        party.busy++;
        await this.#operation(party);
      } catch (error) {
        if (isCode(error, "TIMEOUT") || (this.manner.blinds === true && isCode(error, "IO"))) continue;
        this.problems.push(`${party.name}: ${error instanceof Error ? error.stack : error}`);
        return;
      } finally {
        party.busy--;
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
    const patience = this.#patience();
    const now = (): number => this.scheduler.now;
    const begun = this.scheduler.now;
    if (kind < 3) {
      const found = await global.get(["k", key, "v"], patience);
      histories.read(key, found, begun, this.scheduler.now, party.name);
    } else if (kind < 6) {
      const value = `${++this.#writes} ${"x".repeat(chance.pick(this.#sizes))}`;
      await histories.write(key, value, () => global.set(["k", key, "v"], value, patience), now);
    } else if (kind === 6) {
      await histories.write(key, undefined, () => global.kill(["k", key], patience), now);
    } else if (kind === 7) {
      const counter = chance.below(3);
      this.#begun++;
      histories.count(counter, await global.increment(["n", counter], undefined, patience), party.name);
      this.#counted++;
    } else if (kind === 8 && chance.chance(1, 2)) await this.#whole(party);
    else await this.#move(party, patience);
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
  async #move(party: Party, patience: WaitOptions): Promise<void> {
    const from = this.chance.below(6), to = this.chance.below(6);
    await transact(party.member.engine, party.clock, async (transaction) => {
      const global = transaction.global(party.global);
      const sum = Number(await global.get(["a", from]) ?? 0);
      await global.set(["a", from], sum - 1);
      const other = Number(await global.get(["a", to]) ?? 0);
      await global.set(["a", to], other + 1);
    }, patience);
    this.#moves++;
  }

  async #compare(): Promise<void> {
    this.problems.push(...this.histories.problems());
    for (const party of this.living) {
      await this.#compareSums(party);
      for (let key = 0; key < this.manner.keys; key++) {
        const now = this.scheduler.now;
        const found = await party.global.get(["k", key, "v"]);
        this.histories.read(key, found, now, this.scheduler.now, party.name);
      }
    }
    this.problems.push(...this.histories.problems());
    for (const party of this.living) await party.member.daemon.checkpoint();
    await this.#compareRest();
    await this.#compareHome([]);
  }

  /** Soon after all is quiet nobody remembers more of the blocks than what the pool has of them. */
  async #compareRest(): Promise<void> {
    const tooMany = ({ coherence, member, core }: Party): boolean =>
      coherence.size.held > [...member.engine.pool.framesOf(core.volume.index)].length;
    // What was sent on is remembered until it is known to have arrived, however late that is.
    for (let i = 0; i < 100 && this.living.some(tooMany); i++) await this.scheduler.sleep(100_000);
    for (const party of this.living.filter(tooMany)) {
      this.problems.push(`${party.name} remembers ${party.coherence.size.held} blocks, more than are here`);
    }
  }

  /** Every increment that was acknowledged counts, once; money that moved is neither made nor lost. */
  async #compareSums({ name, global }: Party): Promise<void> {
    let counted = 0, sum = 0;
    for (let i = 0; i < 3; i++) counted += Number(await global.get(["n", i]) ?? 0);
    for (let i = 0; i < 6; i++) sum += Number(await global.get(["a", i]) ?? 0);
    if (counted < this.#counted || counted > this.#begun) {
      this.problems.push(`${name} counts ${counted} of ${this.#counted} to ${this.#begun}`);
    }
    if (sum !== 0) this.problems.push(`after ${this.#moves} moves ${name} has a sum of ${sum}`);
  }

  /** All are lost at once, with what the host had not synced; whoever comes recovers all. */
  async #cut(): Promise<void> {
    await this.scheduler.sleep(this.chance.between(10_000, 150_000));
    const directories = this.parties.map((it) => `/nodes/${it.incarnation}`);
    this.host.powerCut();
    await this.#compareHome(directories);
  }

  /** What is home is what everybody saw: another reads the volume alone, once it is recovered. */
  async #compareHome(dead: readonly string[]): Promise<void> {
    const reader = new Party(this, 9);
    await reader.open(dead);
    await this.#compareSums(reader);
    const now = this.scheduler.now;
    for (let key = 0; key < this.manner.keys; key++) {
      this.histories.read(key, await reader.global.get(["k", key, "v"]), now, now, "home");
    }
    this.problems.push(...this.histories.problems());
    const report = await checkDatabase(reader.core, undefined);
    for (const { block, problem } of report.problems) this.problems.push(`block ${block}: ${problem}`);
  }
}

/** Runs the world of a seed, or a play in it, to its end. */
export async function runCoherence(
  seed: number,
  drain: (() => void) | undefined,
  manner: CoherenceManner,
  play: (world: CoherenceWorld) => Promise<void> = (world) => world.run(),
): Promise<CoherenceWorld> {
  const world = new CoherenceWorld(seed, drain, manner);
  let isDone = false;
  play(world).then(() => isDone = true, (error) => {
    world.problems.push(`the run failed: ${error instanceof Error ? error.stack : error}`);
    isDone = true;
  });
  const bounds = { eventsMax: 3_000_000, timeMax: 600_000_000 };
  const end: RunEnd = await world.scheduler.run(() => isDone || world.problems.length > 0, bounds);
  if (!isDone && world.problems.length === 0) world.problems.push(`it came to no end: ${end}`);
  return world;
}
