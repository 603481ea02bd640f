/** Draws what a client does in its own region. */
import type { AtomKey, Subscript } from "../model/collation.ts";
import { atomOf, textOfKey } from "../model/collation.ts";
import type { GlobalModel } from "../model/global_model.ts";
import { type SimValue, textOfValue } from "../model/values.ts";
import type { Prng } from "../prng.ts";
import { drawSubscript, drawSubscripts, drawValue, keyBytesAtMost, type ValueSizes } from "./draw.ts";
import type { Place, Region, Step } from "./region.ts";
import { BULK, BULK_TREES } from "./bulk.ts";
import type { SubjectGlobal } from "./subject.ts";

/** Level under which only increments write. */
const NUMBERS = "#";
/** Merges of more nodes are large, and drawn of whole places more often. */
const MERGE_NODES_SMALL = 150;
const KEY_BYTES_SAFE = 900;
/** Texts that begin with a number, and that number. */
const BEGINNINGS: readonly string[] = ["12 apples", "-3x", "", "no number"];
const BEGIN: Readonly<Record<string, number>> = { "12 apples": 12, "-3x": -3 };

/** What `increment` makes of a value that it alone, or one of the texts above, can be. */
function sumOf(current: SimValue | undefined, by: number | bigint): number | bigint {
  if (typeof by === "bigint") return (typeof current === "bigint" ? current : 0n) + by;
  return (typeof current === "string" ? BEGIN[current] ?? 0 : Number(current ?? 0)) + by;
}

/** Draws steps. */
export class StepDrawer {
  readonly #region: Region;
  readonly #chance: Prng;
  readonly #sizes: ValueSizes;
  readonly #spread: number;
  readonly #mergeNodes: number;

  constructor(region: Region, chance: Prng, sizes: ValueSizes, spread: number, mergeNodes: number) {
    this.#region = region;
    this.#chance = chance;
    this.#sizes = sizes;
    this.#spread = spread;
    this.#mergeNodes = mergeNodes;
  }

  /** A step inside or outside of a transaction, where walks go one way only. `writes` of 100 are writes. */
  plain(writes: number, isInside: boolean): Step {
    const place = this.#chance.below(this.#region.places.length);
    if (this.#chance.below(100) < writes) {
      const kind = this.#chance.weighted([30, 4, 3]);
      return kind === 0 ? this.set(place) : kind === 1 ? this.#kill(place) : this.#zkill(place);
    }
    switch (this.#chance.weighted([8, 3, 5, 4, 2])) {
      case 0:
        return this.#get(place);
      case 1:
        return this.#data(place);
      case 2:
        return this.#order(place);
      case 3:
        return this.#query(place);
      default:
        return this.#entries(place, isInside);
    }
  }

  /** Sets a node. */
  set(place: number): Step {
    const value = drawValue(this.#chance, `${this.#region.name}.${this.#region.serial()}`, this.#sizes);
    return this.#set(place, this.#subscripts(), value);
  }

  #set(place: number, subscripts: readonly Subscript[], value: SimValue): Step {
    const key = this.#region.key(place, subscripts);
    return {
      name: `set ${this.#name(place, subscripts)}`,
      run: async (face, wait) =>
        String(await face(place).set(this.#region.subscripts(place, subscripts), value, wait)),
      expect: () => "undefined",
      apply: (model) => model.set(key, value),
    };
  }

  /** Adds to a number; not inside transactions. */
  increment(global: (place: Place) => SubjectGlobal): Step {
    const place = this.#chance.below(this.#region.places.length);
    const kind = this.#chance.below(5);
    const subscripts = [NUMBERS, kind];
    const key = this.#region.key(place, subscripts);
    const current = this.#region.model.get(key);
    if (kind === 3 && current === undefined) {
      return this.#set(place, subscripts, this.#chance.pick(BEGINNINGS));
    }
    const by = kind === 4 ? 10n ** 20n : this.#chance.pick([1, 1, 1, 5, -2, 0]);
    const sum = (model: GlobalModel) => sumOf(model.get(key), by);
    return {
      name: `increment ${this.#name(place, subscripts)}`,
      run: async (_, wait) => {
        const at = this.#region.subscripts(place, subscripts);
        return textOfValue(await global(this.#region.places[place] as Place).increment(at, by, wait));
      },
      expect: (model) => textOfValue(sum(model)),
      apply: (model) => model.set(key, sum(model)),
    };
  }

  /** Copies a subtree; undefined when the one drawn is too large, or lies above or below its target. */
  merge(global: (place: Place) => SubjectGlobal): Step | undefined {
    const from = this.#chance.below(this.#region.places.length);
    const to = this.#chance.below(this.#region.places.length);
    const source = this.#chance.chance(1, this.#mergeNodes > MERGE_NODES_SMALL ? 2 : 12)
      ? []
      : this.#subscripts().slice(0, 2);
    const target = this.#subscripts().slice(0, 2);
    const sourceKey = this.#region.key(from, source);
    const targetKey = this.#region.key(to, target);
    const nodes = this.#region.model.within(sourceKey);
    const texts = [textOfKey(sourceKey), textOfKey(targetKey)];
    if (nodes.length > this.#mergeNodes || texts[0] === texts[1]) return undefined;
    if (isAbove(sourceKey, targetKey) || isAbove(targetKey, sourceKey)) return undefined;
    const longest = Math.max(0, ...nodes.map(({ key }) => keyBytesAtMost(key.map((atom) => atom.text))));
    if (longest + keyBytesAtMost(target) > KEY_BYTES_SAFE) return undefined;
    if (source[0] === NUMBERS || target[0] === NUMBERS) return undefined;
    return {
      name: `merge ${this.#name(to, target)} from ${this.#name(from, source)}`,
      run: async (_, wait) => {
        const [at, of] = [this.#region.subscripts(to, target), this.#region.subscripts(from, source)];
        const places = this.#region.places;
        await global(places[to] as Place).merge(at, global(places[from] as Place), of, wait);
        return "undefined";
      },
      expect: () => "undefined",
      apply: (model) => model.merge(targetKey, model, sourceKey),
    };
  }

  #kill(place: number): Step {
    const whole = this.#chance.chance(1, 60);
    const subscripts = whole
      ? []
      : this.#chance.chance(1, 8)
      ? [BULK, this.#chance.below(BULK_TREES)].slice(0, this.#chance.between(1, 2))
      : this.#subscripts().slice(0, this.#chance.between(1, 3));
    const key = this.#region.key(place, subscripts);
    return {
      name: `kill ${this.#name(place, subscripts)}`,
      run: async (face, wait) =>
        String(await face(place).kill(this.#region.subscripts(place, subscripts), wait)),
      expect: () => "undefined",
      apply: (model) => model.kill(key),
    };
  }

  #zkill(place: number): Step {
    const subscripts = this.#known(place);
    const key = this.#region.key(place, subscripts);
    return {
      name: `zkill ${this.#name(place, subscripts)}`,
      run: async (face, wait) =>
        String(await face(place).zkill(this.#region.subscripts(place, subscripts), wait)),
      expect: () => "undefined",
      apply: (model) => model.zkill(key),
    };
  }

  #get(place: number): Step {
    const subscripts = this.#known(place);
    const key = this.#region.key(place, subscripts);
    return {
      name: `get ${this.#name(place, subscripts)}`,
      run: async (face, wait) =>
        textOfValue(await face(place).get(this.#region.subscripts(place, subscripts), wait)),
      expect: (model) => model.text(key),
    };
  }

  #data(place: number): Step {
    const subscripts = this.#known(place).slice(0, this.#chance.between(1, 4));
    const key = this.#region.key(place, subscripts);
    return {
      name: `data ${this.#name(place, subscripts)}`,
      run: async (face, wait) =>
        String(await face(place).data(this.#region.subscripts(place, subscripts), wait)),
      expect: (model) => String(model.data(key)),
    };
  }

  #order(place: number): Step {
    const direction = this.#chance.chance(1, 2) ? 1 : -1;
    const known = this.#known(place);
    const subscripts = this.#chance.chance(1, 3) ? [...known.slice(0, -1), ""] : known;
    const key = this.#region.key(place, subscripts);
    return {
      name: `order ${direction} ${this.#name(place, subscripts)}`,
      run: async (face, wait) => {
        const at = this.#region.subscripts(place, subscripts);
        const found = await face(place).order(at, direction, wait);
        return found === undefined ? "end" : textOfKey([atomOf(found)]);
      },
      expect: (model) => {
        const found = model.order(key, direction);
        return found === undefined ? "end" : textOfKey([found]);
      },
    };
  }

  #query(place: number): Step {
    const direction = this.#chance.chance(1, 2) ? 1 : -1;
    const known = this.#known(place);
    const subscripts = this.#chance.chance(1, 3) ? [...known.slice(0, -1), ""] : known;
    const key = this.#region.key(place, subscripts);
    return {
      name: `query ${direction} ${this.#name(place, subscripts)}`,
      run: async (face, wait) => {
        const at = this.#region.subscripts(place, subscripts);
        const found = await face(place).query(at, direction, wait);
        return this.#region.textOfAnswer(place, found);
      },
      expect: (model) => this.#region.textOfKey(place, model.query(key, direction)?.key),
    };
  }

  #entries(place: number, isInside: boolean): Step {
    const subscripts = this.#known(place).slice(0, this.#chance.below(3));
    const key = this.#region.key(place, subscripts);
    const most = this.#chance.between(1, 60);
    const reverse = !isInside && this.#chance.chance(1, 3);
    const walk = isInside ? undefined : this.#chance.chance(1, 2) ? { reverse, limit: most } : { reverse };
    return {
      name: `entries ${reverse ? "backwards " : ""}${this.#name(place, subscripts)}`,
      run: async (face) => {
        const seen: string[] = [];
        const at = this.#region.subscripts(place, subscripts);
        for await (const [found, value] of face(place).entries(at, walk)) {
          seen.push(`${this.#region.textOfAnswer(place, found)}=${textOfValue(value)}`);
          if (seen.length === most) break;
        }
        return seen.join(";");
      },
      expect: (model) => {
        const within = model.within(key);
        return (reverse ? within.reverse() : within).slice(0, most)
          .map((entry) => `${this.#region.textOfKey(place, entry.key)}=${entry.text}`).join(";");
      },
    };
  }

  /** Subscripts drawn anew. */
  #subscripts(): Subscript[] {
    return drawSubscripts(this.#chance, this.#spread);
  }

  /** Mostly subscripts of a node that is there, or near one. */
  #known(place: number): Subscript[] {
    const { all } = this.#region.model;
    const entry = all.length === 0 || this.#chance.chance(1, 4) ? undefined : this.#chance.pick(all);
    if (entry === undefined || entry.key[0]?.text !== String(place)) return this.#subscripts();
    const subscripts = entry.key.slice(1).map((atom) => atom.text);
    if (subscripts.length === 0) return this.#subscripts();
    if (this.#chance.chance(1, 5)) {
      subscripts[subscripts.length - 1] = String(drawSubscript(this.#chance, this.#spread));
    }
    return subscripts;
  }

  #name(place: number, subscripts: readonly Subscript[]): string {
    const { global, prefix, database } = this.#region.places[place] as Place;
    return `^${global}(${
      [...prefix, ...subscripts].map((s) => JSON.stringify(String(s))).join()
    })@${database}`;
  }
}

function isAbove(key: AtomKey, other: AtomKey): boolean {
  return key.length <= other.length && textOfKey(other.slice(0, key.length)) === textOfKey(key);
}
