/** Rails over two simulated networks: what holds of messages and links when everything breaks. */
import { setImmediate } from "node:timers";
import { test } from "#test";
import { seedsOf } from "../support/depth.ts";
import { assert, assertEquals } from "@std/assert";
import type { InterconnectPeer } from "../../src/ports/mod.ts";
import { type Rails, railsCore } from "../../src/cluster/rails.ts";
import { interconnectSuite } from "../../src/testing/mod.ts";
import { SimHost, type SimProcess } from "../../src/testing/sim/host.ts";
import { ALWAYS_VALUES } from "../../src/testing/sim/latencies.ts";
import { Prng } from "../../src/testing/sim/prng.ts";
import { Scheduler } from "../../src/testing/sim/scheduler.ts";
import {
  CALM_NETWORK,
  drawNetwork,
  type NetworkManner,
  SimNetwork,
} from "../../src/testing/sim/sim_network.ts";
import { SimClock } from "../../src/testing/sim/small_ports.ts";
import { Trace } from "../../src/testing/sim/trace.ts";
import { nativeDrain } from "../sim/drain.ts";

const BOUNDS = { eventsMax: 20_000_000, timeMax: Number.MAX_SAFE_INTEGER };
const PROBE_MS = 100;

/** A member; it comes back after each death under another incarnation. */
class Station {
  readonly host: SimHost;
  readonly number: number;
  process: SimProcess;
  links!: Rails;
  incarnation = "";
  address = "";
  readonly up: Set<string> = new Set<string>();
  readonly #world: World;
  readonly #sent = new Map<string, number>();
  #life = 0;

  constructor(world: World, number: number) {
    this.#world = world;
    this.number = number;
    const { seed, scheduler, trace } = world;
    this.host = new SimHost({ seed, scheduler, trace, latencies: ALWAYS_VALUES, name: `h${number}` });
    this.process = this.host.spawn();
  }

  async start(): Promise<void> {
    const world = this.#world;
    if (!this.process.alive) this.process = this.host.spawn();
    this.up.clear();
    this.#sent.clear();
    const [first, second] = world.networks.map((it) => it.interconnect(this.process));
    this.links = railsCore(first!, second, {
      clock: new SimClock(this.process),
      probeMs: PROBE_MS,
      observer: {
        traits: { version: 1 },
        event: (name) => void world.events.set(name, (world.events.get(name) ?? 0) + 1),
        measure: () => {},
      },
    });
    const incarnation = this.incarnation = `${this.number}${String(++this.#life).padStart(31, "0")}`;
    this.address = await this.links.open({
      cluster: "c".repeat(32),
      name: `m${this.number}`,
      incarnation,
      epoch: this.#life,
      secret: new TextEncoder().encode("0123456789abcdef"),
      versions: { least: 1, most: 1 },
    }, {
      message: (from, bytes) => world.heard(incarnation, from, bytes),
      up: ({ incarnation: other }) => {
        if (this.up.has(other)) world.problems.push(`${incarnation} hears twice that ${other} is up`);
        this.up.add(other);
        world.begun.add(`${other}>${incarnation}`);
      },
      down: ({ incarnation: other }) => {
        if (!this.up.delete(other)) world.problems.push(`${incarnation}: ${other} was not up`);
      },
    });
  }

  send(to: string): boolean {
    const next = (this.#sent.get(to) ?? 0) + 1;
    const bytes = new Uint8Array(8 + (next * 37) % 900).fill(next & 0xff);
    new DataView(bytes.buffer).setUint32(0, next, true);
    if (!this.links.send(to, bytes)) return false;
    this.#sent.set(to, next);
    return true;
  }
}

/** Three members, two networks. */
class World {
  readonly seed: number;
  readonly trace: Trace = new Trace();
  readonly scheduler: Scheduler;
  readonly networks: readonly [SimNetwork, SimNetwork];
  readonly chance: Prng;
  readonly stations: Station[];
  readonly problems: string[] = [];
  readonly events: Map<string, number> = new Map<string, number>();
  /** Pairs of which nothing was heard since their link went up. */
  readonly begun: Set<string> = new Set<string>();
  messages = 0;
  lost = 0;
  readonly #last = new Map<string, number>();

  constructor(seed: number, drain: (() => void) | undefined, mannerOf: (i: number) => NetworkManner) {
    this.seed = seed;
    this.chance = new Prng(seed, "rails");
    this.scheduler = new Scheduler(seed, this.trace, drain);
    const network = (i: number) => new SimNetwork(2 * seed + i, this.scheduler, this.trace, mannerOf(i));
    this.networks = [network(0), network(1)];
    this.stations = [1, 2, 3].map((number) => new Station(this, number));
  }

  heard(me: string, from: InterconnectPeer, bytes: Uint8Array): void {
    const pair = `${from.incarnation}>${me}`;
    const number = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
    const last = this.#last.get(pair) ?? 0;
    this.messages++;
    this.lost += number - last - 1;
    if (number > last + 1 && !this.begun.has(pair)) {
      this.problems.push(`${pair}: ${number} after ${last}, and no link went down`);
    }
    this.begun.delete(pair);
    if (number <= last) this.problems.push(`${pair}: ${number} after ${last}`);
    if (bytes.length !== 8 + (number * 37) % 900) this.problems.push(`${pair}: ${number} has another length`);
    if (bytes.subarray(4).some((byte) => byte !== (number & 0xff))) this.problems.push(`${pair}: damaged`);
    this.#last.set(pair, number);
  }

  async start(): Promise<void> {
    for (const station of this.stations) await station.start();
  }

  /** All that are not linked call each other. */
  async link(): Promise<void> {
    for (const station of this.stations) {
      for (const other of this.stations) {
        if (station !== other && !station.up.has(other.incarnation)) {
          await station.links.connect(other.address);
        }
      }
    }
  }

  /** Cuts a whole rail. */
  cut(rail: number): void {
    for (const { host: from } of this.stations) {
      for (const { host: to } of this.stations) if (from !== to) this.networks[rail]!.cut(from.name, to.name);
    }
  }

  /** Talks with who is up, and calls who is not. */
  async live(station: Station, untilUs: number): Promise<void> {
    const { process } = station;
    while (this.scheduler.now < untilUs && process.alive) {
      const other = this.chance.pick(this.stations.filter((it) => it !== station));
      if (!station.up.has(other.incarnation)) {
        void Promise.resolve(station.links.connect(other.address)).catch(() => {});
      }
      for (const to of station.up) for (let i = this.chance.below(6); i > 0; i--) station.send(to);
      await this.scheduler.sleep(this.chance.below(20_000), process);
    }
  }

  async storm(): Promise<void> {
    const untilUs = this.scheduler.now + 20_000_000;
    for (const station of this.stations) void this.live(station, untilUs);
    while (this.scheduler.now < untilUs) {
      await this.scheduler.sleep(this.chance.between(100_000, 2_000_000));
      const station = this.chance.pick(this.stations);
      const other = this.chance.pick(this.stations);
      const network = this.chance.pick([...this.networks]);
      switch (this.chance.below(8)) {
        case 0:
          station.host.kill(station.process);
          await this.scheduler.sleep(this.chance.below(300_000));
          await station.start();
          void this.live(station, untilUs);
          break;
        case 1:
          station.host.pause(station.process, this.chance.below(2_000_000));
          break;
        case 2:
          station.links.disconnect(other.incarnation, "storm");
          break;
        case 3:
          station.links.repaired();
          break;
        case 4:
          network.cut(station.host.name, other.host.name);
          break;
        case 5:
          this.cut(this.networks.indexOf(network));
          break;
        default:
          network.heal();
      }
    }
    for (const network of this.networks) {
      network.active = false;
      network.heal();
    }
    // Longer than a kernel or a greeting waits: what was half open is gone.
    await this.scheduler.sleep(70_000_000);
    await this.link();
    await this.scheduler.sleep(5_000_000);
    await this.talk();
  }

  /** Everybody says one thing to everybody. */
  async talk(): Promise<void> {
    const before = this.messages;
    for (const station of this.stations) {
      for (const other of this.stations) {
        if (station !== other && !station.send(other.incarnation)) this.problems.push("a link is missing");
      }
    }
    await this.scheduler.sleep(5_000_000);
    if (this.messages !== before + 6) this.problems.push(`${this.messages - before} of 6 messages arrive`);
    const generations = new Set(this.stations.map(({ links }) => links.status.generation));
    if (generations.size !== 1) this.problems.push(`generations ${[...generations].join(", ")}`);
  }
}

/** Runs a world to its end. */
async function play(
  seed: number,
  mannerOf: (i: number) => NetworkManner,
  run: (world: World) => Promise<void>,
): Promise<World> {
  const world = new World(seed, await nativeDrain(), mannerOf);
  let over = false;
  world.scheduler.after(0, () => {
    world.start().then(() => run(world)).then(() => (over = true), (error) => {
      world.problems.push(String(error));
      over = true;
    });
  });
  const end = await world.scheduler.run(() => over, BOUNDS);
  if (end !== "done") world.problems.push(`it ended by ${end}`);
  return world;
}

const stormy = (seed: number) =>
  play(seed, (i) => drawNetwork(new Prng(2 * seed + i, "manner")), (it) => it.storm());

test("rails in the simulator: messages come in order, once and whole, or links go down", async () => {
  let messages = 0, lost = 0;
  const events = new Map<string, number>();
  for (let seed = 1; seed <= 5; seed++) {
    const world = await stormy(seed);
    assertEquals(world.problems, [], `seed ${seed}`);
    messages += world.messages;
    lost += world.lost;
    for (const [name, count] of world.events) events.set(name, (events.get(name) ?? 0) + count);
  }
  assert(messages > 5_000 && lost > 100, `${messages} messages, ${lost} lost`);
  for (const name of ["rail.switched", "rail.no_secondary", "rail.repaired", "rail.error"]) {
    assert((events.get(name) ?? 0) >= 3, `${name} ${events.get(name)} times`);
  }
});

test("rails in the simulator: one seed is one run", async () => {
  assertEquals((await stormy(3)).trace.hash(), (await stormy(3)).trace.hash());
});

test("rails in the simulator: a dead rail is left before anybody is taken for dead", async () => {
  for (const seed of seedsOf(1, 10)) {
    const world = await play(seed, () => ({ ...CALM_NETWORK, delayUs: 200 }), async (it) => {
      await it.link();
      await it.scheduler.sleep(it.chance.between(500_000, 1_500_000));
      it.cut(0);
      await it.scheduler.sleep(1_200_000);
      const active = it.stations.map(({ links }) => links.status.active);
      if (active.some((rail) => rail !== 1)) it.problems.push(`rails ${active.join(", ")} after 1.2 s`);
      await it.talk();
      // With the second rail dead, too, there is nowhere to go, and nobody goes.
      it.cut(1);
      it.networks[0].heal();
      await it.scheduler.sleep(30_000_000);
      if (it.stations.some(({ links }) => links.status.active !== 1)) it.problems.push("one went back");
      // For a minute the first one answers: it is as good as repaired.
      await it.scheduler.sleep(45_000_000);
      await it.talk();
      if (it.stations.some(({ links }) => links.status.active !== 0)) it.problems.push("one did not go back");
    });
    assertEquals(world.problems, [], `seed ${seed}`);
    assertEquals(world.events.get("rail.switched"), 6);
  }
});

interconnectSuite({
  name: "rails of sim and sim",
  test,
  make: () => {
    const trace = new Trace();
    const scheduler = new Scheduler(1, trace);
    const networks = [1, 2].map((seed) => new SimNetwork(seed, scheduler, trace, CALM_NETWORK));
    let over = false;
    const pump = async () => {
      while (!over) {
        await scheduler.run(() => over, BOUNDS);
        await new Promise<void>((resolve) => setImmediate(() => resolve()));
      }
    };
    void pump();
    let hosts = 0;
    return {
      interconnect: () => {
        const options = { seed: 1, scheduler, trace, latencies: ALWAYS_VALUES, name: `h${++hosts}` };
        const process = new SimHost(options).spawn();
        const [first, second] = networks.map((it) => it.interconnect(process));
        const observer = { traits: { version: 1 as const }, event: () => {}, measure: () => {} };
        return railsCore(first!, second, { clock: new SimClock(process), observer, probeMs: PROBE_MS });
      },
      nowhere: "rails:sim:999,sim:999",
      pass: (ms) => scheduler.sleep(ms * 1000),
      dispose: () => {
        over = true;
      },
    };
  },
});
