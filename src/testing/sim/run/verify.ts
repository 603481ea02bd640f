/** Everything is read and held against every model: after each crash, and at the end. */
import { checkOneInstant, type ClientPrefix } from "../check/prefix.ts";
import type { RawReport } from "../check/raw_volume.ts";
import { atomsOf, textOfKey } from "../model/collation.ts";
import { textOfValue } from "../model/values.ts";
import type { Client } from "../workload/client.ts";
import type { History } from "../workload/history.ts";
import type { Place, Region, RegionEffect } from "../workload/region.ts";
import { elementsOf, type SharedPlaces } from "../workload/shared.ts";
import type { SubjectGlobal } from "../workload/subject.ts";
import type { SharedState } from "./epoch_state.ts";
import type { WorldParts } from "./world.ts";

/**
 * The engine's own check; blocks that are being freed may move between two looks, so it gets a few of them.
 */
export async function checkStructure(
  check: () => Promise<readonly string[]>,
  name: string,
  { parts }: { readonly parts: Pick<WorldParts, "problems" | "scheduler"> },
): Promise<void> {
  let found: readonly string[] = [];
  for (let tries = 0; tries < 4; tries++) {
    found = await check();
    if (found.length === 0) return;
    await parts.scheduler.sleep(3_000_000);
  }
  for (const text of found) parts.problems.add("structure", `${name}: ${text}`);
}

/** Reads the shared keys. */
export async function readShared(
  global: (place: Place) => SubjectGlobal,
  places: SharedPlaces,
  history: History,
): Promise<SharedState> {
  const registers = new Map<string, string>();
  for await (const [key, value] of global(places.registers).entries()) {
    registers.set(String(key[0]), textOfValue(value));
  }
  const counters = new Map<string, number>();
  for await (const [key, value] of global(places.counters).entries()) {
    counters.set(String(key[0]), Number(value));
  }
  const lists = new Map<string, readonly string[]>();
  for await (const [key, value] of global(places.listsA).entries()) {
    lists.set(String(key[0]), elementsOf(value));
    const other = await global(places.listsB).get([key[0] as number]);
    if (other !== value) {
      history.problems.add(
        "serial",
        `half a transaction: list ${key[0]} is ${textOfValue(value)} here and ${textOfValue(other)} there`,
      );
    }
  }
  for await (const [key, value] of global(places.listsB).entries()) {
    if (!lists.has(String(key[0]))) {
      history.problems.add(
        "serial",
        `half a transaction: list ${key[0]} is only there: ${textOfValue(value)}`,
      );
    }
  }
  const slots = new Map<number, string>();
  for await (const [key, value] of global(places.slots).entries()) slots.set(Number(key[0]), String(value));
  return { registers, counters, lists, slots };
}

/** Holds every region against its model, and goes on from what was found. */
export async function verifyRegions(
  clients: readonly Client[],
  global: (place: Place) => SubjectGlobal,
  history: History,
  lists: ReadonlyMap<string, readonly string[]>,
  floorOf: ((region: Region) => number) | undefined,
): Promise<void> {
  // All is read before any of it is judged: should the node stop meanwhile, nothing was gone on from yet.
  const everything: Map<string, string>[] = [];
  for (const { region } of clients) everything.push(await region.read(global));
  const prefixes: ClientPrefix[] = [];
  const elements = new Set<string>();
  for (const list of lists.values()) for (const element of list) elements.add(element);
  for (const [i, { region }] of clients.entries()) {
    const found = everything[i] as Map<string, string>;
    const explained = region.explain(floorOf?.(region) ?? region.acknowledged, found);
    if (typeof explained === "string") {
      history.problems.add("durability", `${region.name}: ${explained}`);
      continue;
    }
    judgeElements(region, explained.least, explained.most, elements, history);
    prefixes.push({ name: region.name, effects: region.effects, explained });
    region.adopt(explained);
  }
  const torn = floorOf === undefined ? undefined : checkOneInstant(prefixes);
  if (torn !== undefined) history.problems.add("order", torn);
}

/** A transaction's part in the region and its part in the lists are there together, or not at all. */
function judgeElements(
  region: Region,
  least: number,
  most: number,
  elements: ReadonlySet<string>,
  history: History,
): void {
  region.effects.forEach((effect: RegionEffect, i) => {
    for (const element of effect.elements) {
      if (i < least && !elements.has(element)) {
        history.problems.add(
          "serial",
          `half a transaction: ${effect.name} is in the region, not ${element} in its list`,
        );
      }
      if (i >= most && elements.has(element)) {
        history.problems.add(
          "serial",
          `half a transaction: ${element} is in its list, not ${effect.name} in the region`,
        );
      }
    }
  });
}

/** Holds what was read from a closed volume's bytes against the models. */
export function compareRaw(
  reports: readonly RawReport[],
  clients: readonly Client[],
  shared: SharedState,
  places: SharedPlaces,
  history: History,
): void {
  for (const [database, report] of reports.entries()) {
    for (const text of report.problems) history.problems.add("volume", `database ${database}: ${text}`);
  }
  const of = (place: Place) =>
    reports[place.database]?.globals.get(place.global) ?? new Map<string, string>();
  for (const { region } of clients) compareRegion(region, of, history);
  for (const [key, value] of shared.registers) {
    const found = of(places.registers).get(key);
    if (found !== value) history.problems.add("volume", `register ${key} is ${found} on disk, not ${value}`);
  }
  for (const [key, value] of shared.counters) {
    const found = of(places.counters).get(key);
    if (found !== String(value)) {
      history.problems.add("volume", `counter ${key} is ${found} on disk, not ${value}`);
    }
  }
}

/** Holds the bytes of the side line's closed volume against its model. */
export function compareSide(report: RawReport, region: Region, history: History): void {
  for (const text of report.problems) history.problems.add("volume", `side: ${text}`);
  compareRegion(region, ({ global }) => report.globals.get(global) ?? new Map<string, string>(), history);
}

function compareRegion(
  region: Region,
  of: (place: Place) => ReadonlyMap<string, string>,
  history: History,
): void {
  const expected = new Map(region.model.all.map((entry) => [textOfKey(entry.key), entry.text]));
  region.places.forEach((place, i) => {
    const prefix = textOfKey(atomsOf(place.prefix));
    for (const [key, value] of of(place)) {
      const rest = below(key, prefix);
      if (rest === undefined) continue;
      const name = rest === "" ? String(i) : `${i},${rest}`;
      if (expected.get(name) !== value) {
        const text = `(${name}) is ${value} on disk, not ${expected.get(name)}`;
        history.problems.add("volume", `${region.name}: ${text}`);
      }
      expected.delete(name);
    }
  });
  for (const [name, value] of expected) {
    history.problems.add("volume", `${region.name}: (${name}) is not on disk, it should be ${value}`);
  }
}

/** What follows a prefix in a key's text: "" for the node itself, undefined for another node. */
function below(key: string, prefix: string): string | undefined {
  if (prefix === "") return key;
  if (key === prefix) return "";
  return key.startsWith(`${prefix},`) ? key.slice(prefix.length + 1) : undefined;
}
