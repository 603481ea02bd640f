/**
 * A client's own region: nobody else writes to it, so its model says exactly what every read must answer, and
 * a crash may leave nothing but a beginning of the client's effects.
 */
import { type Effect, explain, type Explained, type Found } from "../check/prefix.ts";
import {
  type Atom,
  type AtomKey,
  atomOf,
  atomsOf,
  isWithin,
  type Subscript,
  textOfKey,
} from "../model/collation.ts";
import { GlobalModel } from "../model/global_model.ts";
import { textOfValue } from "../model/values.ts";
import type { SubjectGlobal, SubjectReader, SubjectWait } from "./subject.ts";

/** Where a part of a region lies: a global, below a prefix that may be empty. */
export interface Place {
  readonly database: number;
  readonly global: string;
  readonly prefix: readonly Subscript[];
}

/** One thing to do in a region, inside or outside of a transaction. */
export interface Step {
  readonly name: string;
  /** Does it and answers the result as text. */
  readonly run: (face: (place: number) => SubjectReader, wait?: SubjectWait) => Promise<string>;
  /** What the result must be; undefined for "anything". */
  readonly expect: (model: GlobalModel) => string | undefined;
  /** What it changes. */
  readonly apply?: (model: GlobalModel) => AtomKey[];
}

/** An effect, with the list elements that its transaction appended. */
export interface RegionEffect extends Effect {
  readonly elements: readonly string[];
}

/** The region of one client. */
export class Region {
  readonly name: string;
  readonly places: readonly Place[];
  readonly #roots: readonly Atom[];
  /** As it was when everything was last checked. */
  #base = new GlobalModel();
  /** After all effects that are known to have happened. */
  model: GlobalModel = new GlobalModel();
  /** Since the last check. */
  effects: RegionEffect[] = [];
  /** Effects at the end of the list of which nothing is known yet: those of the operation in flight. */
  pending = 0;
  #serial = 0;

  constructor(name: string, places: readonly Place[]) {
    this.name = name;
    this.places = places;
    this.#roots = places.map((_, i) => atomOf(i));
  }

  /** A number that no other value of the region has. */
  serial(): number {
    return ++this.#serial;
  }

  /** Key in the model of a node of a place. */
  key(place: number, subscripts: readonly Subscript[]): AtomKey {
    return [this.#roots[place] as Atom, ...atomsOf(subscripts)];
  }

  /** Subscripts in the global of a node of a place. */
  subscripts(place: number, subscripts: readonly Subscript[]): Subscript[] {
    return [...(this.places[place] as Place).prefix, ...subscripts];
  }

  /** A reference that was answered, as text: below the place's prefix, or outside of it. */
  textOfAnswer(place: number, answer: readonly Subscript[] | undefined): string {
    if (answer === undefined) return OUTSIDE;
    const { prefix } = this.places[place] as Place;
    const key = atomsOf(answer);
    return isWithin(key, atomsOf(prefix)) ? textOfKey(key.slice(prefix.length)) : OUTSIDE;
  }

  /** A key of the model as text, in the same way. */
  textOfKey(place: number, key: AtomKey | undefined): string {
    if (key === undefined || !isWithin(key, [this.#roots[place] as Atom])) return OUTSIDE;
    return textOfKey(key.slice(1));
  }

  /** True while the last effects may or may not have happened. */
  get uncertain(): boolean {
    return this.pending > 0;
  }

  /** Notes that an effect begins; nothing is known of it until `settle` or `fail`. */
  begin(effect: RegionEffect): void {
    this.effects.push(effect);
    this.pending++;
  }

  /**
   * What is pending was acknowledged, or as much of it as a look has `found`. Where more than one beginning
   * explains what was found, nothing is asked of what the doubtful ones did elsewhere.
   */
  settle(at: number, found?: Explained): void {
    const first = this.effects.length - this.pending;
    const { least, most } = found ?? { least: this.effects.length, most: this.effects.length };
    this.effects.length = most;
    for (let i = first; i < most; i++) {
      const effect = { ...this.effects[i] as RegionEffect, acknowledged: at };
      this.effects[i] = i < least ? effect : { ...effect, elements: [] };
      effect.apply(this.model);
    }
    this.pending = 0;
  }

  /** What is pending certainly did not happen. */
  fail(): void {
    this.effects.length -= this.pending;
    this.pending = 0;
  }

  /** Effects that must have happened when nothing acknowledged may be lost. */
  get acknowledged(): number {
    for (let i = this.effects.length; i > 0; i--) {
      if ((this.effects[i - 1] as RegionEffect).acknowledged !== undefined) return i;
    }
    return 0;
  }

  /** Which beginnings of the effects explain what was found, from `floor` on. */
  explain(floor: number, found: Found): Explained | string {
    return explain(this.#base, this.effects, floor, found);
  }

  /** Goes on from what was found. */
  adopt(explained: Explained): void {
    this.#base = explained.model.clone();
    this.model = explained.model.clone();
    this.effects = [];
    this.pending = 0;
  }

  /** What the region holds in the database, as the checks want it. */
  async read(global: (place: Place) => SubjectGlobal): Promise<Map<string, string>> {
    const found = new Map<string, string>();
    for (let place = 0; place < this.places.length; place++) {
      const { prefix } = this.places[place] as Place;
      for await (const [subscripts, value] of global(this.places[place] as Place).entries(prefix)) {
        const key = [this.#roots[place] as Atom, ...atomsOf(subscripts.slice(prefix.length))];
        found.set(textOfKey(key), textOfValue(value));
      }
    }
    return found;
  }
}

/** Text of a reference outside of a place. */
const OUTSIDE = "outside";
