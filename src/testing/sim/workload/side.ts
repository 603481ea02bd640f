/**
 * The side line: a database that comes and goes in the life of a node: created, mounted, mounted read-only,
 * worked in, dismounted, deleted. A crash leaves it behind, and its recovery comes when somebody mounts it
 * again: minutes and other crashes later, while the rest of the node is busy.
 */
import { type ErrorCode, isCode } from "../../../ground/errors.ts";
import type { Prng } from "../prng.ts";
import { attempt, type ClientContext } from "./calls.ts";
import { type BulkClient, importSome, lookAtAll } from "./bulk.ts";
import type { ValueSizes } from "./draw.ts";
import type { Ended } from "./history.ts";
import { type Place, Region, type Step } from "./region.ts";
import { StepDrawer } from "./steps.ts";
import type { SubjectDatabase, SubjectGlobal, SubjectMount, SubjectNode } from "./subject.ts";

/** Number by which its places name it: no number of the other databases. */
export const SIDE_DATABASE = 99;
/** Virtual microseconds between two things it does, at most; drawn. */
const RESTS_US: readonly number[] = [1_000, 10_000, 60_000];
/** Refusals in a row by a claim of this very node after which the node is opened anew. */
const REFUSALS_MAX = 4;
/** Most nodes that a drawn merge copies. */
const MERGE_NODES = 150;

/** It, as this node holds it. */
interface Held {
  readonly database: SubjectDatabase;
  readonly readOnly: boolean;
}

/** The side line; it outlives the processes it talks to. */
export class SideLine implements BulkClient {
  readonly name = "side";
  readonly region: Region = new Region("side", [
    { database: SIDE_DATABASE, global: "Side", prefix: [] },
    { database: SIDE_DATABASE, global: "Other", prefix: ["p"] },
  ]);
  readonly chance: Prng;
  readonly directory = "/data/side";
  /** Whether there is such a database. */
  exists: "yes" | "no" | "unknown" = "no";
  readonly #drawer: StepDrawer;
  readonly #restUs: number;
  #node: SubjectNode | undefined;
  #held: Held | undefined;
  /** It may not have been given back: then it is not mounted read-only. */
  #isDirty = false;
  /** The latest effects may be gone (relaxed durability, and the host or a sync was lost). */
  #mayForget = false;
  /** A mount that its caller gave up may go on, and stand. */
  #isHalfMounted = false;
  #refusals = 0;

  constructor(chance: Prng, sizes: ValueSizes) {
    this.chance = chance;
    this.#restUs = chance.pick(RESTS_US);
    this.#drawer = new StepDrawer(this.region, chance, sizes, 20, MERGE_NODES);
  }

  readonly database = (): { database: SubjectDatabase; directory: string } => {
    return { database: (this.#held as Held).database, directory: this.directory };
  };

  /** Does one thing after the other, with rests between them. */
  async work(context: ClientContext): Promise<void> {
    while (context.goOn()) {
      await this.#one(context);
      await context.host.scheduler.sleep(this.chance.below(this.#restUs), context.process);
    }
  }

  /** What was done last may be gone: a crash took what was not synced. */
  forget(): void {
    this.#mayForget = true;
  }

  /** Mounts it where it exists, and looks at all of it; false when it could not be mounted. */
  async visit(context: ClientContext): Promise<boolean> {
    if (this.exists === "no" && this.#at(context) === undefined) return true;
    if (this.#at(context)?.readOnly === true) await this.#dismount(context);
    if (this.#at(context) === undefined) await this.#mount(context, {});
    const held = this.#at(context);
    if (held === undefined) return false;
    await this.#verify(context);
    for (const text of await this.#checked(context, held)) {
      context.history.problems.add("structure", `side: ${text}`);
    }
    return true;
  }

  #at(context: ClientContext): Held | undefined {
    if (this.#node !== context.node) {
      this.#node = context.node;
      this.#held = undefined;
      this.#isHalfMounted = false;
    }
    return this.#held;
  }

  async #one(context: ClientContext): Promise<void> {
    const held = this.#at(context);
    if (held === undefined) return await this.#enter(context);
    // Nothing more is begun before it is known how much of the last thing happened.
    if (this.region.uncertain) return await this.#resolve(context);
    if (held.readOnly) return await this.#inReadOnly(context, held);
    switch (this.chance.weighted([6, 1, 2, 3, 1, 1])) {
      case 0:
        return await this.#steps(context);
      case 1:
        await importSome(context, this);
        return await this.#resolve(context);
      case 2:
        return await lookAtAll(context, this);
      case 3:
        return await this.#dismount(context);
      case 4:
        return await this.#refused(
          context,
          "mount otherwise",
          ["MOUNTED"],
          () => context.node.mount(this.directory, { readOnly: true }),
        );
      default:
        return await this.#refused(
          context,
          "delete while mounted",
          ["MOUNTED"],
          () => context.node.deleteDatabase(this.directory),
        );
    }
  }

  async #enter(context: ClientContext): Promise<void> {
    switch (this.chance.weighted([5, 2, 2, 1])) {
      case 0:
        return await this.#mount(context, { create: true });
      case 1:
        return await this.#mount(context, this.exists === "no" ? { create: "new" } : { readOnly: true });
      case 2:
        return await this.#delete(context);
      default:
        return await this.#mount(context, { create: "new" });
    }
  }

  /** Mounts it; what may be refused in this state is no problem. */
  async #mount(context: ClientContext, how: SubjectMount): Promise<void> {
    const timeoutMs = this.chance.chance(1, 10) ? this.chance.below(200) : undefined;
    const options = timeoutMs === undefined ? how : { ...how, timeoutMs };
    const expected: ErrorCode[] = [];
    if (how.create === "new" && this.exists !== "no") expected.push("EXISTS");
    if (how.create === false || how.readOnly) { if (this.exists !== "yes") expected.push("NOT_FOUND"); }
    if (how.readOnly && this.#isDirty) expected.push("READ_ONLY");
    if (this.#isHalfMounted) expected.push("MOUNTED");
    const wasThere = this.exists;
    if (how.create !== false && how.readOnly !== true && wasThere === "no") this.exists = "unknown";
    if (how.readOnly !== true) this.#isDirty = true;
    const name = `mount side ${JSON.stringify(options)}`;
    const ended = await this.#tried(
      context,
      name,
      expected,
      () => context.node.mount(this.directory, options),
    );
    if (ended.kind !== "done") {
      this.#isHalfMounted = true;
      return this.#refusedBy(context, ended.code);
    }
    if (ended.value === "NOT_FOUND") return this.#isGone(context);
    if (ended.value === "EXISTS") this.exists = "yes";
    if (typeof ended.value === "string") return;
    if (how.create === "new" && wasThere === "yes") {
      context.history.problems.add("model", "side: it was created anew, though it is there");
    }
    this.#refusals = 0;
    this.#isHalfMounted = false;
    this.exists = "yes";
    this.#held = { database: ended.value, readOnly: how.readOnly === true };
    await this.#verify(context);
  }

  /** After some refusals by this very node's claim: only another node can have it. */
  #refusedBy(context: ClientContext, code: string): void {
    if (code !== "IN_USE" || ++this.#refusals < REFUSALS_MAX) return;
    this.#refusals = 0;
    context.onStopped(code);
  }

  async #dismount(context: ClientContext): Promise<void> {
    const { database } = this.#held as Held;
    this.#held = undefined;
    const ended = await attempt(context, this.name, "dismount side", () => database.dismount());
    const global = database.global("Side");
    await this.#refused(context, "use after dismount", ["NOT_MOUNTED"], () => global.get([1]));
    if (ended.kind !== "done") return;
    this.#isDirty = false;
    this.#keep(context);
  }

  /** All that is known of it is at home now, whatever comes. */
  #keep(context: ClientContext): void {
    const { region } = this;
    if (region.uncertain || this.#mayForget) return;
    region.adopt({ least: region.effects.length, most: region.effects.length, model: region.model });
    context.host.trace.note("side kept", region.model.size);
  }

  async #delete(context: ClientContext): Promise<void> {
    if (this.region.uncertain || this.#mayForget) return await this.#mount(context, { create: true });
    const expected: ErrorCode[] = this.exists === "yes" ? [] : ["NOT_FOUND"];
    if (this.#isHalfMounted) expected.push("MOUNTED");
    const wasThere = this.exists;
    this.region.begin({
      apply: (model) => [0, 1].flatMap((place) => model.kill(this.region.key(place, []))),
      called: context.history.tick(),
      acknowledged: undefined,
      name: "delete side",
      elements: [],
    });
    this.exists = "unknown";
    this.#isDirty = true;
    const ended = await this.#tried(
      context,
      "delete side",
      expected,
      () => context.node.deleteDatabase(this.directory).then(() => true),
    );
    if (ended.kind !== "done") {
      this.#refusedBy(context, ended.code);
      // Else: whether it is there is known when somebody mounts it.
      if (ended.code === "IN_USE") this.#isStill(wasThere);
      return;
    }
    if (ended.value === "MOUNTED") this.#isStill(wasThere);
    else this.#isGone(context);
  }

  /** It was not deleted. */
  #isStill(wasThere: "yes" | "no" | "unknown"): void {
    this.region.fail();
    this.exists = wasThere;
  }

  /** It is not there: nothing of it is. */
  #isGone(context: ClientContext): void {
    const { region } = this;
    const isExplained = region.uncertain || this.#mayForget || region.model.size === 0;
    if (!isExplained) {
      context.history.problems.add("durability", "side: the database is gone, nobody deleted it");
    }
    if (region.uncertain) region.settle(context.history.tick());
    region.adopt({ least: 0, most: 0, model: new Region("none", []).model });
    this.exists = "no";
    this.#mayForget = false;
  }

  /** Reads all of it, holds that against the model and goes on from there. */
  async #verify(context: ClientContext): Promise<void> {
    const { region } = this;
    const ended = await attempt(context, this.name, "read side", () => region.read(this.#face), () => "");
    if (ended.kind !== "done") return;
    const floor = this.#mayForget ? 0 : region.acknowledged;
    const explained = region.explain(floor, ended.value);
    if (typeof explained === "string") {
      context.history.problems.add("durability", `side: ${explained}`);
      return;
    }
    region.adopt(explained);
    this.#mayForget = false;
  }

  readonly #face = (place: Place): SubjectGlobal => (this.#held as Held).database.global(place.global);

  async #steps(context: ClientContext): Promise<void> {
    for (let i = this.chance.between(1, 8); i > 0 && context.goOn(); i--) {
      await this.#resolve(context);
      if (this.region.uncertain || this.#at(context) === undefined) return;
      const step = this.chance.chance(1, 8)
        ? this.#drawer.increment(this.#face)
        : this.#drawer.plain(70, false);
      await this.#step(context, step);
    }
  }

  async #step(context: ClientContext, step: Step): Promise<void> {
    const { region } = this;
    const { apply } = step;
    if (apply !== undefined) {
      const called = context.history.tick();
      region.begin({ apply, called, acknowledged: undefined, name: step.name, elements: [] });
    }
    const ended = await attempt(context, this.name, step.name, () => step.run(this.#stepFace));
    if (ended.kind === "done") {
      const expected = step.expect(region.model);
      if (expected !== undefined && expected !== ended.value) {
        const text = `side: ${step.name} answered ${ended.value.slice(0, 160)}, not ${
          expected.slice(0, 160)
        }`;
        context.history.problems.add("model", text);
      }
      if (apply !== undefined) region.settle(context.history.tick());
    } else if (ended.kind === "failed" && apply !== undefined) {
      region.fail();
    }
  }

  readonly #stepFace = (place: number): SubjectGlobal => this.#face(this.region.places[place] as Place);

  /** Looks how much of what was in flight happened. */
  async #resolve(context: ClientContext): Promise<void> {
    if (this.region.uncertain && this.#at(context) !== undefined) await this.#verify(context);
  }

  async #inReadOnly(context: ClientContext, held: Held): Promise<void> {
    switch (this.chance.below(4)) {
      case 0:
        return await this.#dismount(context);
      case 1: {
        const write = this.chance.pick([
          () => held.database.global("Side").set([1], 1),
          () => held.database.global("Side").kill(),
          () => held.database.global("Side").increment([1], 1),
          () => context.node.transact((it) => it.global(held.database.global("Side")).set([1], 1)),
        ]);
        return await this.#refused(context, "write read-only", ["READ_ONLY"], write);
      }
      case 2:
        return await lookAtAll(context, this);
      default:
        return await this.#step(context, this.#drawer.plain(0, false));
    }
  }

  /** Does what must be refused with one of these codes. */
  async #refused(
    context: ClientContext,
    name: string,
    codes: readonly ErrorCode[],
    call: () => Promise<unknown>,
  ): Promise<void> {
    const ended = await this.#tried(context, name, codes, call);
    if (ended.kind !== "done" || codes.includes(ended.value as ErrorCode)) return;
    context.history.problems.add("model", `side: ${name} was not refused`);
  }

  /** Makes a call; a code that is expected of it is its answer. */
  async #tried<T>(
    context: ClientContext,
    name: string,
    codes: readonly ErrorCode[],
    call: () => Promise<T>,
  ): Promise<Ended<T | ErrorCode>> {
    return await attempt<T | ErrorCode>(context, this.name, name, async () => {
      try {
        return await call();
      } catch (error) {
        const code = codes.find((it) => isCode(error, it));
        if (code !== undefined) return code;
        throw error;
      }
    }, (value) => typeof value === "string" ? value : "");
  }

  async #checked(context: ClientContext, held: Held): Promise<readonly string[]> {
    let found: readonly string[] = [];
    for (let tries = 0; tries < 4; tries++) {
      found = await held.database.check();
      if (found.length === 0) break;
      await context.host.scheduler.sleep(3_000_000, context.process);
    }
    return found;
  }
}
