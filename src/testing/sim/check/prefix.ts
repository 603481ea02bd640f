/**
 * Durability of what single clients did, each in a region of its own: which beginnings of a client's effects
 * explain what was found after a crash, and do the beginnings of all clients agree on one instant?
 */
import { type AtomKey, textOfKey } from "../model/collation.ts";
import type { GlobalModel } from "../model/global_model.ts";

/** What a client did to its region in one atomic step. */
export interface Effect {
  /** Makes the change and answers the keys that it changed. */
  readonly apply: (model: GlobalModel) => AtomKey[];
  readonly called: number;
  /** When it was acknowledged; undefined when the outcome is unknown. */
  acknowledged: number | undefined;
  /** For messages. */
  readonly name: string;
}

/** What a client's effects since the last check explain. */
export interface Explained {
  /** Effects that happened at least, and at most; none explain what was found when undefined. */
  readonly least: number;
  readonly most: number;
  /** The region after `most` effects. */
  readonly model: GlobalModel;
}

/** What was found in a region: value texts by key text. */
export type Found = ReadonlyMap<string, string>;

/**
 * Finds which numbers of effects from `floor` on explain what was found; a text about the nearest when none
 * does.
 */
export function explain(
  base: GlobalModel,
  effects: readonly Effect[],
  floor: number,
  found: Found,
): Explained | string {
  const model = base.clone();
  const differing = new Set<string>();
  const judge = (key: AtomKey) => {
    const text = textOfKey(key);
    if (model.text(key) === (found.get(text) ?? "undefined")) differing.delete(text);
    else differing.add(text);
  };
  for (const entry of model.all) judge(entry.key);
  const known = new Set(model.all.map((entry) => textOfKey(entry.key)));
  for (const text of found.keys()) if (!known.has(text)) differing.add(text);
  let least: number | undefined;
  let most = 0;
  let nearest = 0;
  let fewest = Infinity;
  for (let count = 0; count <= effects.length; count++) {
    if (count > 0) { for (const key of (effects[count - 1] as Effect).apply(model)) judge(key); }
    if (count < floor) continue;
    if (differing.size === 0) {
      least ??= count;
      most = count;
    } else if (differing.size < fewest) {
      fewest = differing.size;
      nearest = count;
    }
  }
  if (least === undefined) return describe(nearest, effects, after(base, effects, nearest), found);
  return { least, most, model: most === effects.length ? model : after(base, effects, most) };
}

/** The region after so many effects. */
function after(base: GlobalModel, effects: readonly Effect[], count: number): GlobalModel {
  const model = base.clone();
  for (let i = 0; i < count; i++) (effects[i] as Effect).apply(model);
  return model;
}

function describe(
  count: number,
  effects: readonly Effect[],
  model: GlobalModel,
  found: Found,
): string {
  const values = new Map(model.all.map((entry) => [textOfKey(entry.key), entry.text]));
  const differing = [...new Set([...values.keys(), ...found.keys()])]
    .filter((key) => values.get(key) !== found.get(key));
  const shown = differing.slice(0, 4).map((key) =>
    `(${key}) is ${cut(found.get(key) ?? "undefined")}, not ${cut(values.get(key) ?? "undefined")}`
  );
  const last = effects[count - 1]?.name ?? "none";
  const many = `${differing.length} nodes differ`;
  return `even after ${count} of ${effects.length} effects (last: ${last}) ${many}: ` +
    shown.join("; ");
}

function cut(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}

/** One client's part in the check of one instant. */
export interface ClientPrefix {
  readonly name: string;
  readonly effects: readonly Effect[];
  readonly explained: Explained;
}

/**
 * Looks for an effect that is gone though it was acknowledged before one that is there was called: no
 * beginning of the order of all effects can be that. Undefined when there is none.
 */
export function checkOneInstant(clients: readonly ClientPrefix[]): string | undefined {
  let gone: { at: number; name: string } | undefined;
  let there: { at: number; name: string } | undefined;
  for (const { name, effects, explained } of clients) {
    effects.forEach((effect, i) => {
      const text = `${name}: ${effect.name}`;
      if (i < explained.least && (there === undefined || effect.called > there.at)) {
        there = { at: effect.called, name: text };
      }
      if (i < explained.most || effect.acknowledged === undefined) return;
      if (gone === undefined || effect.acknowledged < gone.at) gone = { at: effect.acknowledged, name: text };
    });
  }
  if (gone === undefined || there === undefined || gone.at >= there.at) return undefined;
  return `${gone.name} (acknowledged at ${gone.at}) is gone, ${there.name} (called at ${there.at}) is there`;
}
