/**
 * A simulated cluster of couriers: members that die and come back, views that each learns of in its own time,
 * a network that does what it wants; and what must hold of every request and notice.
 */
import { MemberCourier } from "../../src/cluster/courier.ts";
import { PACKET_CLASS } from "../../src/cluster/packet.ts";
import { CohortError, isCode } from "../../src/ground/errors.ts";
import type { CourierReply, Interconnect } from "../../src/ports/mod.ts";
import { SimHost, type SimProcess } from "../../src/testing/sim/host.ts";
import { ALWAYS_VALUES } from "../../src/testing/sim/latencies.ts";
import { Prng } from "../../src/testing/sim/prng.ts";
import { Scheduler } from "../../src/testing/sim/scheduler.ts";
import { drawNetwork, type NetworkManner, SimNetwork } from "../../src/testing/sim/sim_network.ts";
import { SimClock } from "../../src/testing/sim/small_ports.ts";
import { Trace } from "../../src/testing/sim/trace.ts";

const TOPIC_ASK = 1;
const TOPIC_TELL = 2;
const TOPIC_NOBODY = 3;
/** Requests whose number this divides are refused. */
const REFUSED_EVERY = 7;

/** A view as the test's authority made it. */
interface View {
  readonly number: number;
  readonly members: readonly string[];
}

/** One life of a member. */
class Life {
  readonly member: Member;
  readonly incarnation: string;
  readonly process: SimProcess;
  readonly links: Interconnect;
  readonly courier: MemberCourier;
  readonly up: Set<string> = new Set<string>();
  readonly clock: SimClock;
  address = "";
  /** Requests not settled. */
  open = 0;
  /** Journal positions up to this are safe. */
  safe = 0;
  stamp = 1;
  told: Map<string, number> = new Map<string, number>();
  heard: Map<string, number> = new Map<string, number>();
  #requests = 0;

  constructor(member: Member, number: number) {
    const { world } = member;
    this.member = member;
    this.incarnation = `${member.number}${String(number).padStart(31, "0")}`;
    this.process = member.host.spawn();
    this.clock = new SimClock(this.process);
    this.links = world.network.interconnect(this.process);
    this.courier = new MemberCourier(this.incarnation, {
      clock: this.clock,
      limits: world.limits,
      stamp: () => this.stamp,
      hear: (stamp) => this.stamp = Math.max(this.stamp, stamp),
      send: (to, bytes) => this.links.send(to, bytes),
      safe: (position) => this.#safe(position),
      onUnsafe: (error) => world.problems.push(`unsafe: ${error}`),
      disconnect: (to, reason) => {
        world.problems.push(`${this.incarnation} disconnects ${to}: ${reason}`);
        this.links.disconnect(to, reason);
      },
      onLaterView: () => world.later(this),
      onBroken: (error) => world.problems.push(`broken: ${error}`),
    });
    this.courier.serve(TOPIC_ASK, (from, body) => this.#asked(from, body));
    this.courier.serve(TOPIC_TELL, (from, body) => this.#told(from, body));
  }

  async start(): Promise<void> {
    this.address = await this.links.open({
      cluster: "c".repeat(32),
      name: `m${this.member.number}`,
      incarnation: this.incarnation,
      epoch: this.courier.view,
      secret: new TextEncoder().encode("0123456789abcdef"),
      versions: { least: 1, most: 1 },
    }, {
      message: (from, bytes) => {
        if (bytes[0] === PACKET_CLASS) this.courier.heard(from, bytes);
      },
      up: (peer) => {
        this.up.add(peer.incarnation);
        this.courier.linked(peer);
      },
      down: ({ incarnation }) => this.up.delete(incarnation),
    });
  }

  enter(view: View): void {
    if (view.number <= this.courier.view || !this.process.alive) return;
    this.told = new Map();
    this.heard = new Map();
    this.courier.enter(view.number, view.members);
  }

  #safe(position: number): Promise<void> | undefined {
    if (position <= this.safe) return undefined;
    const { world } = this.member;
    return world.scheduler.sleep(world.chance.below(3_000), this.process).then(() => {
      this.safe = Math.max(this.safe, position);
    });
  }

  /** Asks another member, and holds the answer against what must hold. */
  async ask(to: string): Promise<void> {
    const { world } = this.member;
    const number = ++this.#requests;
    const { view } = this.courier;
    const after = world.chance.chance(1, 3) ? this.safe + world.chance.below(3) : 0;
    const body = new Uint8Array(24 + world.chance.below(world.chance.chance(1, 10) ? 9_000 : 90));
    const put = new DataView(body.buffer);
    put.setFloat64(0, number);
    put.setFloat64(8, after);
    put.setFloat64(16, view);
    this.open++;
    try {
      const answer = await this.courier.request(to, TOPIC_ASK, body, { after });
      if (!this.process.alive) return;
      world.answers++;
      const said = new DataView(answer.buffer, answer.byteOffset);
      if (said.getFloat64(0) !== -number) world.problems.push(`${this.incarnation}: another's answer`);
      if (number % REFUSED_EVERY === 0) world.problems.push("what was refused was answered");
      if (this.courier.view !== view) world.problems.push("an answer of a view that ended");
    } catch (error) {
      if (!this.process.alive) return;
      const isRight = isCode(error, "FULL")
        ? number % REFUSED_EVERY === 0 && error.facts["number"] === number
        : isCode(error, "VIEW_CHANGED")
        ? this.courier.view > view
        : isCode(error, "UNREACHABLE");
      if (!isRight) world.problems.push(`${this.incarnation} asks ${to}: ${error}`);
      world.refusals++;
    } finally {
      this.open--;
    }
  }

  #asked(from: string, body: Uint8Array): CourierReply | Promise<CourierReply> {
    const { world } = this.member;
    const read = new DataView(body.buffer, body.byteOffset);
    const number = read.getFloat64(0);
    world.happened(`${from} asks ${number}`);
    if (from !== this.incarnation) world.checkSafe(from, read.getFloat64(8));
    if (read.getFloat64(16) !== this.courier.view) {
      world.problems.push("a request of another view was served");
    }
    const reply = new Uint8Array(8);
    new DataView(reply.buffer).setFloat64(0, -number);
    const answer = (): CourierReply => {
      if (number % REFUSED_EVERY === 0) throw new CohortError("FULL", "No room", { number });
      return { body: reply, after: world.chance.chance(1, 4) ? this.safe + 1 : 0 };
    };
    if (world.chance.chance(1, 2)) return answer();
    return world.scheduler.sleep(world.chance.below(20_000), this.process).then(answer);
  }

  /** Tells another member the next of its numbers. */
  tell(to: string): void {
    const { world } = this.member;
    const number = (this.told.get(to) ?? 0) + 1;
    this.told.set(to, number);
    const body = new Uint8Array(8);
    new DataView(body.buffer).setFloat64(0, number);
    const done = this.courier.tell(to, TOPIC_TELL, body);
    if (!(done instanceof Promise)) return;
    done.catch((error) => {
      const isRight = isCode(error, "VIEW_CHANGED") || isCode(error, "UNREACHABLE");
      if (this.process.alive && !isRight) world.problems.push(`tell: ${error}`);
    });
  }

  #told(from: string, body: Uint8Array): undefined {
    const { world } = this.member;
    const number = new DataView(body.buffer, body.byteOffset).getFloat64(0);
    const last = this.heard.get(from) ?? 0;
    if (number !== last + 1) world.problems.push(`${from} told ${number} after ${last}`);
    this.heard.set(from, number);
    world.notices++;
  }

  /** A topic that nobody serves is refused with its name. */
  async askNobody(to: string): Promise<void> {
    try {
      await this.courier.request(to, TOPIC_NOBODY, new Uint8Array(0));
      this.member.world.problems.push("nobody answered");
    } catch (error) {
      if (!isCode(error, "NOT_FOUND")) this.member.world.problems.push(`nobody: ${error}`);
    }
  }
}

/** A member, life after life. */
class Member {
  readonly world: CourierWorldSim;
  readonly number: number;
  readonly host: SimHost;
  life: Life;
  #lives = 0;

  constructor(world: CourierWorldSim, number: number) {
    this.world = world;
    this.number = number;
    const { scheduler, trace, seed } = world;
    this.host = new SimHost({ seed, scheduler, trace, latencies: ALWAYS_VALUES, name: `h${number}` });
    this.life = new Life(this, ++this.#lives);
  }

  async again(): Promise<void> {
    if (this.life.process.alive) this.host.kill(this.life.process);
    this.life = new Life(this, ++this.#lives);
    await this.life.start();
  }
}

/** The whole world of one seed. */
export class CourierWorldSim {
  readonly seed: number;
  readonly trace: Trace = new Trace();
  readonly scheduler: Scheduler;
  readonly network: SimNetwork;
  readonly chance: Prng;
  readonly limits: { readonly flightBytes: number; readonly served: number; readonly keptBytes: number };
  readonly members: readonly Member[];
  readonly problems: string[] = [];
  answers = 0;
  refusals = 0;
  notices = 0;
  view: View = { number: 0, members: [] };
  readonly #happened = new Set<string>();

  constructor(seed: number, drain: (() => void) | undefined, manner?: NetworkManner) {
    this.seed = seed;
    this.chance = new Prng(seed, "courier");
    this.scheduler = new Scheduler(seed, this.trace, drain);
    const drawn = manner ?? drawNetwork(new Prng(seed, "manner"));
    this.network = new SimNetwork(seed, this.scheduler, this.trace, drawn);
    this.limits = {
      flightBytes: this.chance.pick([1_000, 20_000, 1 << 20]),
      served: this.chance.pick([1, 4, 64]),
      keptBytes: this.chance.pick([2_000, 50_000, 1 << 20]),
    };
    this.members = [1, 2, 3].map((number) => new Member(this, number));
  }

  happened(what: string): void {
    if (this.#happened.has(what)) this.problems.push(`twice: ${what}`);
    this.#happened.add(what);
  }

  checkSafe(from: string, position: number): void {
    const sender = this.members.find((it) => it.life.incarnation === from)?.life;
    if (sender !== undefined && sender.safe < position) {
      this.problems.push(`${from}: ${position} is not safe`);
    }
  }

  /** The authority makes a view of all lives; each learns of it in its own time, or by a packet. */
  newView(): void {
    this.view = { number: this.view.number + 1, members: this.members.map((it) => it.life.incarnation) };
    for (const { life } of this.members) this.#learn(life, this.chance.below(400_000));
  }

  later(life: Life): void {
    this.#learn(life, this.chance.below(2_000));
  }

  #learn(life: Life, us: number): void {
    const { view } = this;
    this.scheduler.after(us, () => life.enter(view), life.process);
  }

  /** Talks and links as long as the life lasts. */
  async #live(life: Life, untilUs: number): Promise<void> {
    while (this.scheduler.now < untilUs && life.process.alive) {
      const other = this.chance.pick(this.members).life;
      if (other !== life && !life.up.has(other.incarnation)) {
        void Promise.resolve(life.links.connect(other.address)).catch(() => {});
      }
      for (let i = this.chance.below(4); i > 0 && life.open < 60; i--) void life.ask(other.incarnation);
      if (other !== life) { for (let i = this.chance.below(3); i > 0; i--) life.tell(other.incarnation); }
      await this.scheduler.sleep(this.chance.below(30_000), life.process);
    }
  }

  async #disturb(): Promise<void> {
    await this.scheduler.sleep(this.chance.between(10_000, 500_000));
    const member = this.chance.pick(this.members);
    const other = this.chance.pick(this.members);
    switch (this.chance.below(7)) {
      case 0:
        await member.again();
        this.newView();
        void this.#live(member.life, UNTIL_US);
        break;
      case 1:
        return this.newView();
      case 2:
        return member.host.pause(member.life.process, this.chance.below(2_000_000));
      case 3:
        return member.life.links.disconnect(other.life.incarnation, "storm");
      case 4:
        return this.network.heal();
      default:
        this.network.cut(member.host.name, other.host.name);
    }
  }

  async run(): Promise<void> {
    for (const { life } of this.members) await life.start();
    this.newView();
    for (const { life } of this.members) void this.#live(life, UNTIL_US);
    while (this.scheduler.now < UNTIL_US) await this.#disturb();
    this.network.active = false;
    this.network.heal();
    await this.scheduler.sleep(70_000_000);
    await this.#calm();
  }

  /** After the storm all is answered, and nothing is kept. */
  async #calm(): Promise<void> {
    const lives = this.members.map(({ life }) => life);
    for (const life of lives) {
      for (const other of lives) {
        if (life !== other && !life.up.has(other.incarnation)) await life.links.connect(other.address);
      }
    }
    await this.scheduler.sleep(10_000_000);
    for (const life of lives) {
      if (life.courier.view !== this.view.number) this.problems.push(`${life.incarnation} is in an old view`);
      if (life.open > 0) this.problems.push(`${life.incarnation} waits for ${life.open} answers`);
      for (const other of lives) {
        await life.ask(other.incarnation);
        await life.askNobody(other.incarnation);
        if (life === other) continue;
        const [told, heard] = [life.told.get(other.incarnation), other.heard.get(life.incarnation)];
        if (told !== heard) this.problems.push(`${life.incarnation} told ${told}, heard ${heard}`);
      }
    }
  }
}

/** Virtual microseconds of the storm. */
const UNTIL_US = 5_000_000;
const BOUNDS = { eventsMax: 5_000_000, timeMax: Number.MAX_SAFE_INTEGER };

/** Runs one seed to its end. */
export async function runCouriers(
  seed: number,
  drain: (() => void) | undefined,
  manner?: NetworkManner,
): Promise<CourierWorldSim> {
  const world = new CourierWorldSim(seed, drain, manner);
  let over = false;
  world.scheduler.after(0, () => {
    world.run().then(() => (over = true), (error) => {
      world.problems.push(String(error));
      over = true;
    });
  });
  const end = await world.scheduler.run(() => over, BOUNDS);
  if (end !== "done") world.problems.push(`it ended by ${end}`);
  return world;
}
