/** Three members of one cluster, on both runtimes, to be lost and brought back one after the other. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import type { ClusterTimings } from "../../mod.ts";
import { type Fact, MemberProcess } from "../chaos/member_process.ts";

const MEMBER = fileURLToPath(new URL("member.ts", import.meta.url));
const RUNTIMES = ["deno", "bun", "deno"];
/** Longest wait for anything. */
const WAIT_MS = 60_000;

/** For whoever can bear that a busy host costs a member: a silent one is gone within two seconds. */
export const TUNED: ClusterTimings = {
  pulseMs: 50,
  networkMs: 800,
  storageMs: 800,
  settleMs: 150,
  leaseMs: 500,
  leaseMarginMs: 100,
};

/** How long one loss was felt, in milliseconds from the loss. */
export interface Loss {
  /** Until each survivor had written what the lost one had held; the first and the last. */
  readonly firstMs: number;
  readonly lastMs: number;
  /** Until the view without it, as its creator says, and until all of it was recovered. */
  readonly viewMs: number;
  readonly recoveredMs: number;
  /** The parts of the recovery. */
  readonly fenceMs: number;
  readonly reportMs: number;
  readonly replayMs: number;
}

/** How one leave was felt. */
export interface Leave {
  /** The longest that a set of a survivor took meanwhile. */
  readonly gapMs: number;
  /** The longest that one took before it, when nobody left. */
  readonly calmMs: number;
  /** What no leave may bring about: views for another cause, a recovery. */
  readonly unasked: readonly string[];
}

/** Milliseconds in which the longest set is looked for when nobody leaves, and after a leave. */
const LEAVE_MS = 300;

/** The members. */
export class Trio {
  readonly root: string = mkdtempSync(`${tmpdir()}/cohort-failover-`);
  readonly members: MemberProcess[] = [];
  /** What anybody said since it was last emptied. */
  readonly facts: Array<Fact & { readonly from: MemberProcess }> = [];
  /** What went wrong. */
  readonly problems: string[] = [];
  readonly #timings: ClusterTimings;
  readonly #all: MemberProcess[] = [];
  #lives = 0;
  #rounds = 0;

  constructor(timings: ClusterTimings) {
    this.#timings = timings;
  }

  /** Starts the members of these places, all at once. */
  async start(places: readonly number[] = [0, 1, 2]): Promise<void> {
    await Promise.all(places.map(async (at) => {
      const options = { root: this.root, life: `m${at}.${++this.#lives}`, timings: this.#timings };
      const member = new MemberProcess(RUNTIMES[at]!, MEMBER, options, (fact, from) => {
        this.facts.push({ ...fact, from });
        if (fact["what"] === "failed" && !from.isKilled) this.problems.push(`${from.life}: ${fact["text"]}`);
      });
      this.members[at] = member;
      this.#all.push(member);
      if (!await member.says("ready", WAIT_MS)) {
        throw new Error(`${options.life} did not start: ${member.errors}`);
      }
    }));
  }

  /** Tells a member something; answers when it has said that it is done. */
  async ask(member: MemberProcess, command: string, fact: string): Promise<number> {
    const said = member.says(fact, WAIT_MS);
    member.tell(command);
    if (!await said) {
      throw new Error(`Hang: ${member.life} did not ${command}: ${member.end} ${member.errors}`);
    }
    return this.facts.findLast((it) => it["what"] === fact && it.from === member)!["ms"] as number;
  }

  /** Loses some members by a signal, after the first of them took blocks; answers how long it was felt. */
  async lose(places: readonly number[], signal: "SIGKILL" | "SIGSTOP"): Promise<Loss> {
    const lost = places.map((at) => this.members[at]!);
    const survivors = this.members.filter((it) => !lost.includes(it));
    const stamp = `round${++this.#rounds}`;
    await this.ask(lost[0]!, `take ${stamp}`, "taken");
    this.facts.length = 0;
    const from = performance.timeOrigin + performance.now();
    for (const member of lost) member.signal(signal);
    const written = await Promise.all(survivors.map((it) => this.ask(it, `write ${stamp}`, "written")));
    const found = this.facts.filter((it) => it["what"] === "written").map((it) => it["found"]);
    if (!found.includes(stamp)) this.problems.push(`${stamp}: found ${found}`);
    for (const member of lost) if (signal === "SIGSTOP") member.signal("SIGCONT");
    await this.#until(() => lost.every((it) => it.isOver));
    await this.#until(() => this.#event("cluster.recovered") !== undefined);
    const view = this.facts.find((it) =>
      it["event"] === "cluster.view" && (it["facts"] as Fact)["cause"] === "evicted"
    );
    const recovered = this.#event("cluster.recovered")!;
    const { fenceMs, reportMs, replayMs } = recovered["facts"] as Record<string, number>;
    return {
      firstMs: Math.min(...written) - from,
      lastMs: Math.max(...written) - from,
      viewMs: Number(view?.["ms"]) - from,
      recoveredMs: Number(recovered["ms"]) - from,
      fenceMs: fenceMs!,
      reportMs: reportMs!,
      replayMs: replayMs!,
    };
  }

  /** All killed; milliseconds from the start of one of them until it has written what was there. */
  async loseAll(first: number): Promise<number> {
    const stamp = `round${++this.#rounds}`;
    await this.ask(this.members[first]!, `take ${stamp}`, "taken");
    for (const member of this.members) member.signal("SIGKILL");
    await this.#until(() => this.members.every((it) => it.isOver));
    const from = performance.timeOrigin + performance.now();
    this.facts.length = 0;
    await this.start([first]);
    const ms = await this.ask(this.members[first]!, `write ${stamp}`, "written");
    const found = this.facts.find((it) => it["what"] === "written")?.["found"];
    if (found !== stamp) this.problems.push(`${stamp} of all: found ${found}`);
    return ms - from;
  }

  /**
   * One leaves in good order, after it took blocks; answers the longest that a set of a survivor took
   * meanwhile and in a time as long before it, and what no leaving may bring about.
   */
  async leave(at: number): Promise<Leave> {
    const left = this.members[at]!;
    const others = this.members.filter((it) => it !== left);
    const stamp = `round${++this.#rounds}`;
    await this.ask(left, `take ${stamp}`, "taken");
    await this.#gap(others);
    await new Promise((resolve) => setTimeout(resolve, LEAVE_MS));
    const calmMs = await this.#gap(others);
    this.facts.length = 0;
    await this.ask(left, "close", "closed");
    await this.#until(() => left.isOver);
    await new Promise((resolve) => setTimeout(resolve, LEAVE_MS));
    const gapMs = await this.#gap(others);
    for (const member of others) await this.ask(member, `write ${stamp}`, "written");
    const found = this.facts.filter((it) => it["what"] === "written").map((it) => it["found"]);
    if (!found.includes(stamp)) this.problems.push(`${stamp}: found ${found}`);
    const causes = this.facts.filter((it) => it["event"] === "cluster.view").map((it) =>
      String((it["facts"] as Fact)["cause"])
    );
    const unasked = causes.filter((it) => it !== "left");
    if (this.#event("cluster.recovered") !== undefined) unasked.push("a recovery");
    if (!causes.includes("left")) unasked.push("no view");
    return { gapMs, calmMs, unasked };
  }

  /** The longest that a set of these took since this was last asked. */
  async #gap(of: readonly MemberProcess[]): Promise<number> {
    const gaps: number[] = [];
    for (const member of of) {
      const asked = await this.ask(member, "gap", "gap");
      gaps.push(Number(this.facts.find((it) => it["what"] === "gap" && it["ms"] === asked)!["gapMs"]));
    }
    return Math.max(...gaps);
  }

  #event(name: string): Fact | undefined {
    return this.facts.find((it) => it["event"] === name);
  }

  async #until(condition: () => boolean): Promise<void> {
    const begun = performance.now();
    while (!condition()) {
      if (performance.now() - begun > WAIT_MS) {
        throw new Error(`Hang: it did not come about in ${WAIT_MS} ms`);
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** Ends every process and removes the files. */
  async clear(): Promise<void> {
    for (const member of this.#all) member.signal("SIGKILL");
    await Promise.all(this.#all.map((it) => it.exited));
    rmSync(this.root, { recursive: true, force: true });
  }
}
