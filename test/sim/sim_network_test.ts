/** Links over the simulated network: the port's promises, and what holds of them when everything breaks. */
import { setImmediate } from "node:timers";
import { test } from "#test";
import { assert, assertEquals } from "@std/assert";
import type { Interconnect, InterconnectPeer } from "../../src/ports/interconnect.ts";
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
import { Trace } from "../../src/testing/sim/trace.ts";
import { nativeDrain } from "./drain.ts";

const BOUNDS = { eventsMax: 5_000_000, timeMax: Number.MAX_SAFE_INTEGER };
const IN_PIECES: NetworkManner = { ...CALM_NETWORK, delayUs: 500, pieces: 9_000 };

for (const [name, manner] of [["calm", CALM_NETWORK], ["slow, in pieces,", IN_PIECES]] as const) {
  interconnectSuite({
    name: `sim ${name}`,
    test,
    make: () => {
      const trace = new Trace();
      const scheduler = new Scheduler(1, trace);
      const network = new SimNetwork(1, scheduler, trace, manner);
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
          return network.interconnect(new SimHost(options).spawn());
        },
        nowhere: "sim:999",
        pass: (ms) => scheduler.sleep(ms * 1000),
        dispose: () => {
          over = true;
        },
      };
    },
  });
}

/** One member of the storm; it comes back after each death under another incarnation. */
class Station {
  readonly host: SimHost;
  readonly number: number;
  process: SimProcess;
  links!: Interconnect;
  incarnation = "";
  address = "";
  #life = 0;
  #sent = new Map<string, number>();
  readonly up = new Set<string>();
  readonly #storm: Storm;

  constructor(storm: Storm, number: number) {
    this.#storm = storm;
    this.number = number;
    const { scheduler, trace, seed } = storm;
    this.host = new SimHost({ seed, scheduler, trace, latencies: ALWAYS_VALUES, name: `h${number}` });
    this.process = this.host.spawn();
  }

  async start(): Promise<void> {
    if (!this.process.alive) this.process = this.host.spawn();
    this.up.clear();
    this.#sent.clear();
    this.links = this.#storm.network.interconnect(this.process);
    this.incarnation = `${this.number}${String(++this.#life).padStart(31, "0")}`;
    const { incarnation } = this;
    this.address = await this.links.open({
      cluster: "c".repeat(32),
      name: `m${this.number}`,
      incarnation,
      epoch: this.#life,
      secret: new TextEncoder().encode("0123456789abcdef"),
      versions: { least: 1, most: 1 },
    }, {
      message: (from, bytes) => this.#storm.heard(incarnation, from, bytes),
      up: ({ incarnation: other }) => {
        if (this.up.has(other)) this.#storm.problems.push(`${incarnation} hears twice that ${other} is up`);
        this.up.add(other);
      },
      down: ({ incarnation: other }) => {
        if (!this.up.delete(other)) this.#storm.problems.push(`${incarnation}: ${other} was not up`);
      },
    });
  }

  /** A message to an incarnation: who, the how manieth, and bytes that follow from both. */
  send(to: string): boolean {
    const next = (this.#sent.get(to) ?? 0) + 1;
    const bytes = new Uint8Array(8 + (next * 37) % 900);
    bytes.fill(next & 0xff);
    new DataView(bytes.buffer).setUint32(0, next, true);
    if (!this.links.send(to, bytes)) return false;
    this.#sent.set(to, next);
    return true;
  }
}

/** Three stations in a storm: every rule that must hold of what they hear. */
class Storm {
  readonly seed: number;
  readonly trace = new Trace();
  readonly scheduler: Scheduler;
  readonly network: SimNetwork;
  readonly chance: Prng;
  readonly stations: Station[];
  readonly problems: string[] = [];
  messages = 0;
  lost = 0;
  readonly #last = new Map<string, number>();

  constructor(seed: number, drain: (() => void) | undefined) {
    this.seed = seed;
    this.chance = new Prng(seed, "storm");
    this.scheduler = new Scheduler(seed, this.trace, drain);
    this.network = new SimNetwork(seed, this.scheduler, this.trace, drawNetwork(new Prng(seed, "manner")));
    this.stations = [1, 2, 3].map((number) => new Station(this, number));
  }

  heard(me: string, from: InterconnectPeer, bytes: Uint8Array): void {
    const pair = `${from.incarnation}>${me}`;
    const number = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
    const last = this.#last.get(pair) ?? 0;
    this.messages++;
    this.lost += number - last - 1;
    if (number <= last) this.problems.push(`${pair}: ${number} after ${last}`);
    if (bytes.length !== 8 + (number * 37) % 900) this.problems.push(`${pair}: ${number} has another length`);
    if (bytes.subarray(4).some((byte) => byte !== (number & 0xff))) this.problems.push(`${pair}: damaged`);
    this.#last.set(pair, number);
  }

  /** Everybody keeps calling everybody, and talks. */
  async live(station: Station, untilUs: number): Promise<void> {
    const { process } = station;
    while (this.scheduler.now < untilUs && process.alive) {
      const other = this.chance.pick(this.stations.filter((it) => it !== station));
      if (!station.up.has(other.incarnation)) {
        await Promise.resolve(station.links.connect(other.address)).catch(() => {});
      }
      for (const to of station.up) for (let i = this.chance.below(6); i > 0; i--) station.send(to);
      await this.scheduler.sleep(this.chance.below(20_000), process);
    }
  }

  async run(): Promise<void> {
    for (const station of this.stations) await station.start();
    const untilUs = 6_000_000;
    for (const station of this.stations) void this.live(station, untilUs);
    while (this.scheduler.now < untilUs) {
      await this.scheduler.sleep(this.chance.between(10_000, 400_000));
      const station = this.chance.pick(this.stations);
      const other = this.chance.pick(this.stations);
      switch (this.chance.below(6)) {
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
          this.network.heal();
          break;
        default:
          this.network.cut(station.host.name, other.host.name);
      }
    }
    this.network.calm();
    // Longer than a kernel or a greeting waits: what was half open is gone.
    await this.scheduler.sleep(70_000_000);
    await this.calm();
  }

  /** After the storm all can reach each other again. */
  async calm(): Promise<void> {
    for (const station of this.stations) {
      for (const other of this.stations) {
        if (station !== other && !station.up.has(other.incarnation)) {
          await station.links.connect(other.address);
        }
      }
    }
    await this.scheduler.sleep(5_000_000);
    const before = this.messages;
    for (const station of this.stations) {
      for (const other of this.stations) {
        if (station === other) continue;
        if (!station.send(other.incarnation)) this.problems.push(`no link after the storm`);
      }
    }
    await this.scheduler.sleep(5_000_000);
    if (this.messages !== before + 6) {
      this.problems.push(`${this.messages - before} of 6 messages arrive at last`);
    }
  }
}

async function weather(seed: number): Promise<Storm> {
  const storm = new Storm(seed, await nativeDrain());
  let over = false;
  storm.scheduler.after(0, () => {
    storm.run().then(() => (over = true), (error) => {
      storm.problems.push(String(error));
      over = true;
    });
  });
  const end = await storm.scheduler.run(() => over, BOUNDS);
  if (end !== "done") storm.problems.push(`it ended by ${end}`);
  return storm;
}

test("network: whatever breaks, messages come in order, once and whole, and links come back", async () => {
  let messages = 0, lost = 0;
  for (let seed = 1; seed <= 12; seed++) {
    const storm = await weather(seed);
    assertEquals(storm.problems, [], `seed ${seed}`);
    messages += storm.messages;
    lost += storm.lost;
  }
  assert(messages > 5_000, `${messages} messages`);
  assert(lost > 100, `${lost} messages were lost on the way: it was a storm`);
});

test("network: one seed is one run", async () => {
  for (const seed of [3, 4]) {
    assertEquals((await weather(seed)).trace.hash(), (await weather(seed)).trace.hash());
  }
});

test("network: once it is calm, what clogs held up arrives as soon as anything does, in order", async () => {
  const scheduler = new Scheduler(7, new Trace());
  const manner = { ...CALM_NETWORK, pieces: 5_000, clogs: 10_000, clogUs: 5_000_000 };
  const network = new SimNetwork(7, scheduler, new Trace(), manner);
  network.active = false;
  const heard: string[] = [];
  const ends: Interconnect[] = [];
  const addresses: string[] = [];
  let isOver = false;
  const play = async (): Promise<void> => {
    for (const number of [1, 2]) {
      const options = {
        seed: 7,
        scheduler,
        trace: new Trace(),
        latencies: ALWAYS_VALUES,
        name: `h${number}`,
      };
      const links = network.interconnect(new SimHost(options).spawn());
      addresses.push(
        await links.open({
          cluster: "c".repeat(32),
          name: `m${number}`,
          incarnation: String(number).repeat(32),
          epoch: 1,
          secret: new TextEncoder().encode("0123456789abcdef"),
          versions: { least: 1, most: 1 },
        }, {
          message: (_, bytes) => heard.push(new TextDecoder().decode(bytes)),
          up: () => {},
          down: () => {},
        }),
      );
      ends.push(links);
    }
    const [here, there] = ends;
    await here!.connect(addresses[1]!);
    network.active = true;
    for (let i = 1; i <= 20; i++) {
      here!.send("2".repeat(32), new TextEncoder().encode(`${i}`));
      await scheduler.sleep(1_000);
    }
    assert(heard.length < 20, `${heard.length} were heard: nothing was held up`);
    network.calm();
    await scheduler.sleep(10_000);
    assertEquals(heard, Array.from({ length: 20 }, (_, i) => `${i + 1}`));
    for (const it of [here!, there!]) await it.close();
    isOver = true;
  };
  let failed: unknown;
  play().catch((error) => {
    failed = error;
    isOver = true;
  });
  await scheduler.run(() => isOver, { ...BOUNDS, timeMax: 60_000_000 });
  if (failed !== undefined) throw failed;
  assert(isOver);
});
