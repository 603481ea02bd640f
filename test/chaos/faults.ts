/** Faults: what a driver does to members, drawn one after the other. */
import type { MemberProcess } from "./member_process.ts";
import type { Cut, Network } from "./network.ts";
import type { Round } from "./round.ts";
import { CHAOS_TIMINGS } from "./timings.ts";

/** Until a silent member should be evicted and fenced. */
const SILENT_MS = CHAOS_TIMINGS.networkMs! + CHAOS_TIMINGS.settleMs! + CHAOS_TIMINGS.leaseMs! +
  CHAOS_TIMINGS.leaseMarginMs!;

/** What is done to a cluster. */
export class Faults {
  readonly #round: Round;
  /** Starts that are on their way. */
  readonly #starting = new Set<Promise<void>>();

  constructor(round: Round) {
    this.#round = round;
  }

  /** A pause, and one fault. */
  async next(): Promise<void> {
    const round = this.#round, { random } = round;
    await pause(random.below(1_500, 200));
    this.#raise();
    const working = this.#round.living.filter((it) => it.standing === "working");
    // Mostly somebody is there to go on; a fault of whoever starts comes in between.
    if (working.length === 0) return;
    const draw = random.below(100);
    if (round.network !== undefined && working.length > 1 && random.once(3)) {
      return await this.#cut(round.network);
    }
    if (draw < 20) this.#kill([random.pick(this.#round.living)]);
    else if (draw < 32) this.#kill([this.#round.master() ?? random.pick(working)]);
    else if (draw < 40) this.#kill(this.#some(2));
    else if (draw < 88) await this.#stop(random.pick(working));
    else await this.#killAll();
  }

  /** Everybody is there again. */
  async heal(): Promise<void> {
    for (const member of this.#round.members) if (member?.isStopped) member.signal("SIGCONT");
    for (let tries = 0; tries < 50; tries++) {
      await pause(200);
      this.#raise(true);
      await Promise.all(this.#starting);
      const isWhole = this.#round.members.every((it) => it?.standing === "working" && !it.isStopped);
      if (isWhole || this.#round.problems.length > 0) break;
    }
    await pause(1_000);
  }

  /** Who is ready works; who is gone comes back, sooner or later. */
  #raise(now = false): void {
    const round = this.#round;
    round.members.forEach((member, at) => {
      round.work(member);
      if (member?.isOver && (now || round.random.once(2))) this.#start(at);
    });
  }

  #start(at: number): Promise<void> {
    const work = this.#round.start(at).then(() => this.#round.work(this.#round.members[at]));
    this.#starting.add(work);
    return work.then(() => void this.#starting.delete(work));
  }

  #some(count: number): MemberProcess[] {
    const living = [...this.#round.living];
    this.#round.random.shuffle(living);
    return living.slice(0, count);
  }

  #kill(members: readonly MemberProcess[]): void {
    for (const member of members) {
      this.#round.tell(`kill ${member.life}`);
      member.signal("SIGKILL");
      this.#round.counts.kills++;
    }
  }

  /** Stops a member past its lease; half the time until the others have fenced it. */
  async #stop(member: MemberProcess): Promise<void> {
    const { random, counts } = this.#round;
    const ms = random.once(2) ? 4 * SILENT_MS : random.below(2 * SILENT_MS, CHAOS_TIMINGS.leaseMs! + 50);
    this.#round.tell(`stop ${member.life} for ${ms} ms`);
    member.signal("SIGSTOP");
    counts.stops++;
    await Promise.race([pause(ms), member.exited]);
    this.#round.tell(`go on ${member.life}, ${member.isOver ? "which is gone" : "which is there"}`);
    if (!member.isOver) member.signal("SIGCONT");
  }

  /** Cuts the network of one member, or between two, for a while. */
  async #cut(network: Network): Promise<void> {
    const { random, counts, members } = this.#round;
    const [at, to] = this.#some(2).map((it) => members.indexOf(it)) as [number, number];
    const cut: Cut = { kind: random.pick(["unplugged", "silent", "one way", "pair"]), at, to };
    const ms = random.once(3) ? random.below(SILENT_MS, 100) : random.below(3 * SILENT_MS, SILENT_MS);
    this.#round.tell(`cut ${JSON.stringify(cut)} for ${ms} ms`);
    counts.partitions++;
    // Also who is evicted while it lasts was touched.
    this.#round.mendedAt = Infinity;
    const mend = network.cut(cut);
    await pause(ms);
    mend();
    this.#round.mendedAt = Date.now();
    this.#round.tell("mended");
  }

  /** All at once; then all come back, or one first, who must serve by itself. */
  async #killAll(): Promise<void> {
    const round = this.#round;
    round.tell("kill all");
    round.counts.wholeKills++;
    const all = round.members.filter((it): it is MemberProcess => it !== undefined && !it.isOver);
    this.#kill(all);
    await Promise.all(all.map((it) => it.exited));
    await Promise.all(this.#starting);
    round.shift();
    const places = round.members.map((_, at) => at).filter((at) => round.members[at]?.isOver);
    round.random.shuffle(places);
    if (round.random.once(2)) await this.#start(places.shift()!);
    for (const at of places) this.#start(at);
    await Promise.all(this.#starting);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
