/** A client: does one thing after the other, and holds every answer against its model. */
import type { AtomKey } from "../model/collation.ts";
import type { GlobalModel } from "../model/global_model.ts";
import type { Prng } from "../prng.ts";
import { type BulkClient, importSome, lookAtAll } from "./bulk.ts";
import { attempt, type ClientContext, PlannedError } from "./calls.ts";
import type { ValueSizes } from "./draw.ts";
import type { ListRecord } from "./history.ts";
import type { Place, Region, RegionEffect, Step } from "./region.ts";
import { ListPair, onCounter, onRegister, onSlot, type SharedPlaces } from "./shared.ts";
import { StepDrawer } from "./steps.ts";
import type { SubjectDatabase, SubjectTransaction } from "./subject.ts";
import { drawTransact, drawWait, readOnly } from "./waits.ts";

/** What clients do, by weight; drawn per seed. */
export interface Mix {
  /** Of 100 steps in the own region, how many write. */
  readonly writes: number;
  /**
   * Weights of: own step, merge, own increment, transaction, register, counter, slot, import, look at a whole
   * global, transaction that only reads.
   */
  readonly weights: readonly number[];
  /** Most steps of a transaction. */
  readonly transactionSteps: number;
  /** How many common subscripts there are. */
  readonly spread: number;
  /** Virtual microseconds a client rests at most between two operations. */
  readonly restUs: number;
  /** Most nodes a merge copies: more than a pool holds, or few. */
  readonly mergeNodes: number;
}

/** Most nodes that a merge copies where merges are small, and where many are larger than the pool. */
const MERGE_NODES = 150;
const MERGE_NODES_LARGE = 500;
/** Virtual microseconds between two looks whether what was given up may still happen. */
const LATE_US = 5_000;

/** Draws what clients do. */
export function drawMix(chance: Prng, hasLargeMerges: boolean = false): Mix {
  const mix = {
    mergeNodes: hasLargeMerges ? MERGE_NODES_LARGE : MERGE_NODES,
    writes: chance.pick([40, 60, 80, 95]),
    weights: chance.pick([
      [50, 4, 4, 12, 12, 6, 4, 1, 1, 2],
      [80, 6, 2, 6, 2, 2, 1, 2, 1, 1],
      [20, 2, 4, 30, 15, 10, 10, 1, 1, 5],
      [30, 4, 10, 10, 20, 20, 2, 0, 1, 2],
    ]),
    transactionSteps: chance.pick([2, 4, 8, 20]),
    spread: chance.pick([6, 20, 60, 200]),
    restUs: chance.pick([0, 0, 500, 20_000]),
  };
  if (hasLargeMerges) mix.weights[1]! *= 3;
  return mix;
}

/** Values that fill blocks fast. */
const FILLING: ValueSizes = { weights: [0, 1, 3, 1, 5, 0] };

type Planned =
  | { readonly kind: "own"; readonly step: Step }
  | { readonly kind: "read" | "append"; readonly key: number }
  | { readonly kind: "save" | "back" };

interface Run {
  readonly applied: Step[];
  readonly pair: ListPair;
  readonly elements: string[];
}

/** One client; it outlives the processes it talks to. */
export class Client implements BulkClient {
  readonly name: string;
  readonly region: Region;
  readonly chance: Prng;
  readonly #drawer: StepDrawer;
  readonly #filler: StepDrawer;
  readonly #mix: Mix;
  readonly #sizes: ValueSizes;
  readonly #places: SharedPlaces;
  #serial = 0;

  constructor(region: Region, chance: Prng, mix: Mix, sizes: ValueSizes, places: SharedPlaces) {
    this.name = region.name;
    this.region = region;
    this.chance = chance;
    this.#mix = mix;
    this.#sizes = sizes;
    this.#places = places;
    this.#drawer = new StepDrawer(region, chance, sizes, mix.spread, mix.mergeNodes);
    this.#filler = new StepDrawer(region, chance, FILLING, 200, mix.mergeNodes);
  }

  readonly database = (
    context: ClientContext,
    { database }: Place,
  ): { database: SubjectDatabase; directory: string } => ({
    database: context.databases[database] as SubjectDatabase,
    directory: context.directory(database),
  });

  /** Works until it should stop, or for ever when its process dies under it. */
  async work(context: ClientContext): Promise<void> {
    while (context.goOn()) {
      await this.one(context);
      if (this.#mix.restUs > 0) {
        await context.host.scheduler.sleep(this.chance.below(this.#mix.restUs), context.process);
      }
    }
  }

  /** Does one operation. */
  async one(context: ClientContext): Promise<void> {
    if (this.region.uncertain) return await this.#resolve(context);
    const id = `${this.name}x${++this.#serial}`;
    switch (this.chance.weighted(this.#mix.weights)) {
      case 0:
        return await this.step(context, this.#drawer.plain(this.#mix.writes, false));
      case 1: {
        const merge = this.#drawer.merge(context.global);
        return await this.step(context, merge ?? this.#drawer.plain(100, false));
      }
      case 2:
        return await this.step(context, this.#drawer.increment(context.global));
      case 3:
        return await this.#transaction(context, id);
      case 4:
        return await onRegister(context, this.name, this.#places, this.chance, this.#sizes, id);
      case 5:
        return await onCounter(context, this.name, this.#places, this.chance);
      case 6:
        return await onSlot(context, this.name, this.#places, id);
      case 7:
        return await importSome(context, this);
      case 8:
        return await lookAtAll(context, this);
      default:
        return await readOnly(context, this, this.#places, this.#drawer);
    }
  }

  /** Draws a step in the own region, mostly a write. */
  draw(): Step {
    return this.#drawer.plain(90, false);
  }

  /** Sets a node, whatever the mix: for filling up. */
  fill(context: ClientContext): Promise<void> {
    if (this.region.uncertain) return this.#resolve(context);
    return this.step(context, this.#filler.set(this.chance.below(this.region.places.length)));
  }

  /** One step outside of transactions. */
  async step(context: ClientContext, step: Step): Promise<void> {
    const { region } = this;
    const face = (place: number) => context.global(region.places[place] as Region["places"][number]);
    const effect = step.apply === undefined ? undefined : this.#begin(context, step.name, step.apply, []);
    const wait = drawWait(context, this.chance);
    const ended = await attempt(context, this.name, step.name, () => step.run(face, wait));
    if (ended.kind === "done") {
      this.#judge(context, step, ended.value, region.model);
      if (effect !== undefined) region.settle(context.history.tick());
    } else if (ended.kind === "failed" && effect !== undefined) {
      region.fail();
    }
  }

  #begin(
    context: ClientContext,
    name: string,
    apply: (model: GlobalModel) => AtomKey[],
    elements: readonly string[],
  ): RegionEffect {
    const effect = { apply, called: context.history.tick(), acknowledged: undefined, name, elements };
    this.region.begin(effect);
    return effect;
  }

  #judge(context: ClientContext, step: Step, result: string, model: GlobalModel): void {
    const expected = step.expect(model);
    if (expected === undefined || expected === result) return;
    context.history.problems.add(
      "model",
      `${this.name}: ${step.name} answered ${cut(result)}, not ${cut(expected)}`,
    );
  }

  /** Looks how much of what was in flight happened. */
  async #resolve(context: ClientContext): Promise<void> {
    const { region } = this;
    const given = region.effects.slice(region.effects.length - region.pending);
    if (given.some(({ name }) => name.startsWith("increment")) && context.mayCome?.()) {
      return await context.host.scheduler.sleep(LATE_US, context.process);
    }
    const ended = await attempt(context, this.name, "resolve", () => region.read(context.global), () => "");
    if (ended.kind !== "done") return;
    const explained = region.explain(region.effects.length - region.pending, ended.value);
    if (typeof explained !== "string") return region.settle(context.history.tick(), explained);
    context.history.problems.add("durability", `${this.name}: after an unknown outcome ${explained}`);
    region.fail();
  }

  #plan(): Planned[] {
    const plan: Planned[] = [];
    const steps = this.chance.between(1, this.#mix.transactionSteps);
    for (let i = 0; i < steps; i++) {
      const key = this.chance.below(this.#places.keys);
      switch (this.chance.weighted([10, 3, 5, 1, 1])) {
        case 0:
          plan.push({ kind: "own", step: this.#drawer.plain(60, true) });
          break;
        case 1:
          plan.push({ kind: "read", key });
          break;
        case 2:
          plan.push({ kind: "append", key });
          break;
        case 3:
          plan.push({ kind: "save" });
          break;
        default:
          plan.push({ kind: "back" });
      }
    }
    return plan;
  }

  async #transaction(context: ClientContext, id: string): Promise<void> {
    const { history } = context;
    const plan = this.#plan();
    const throws = this.chance.chance(1, 15);
    const record: ListRecord = { steps: [], called: history.tick(), returned: undefined, outcome: "unknown" };
    history.lists.push(record);
    let last: Run | undefined;
    const elements: string[] = [];
    this.#begin(
      context,
      `transaction ${id}`,
      (model) => last?.applied.flatMap((step) => step.apply?.(model) ?? []) ?? [],
      elements,
    );
    let runs = 0;
    const ended = await attempt(
      context,
      this.name,
      `transaction ${id}`,
      () =>
        context.node.transact(async (transaction) => {
          const pair = new ListPair(context, transaction, this.#places);
          last = { applied: [], pair, elements: [] };
          record.steps = pair.steps;
          await this.#body(context, transaction, plan, last, `${id}r${++runs}`);
          elements.splice(0, elements.length, ...last.elements);
          if (throws) throw new PlannedError(id);
        }, drawTransact(context, this.chance)),
    );
    record.outcome = ended.kind;
    if (ended.kind === "done") {
      this.region.settle(history.tick());
      record.returned = history.tick();
    } else if (ended.kind === "failed") {
      this.region.fail();
    }
  }

  async #body(
    context: ClientContext,
    transaction: SubjectTransaction,
    plan: readonly Planned[],
    run: Run,
    id: string,
  ): Promise<void> {
    const { region } = this;
    const face = (place: number) =>
      transaction.global(context.global(region.places[place] as Region["places"][number]));
    const pause = () =>
      this.chance.chance(1, 4)
        ? context.host.scheduler.sleep(this.chance.below(3000), context.process)
        : Promise.resolve();
    let model = region.model.clone();
    let saved: { at: unknown; applied: number; steps: number; elements: number } | undefined;
    for (const [i, planned] of plan.entries()) {
      if (planned.kind === "own") {
        const result = await planned.step.run(face);
        if (context.process.alive) this.#judge(context, planned.step, result, model);
        if (planned.step.apply !== undefined) {
          planned.step.apply(model);
          run.applied.push(planned.step);
        }
      } else if (planned.kind === "read") {
        await run.pair.read(planned.key, pause);
      } else if (planned.kind === "append") {
        await run.pair.append(planned.key, `${id}e${i}`, pause);
        run.elements.push(`${id}e${i}`);
      } else if (planned.kind === "save") {
        saved = {
          at: transaction.savepoint(),
          applied: run.applied.length,
          steps: run.pair.steps.length,
          elements: run.elements.length,
        };
      } else if (saved !== undefined) {
        transaction.rollbackTo(saved.at);
        run.applied.length = saved.applied;
        run.elements.length = saved.elements;
        // What was read stays read; what was appended is gone.
        forgetAppends(run.pair, saved.steps);
        model = region.model.clone();
        for (const step of run.applied) step.apply?.(model);
      }
    }
  }
}

/** Takes back the appends from a step on, and the reads that saw them. */
function forgetAppends(pair: ListPair, from: number): void {
  const kept = pair.steps.slice(0, from);
  const touched = new Set<string>();
  for (const step of pair.steps.slice(from)) {
    if (step.kind === "append") touched.add(step.key);
    else if (!touched.has(step.key)) kept.push(step);
  }
  pair.steps.splice(0, pair.steps.length, ...kept);
}

function cut(text: string): string {
  return text.length > 160 ? `${text.slice(0, 160)}…` : text;
}
