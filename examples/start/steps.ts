/** Loading, asking and changing: what a program does with globals in fair weather. */
import type { Node } from "@cohort/db";
import { type Atlas, readRows, store } from "./cities.ts";
import { Bar, good, grouped, line, measured, type Rate } from "./screen.ts";

/** Operations under way at once: they share the disk's syncs. */
const IN_FLIGHT = 512;
const TRANSFERS = 2000;
const INCREMENTS = 20_000;

/** Runs `work` for 0 to `count - 1`, a bounded number at once. */
async function inFlight(count: number, most: number, work: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: most }, worker));
}

/** Stores every city under two orders; each set is acknowledged only when it is on the disk. */
export async function load(atlas: Atlas): Promise<Rate> {
  const rows = readRows();
  const bar = new Bar("cities", rows.length);
  let done = 0;
  const rate = await measured("set, durable", async () => {
    await inFlight(rows.length, IN_FLIGHT, async (index) => {
      await store(atlas, rows[index]!);
      bar.show(++done);
    });
    return 2 * rows.length;
  });
  bar.end();
  line(`${grouped(rows.length)} cities under two orders in ${rate.seconds.toFixed(1)} s`);
  return rate;
}

/** Asks in order, both ways, and counts everything. */
export async function ask(atlas: Atlas): Promise<Rate[]> {
  const { city, size } = atlas;
  const largest: string[] = [];
  for await (const [[, population], name] of size.entries(["FR"], { reverse: true, limit: 5 })) {
    largest.push(`${name} ${grouped(Number(population))}`);
  }
  line(`the largest of France: ${largest.join(", ")}`);
  const after = await city.order(["DE", "Heidelberg"]);
  const before = await city.order(["DE", "Heidelberg"], -1);
  line(`by name, Heidelberg stands between ${before} and ${after}`);
  const countries: string[] = [];
  const step = await measured("order", async () => {
    let steps = 0;
    for (let country = await city.order([""]); country !== undefined; country = await city.order([country])) {
      countries.push(String(country));
      for (let name = await city.order([country, ""]); name !== undefined; steps++) {
        name = await city.order([country, name]);
      }
    }
    return steps + countries.length;
  });
  line(`${countries.length} countries from ${countries[0]} to ${countries.at(-1)}`);
  let inhabitants = 0;
  const scan = await measured("entries", async () => {
    let count = 0;
    for await (const [, { population }] of city.entries()) {
      inhabitants += population;
      count++;
    }
    return count;
  });
  line(`${grouped(scan.count)} cities with ${grouped(inhabitants)} inhabitants`);
  return [await getAll(atlas), step, scan];
}

async function getAll({ city }: Atlas): Promise<Rate> {
  const rows = readRows();
  return await measured("get", async () => {
    for (const { country, name, cityId, population } of rows) {
      const found = await city.get([country, name, cityId]);
      if (found?.population !== population) throw new Error(`${name} is not as it was stored`);
    }
    return rows.length;
  });
}

/** Moves inhabitants between cities in transactions that meet each other, and counts visits. */
export async function change(node: Node, atlas: Atlas): Promise<Rate[]> {
  const { city, visits } = atlas;
  const towns = readRows().slice(0, 200).map(({ country, name, cityId }) => [country, name, cityId]);
  const sum = async (): Promise<number> => {
    let total = 0;
    for (const town of towns) total += (await city.get(town))!.population;
    return total;
  };
  const before = await sum();
  let runs = 0;
  const transfers = await measured("transact, durable", async () => {
    await inFlight(TRANSFERS, 64, async (index) => {
      const from = towns[index * 7919 % towns.length]!, to = towns[index * 104_729 % towns.length]!;
      await node.transact(async (tx) => {
        runs++;
        const cities = tx.global(city);
        const leaving = await cities.get(from);
        await cities.set(from, { ...leaving!, population: leaving!.population - 1 });
        const entered = await cities.get(to);
        await cities.set(to, { ...entered!, population: entered!.population + 1 });
      });
    });
    return TRANSFERS;
  });
  if (await sum() !== before) throw new Error("Inhabitants were lost on the way");
  good(`${grouped(TRANSFERS)} moves, ${grouped(runs - TRANSFERS)} tried again after a conflict, nobody lost`);
  const increments = await measured("increment, durable", async () => {
    await inFlight(INCREMENTS, IN_FLIGHT, async (index) => {
      await visits.increment([index % 10]);
    });
    return INCREMENTS;
  });
  let counted = 0;
  for (let desk = 0; desk < 10; desk++) counted += await visits.get([desk]) ?? 0;
  if (counted !== INCREMENTS) throw new Error(`${counted} visits were counted, not ${INCREMENTS}`);
  good(`${grouped(INCREMENTS)} increments of 10 counters, each counted once`);
  return [transfers, increments];
}
