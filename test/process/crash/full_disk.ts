/**
 * A full disk: volume, journal and image journal on one mebibyte. Values are set until the volume cannot
 * grow; pages are killed and it goes on; then others take all the space, and give it back; then the worker is
 * killed while there is none, and started anew.
 */
import { here, runtimeCommand } from "../play.ts";
import { type FullOptions, PAGE_VALUES } from "./full_worker.ts";
import { type Fact, LineChild, pause } from "./line_child.ts";
import { enlarge, giveBack, takeAll } from "./small_disk.ts";

/** What the play gave. */
export interface FullReport {
  /** Values acknowledged. */
  readonly values: number;
  /** Times that a set answered FULL and went on after a kill. */
  readonly full: number;
  /** What the node said when others had taken the space. */
  readonly cause: string;
  /** Reads answered meanwhile. */
  readonly looks: number;
  /** What a mount said while there was no space; "mounted" when it needed none. */
  readonly mountWhileFull: string;
  readonly problems: readonly string[];
}

/** Plays it on the small disk in `directory`. */
export async function playFullDisk(directory: string): Promise<FullReport> {
  const play = new FullDisk(directory);
  try {
    await play.run();
  } catch (error) {
    play.problems.push(error instanceof Error ? error.message : String(error));
  }
  return {
    values: play.values,
    full: play.full,
    cause: play.cause,
    looks: play.looks,
    mountWhileFull: play.mountWhileFull,
    problems: play.problems,
  };
}

class FullDisk {
  readonly problems: string[] = [];
  values = 0;
  full = 0;
  cause = "";
  looks = 0;
  mountWhileFull = "mounted";
  readonly #root: string;
  /** Numbers acknowledged, and pages whose kill was. */
  readonly #set = new Set<number>();
  #last = -1;
  /** What the worker last said of itself. */
  #state = { state: "active", cause: "" };
  #killed = -1;

  constructor(root: string) {
    this.#root = root;
  }

  async run(): Promise<void> {
    const child = this.#start("work");
    try {
      if (await child.fact("ready") === undefined) throw new Error(`The worker ended: ${child.errors}`);
      for (let times = 0; times < 4; times++) {
        if (await child.fact("full") === undefined) throw new Error(`No word of FULL: ${child.errors}`);
        this.full++;
      }
      const { values } = this;
      await this.#until(() => this.values > values + 20, "set on after FULL");
      await this.#spaceTaken(child);
      await this.#takeUntilFrozen();
    } finally {
      await child.kill();
    }
    await this.#restartWhileFull();
    giveBack(this.#root);
    // The dead worker's own files may have filled the disk: a recovery needs space for a journal of its own.
    enlarge(this.#root);
    await this.#restart("work", async (again) => {
      const { values } = this;
      await this.#until(() => this.values > values + 20, "set on after the restart");
      await again.kill();
    });
    await this.#restart("close", async (last) => {
      if (await last.fact("closed") === undefined) throw new Error(`It did not close: ${last.errors}`);
    });
  }

  /** Others take all the space: writes freeze, reads go on; and once it is given back, so do writes. */
  async #spaceTaken(child: LineChild): Promise<void> {
    await this.#takeUntilFrozen();
    this.cause = this.#state.cause;
    const { looks } = this;
    await pause(200);
    this.looks -= looks;
    if (this.looks <= 0) this.problems.push("reads stood still while writes were frozen");
    const { values } = this;
    giveBack(this.#root);
    await this.#until(() => this.#state.state === "active", "thaw");
    await this.#until(() => this.values > values, "set on after the thaw");
    if (child.over) this.problems.push(`the worker ended: ${child.errors}`);
  }

  /** Takes again what the worker itself gave back, until it has nothing left to give. */
  async #takeUntilFrozen(): Promise<void> {
    for (let round = 0; round < 100; round++) {
      takeAll(this.#root);
      const { values } = this;
      await pause(300);
      if (this.#state.state === "frozen" && this.values === values) return;
    }
    throw new Error("The worker did not freeze though all space was taken");
  }

  /** A mount needs space for its own journal: it says so, and harms nothing. */
  async #restartWhileFull(): Promise<void> {
    takeAll(this.#root);
    const child = this.#start("close");
    try {
      const refused = await child.fact("refused", (fact) => this.#note(fact));
      if (refused !== undefined) this.mountWhileFull = `${refused["code"]}: ${refused["message"]}`;
      if (refused !== undefined && refused["code"] !== "FULL") {
        this.problems.push(`a mount on the full disk answered ${this.mountWhileFull}`);
      }
      await child.end();
    } finally {
      await child.kill();
    }
  }

  async #restart(then: FullOptions["then"], body: (child: LineChild) => Promise<void>): Promise<void> {
    const child = this.#start(then);
    try {
      const ready = await child.fact("ready", (fact) => this.#note(fact));
      if (ready === undefined) throw new Error(`The restart ended: ${child.errors}`);
      await body(child);
    } finally {
      await child.kill();
    }
  }

  #note(fact: Fact): void {
    if (fact["what"] === "refused") this.problems.push(`refused with ${fact["code"]}: ${fact["message"]}`);
  }

  /** What was acknowledged must be there, and no more than one value beside it. */
  #compare(fact: Fact): void {
    const found = new Set(fact["numbers"] as number[]);
    const damage = fact["problems"] as { block: number; problem: string }[];
    for (const { block, problem } of damage) this.problems.push(`block ${block}: ${problem}`);
    // A kill may have been under way.
    const under = found.size === 0 ? this.#killed : Math.floor(Math.min(...found) / PAGE_VALUES) - 1;
    if (under > this.#killed + 1) {
      this.problems.push(`pages up to ${under} are gone, ${this.#killed} were killed`);
    }
    if (under < this.#killed) this.problems.push(`page ${under + 1} is there though it was killed`);
    this.#killed = under;
    for (const n of this.#set) {
      if (n >= (under + 1) * PAGE_VALUES && !found.has(n)) this.problems.push(`value ${n} is lost`);
    }
    for (const n of found) {
      if (!this.#set.has(n) && n !== this.#last + 1) this.problems.push(`value ${n} was never set`);
      this.#set.add(n);
      this.#last = Math.max(this.#last, n);
    }
  }

  #start(then: FullOptions["then"]): LineChild {
    const options: FullOptions = { root: this.#root, then };
    return new LineChild(
      runtimeCommand([], here("crash/full_worker.ts"), [JSON.stringify(options)]),
      (line) => this.#hear(line),
    );
  }

  #hear(line: string): void {
    if (line.startsWith("{")) {
      const fact = JSON.parse(line) as Fact;
      if (fact["what"] === "ready") this.#compare(fact);
      if (fact["what"] === "status") {
        this.#state = { state: String(fact["state"]), cause: String(fact["cause"]) };
      }
    } else if (line === "s") this.looks++;
    else if (line.startsWith("k ")) this.#killed = Number(line.slice(2));
    else {
      this.#last = Number(line.slice(2));
      this.#set.add(this.#last);
      this.values++;
    }
  }

  async #until(done: () => boolean, what: string): Promise<void> {
    const deadline = performance.now() + 20_000;
    while (!done()) {
      if (performance.now() > deadline) throw new Error(`Hang: the worker did not ${what}`);
      await pause(5);
    }
  }
}
