/** Loading and asking: what a program does with globals in fair weather. */
import { type Atlas, readRows, store } from "./cities.ts";
import { grouped, measured, type Rate } from "./screen.ts";

/** Operations under way at once: they share the disk's syncs. */
const IN_FLIGHT = 512;

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
  return await measured("set, durable", async () => {
    await inFlight(rows.length, IN_FLIGHT, async (index) => await store(atlas, rows[index]!));
    return 2 * rows.length;
  });
}

/** What was found, for people, and how fast. */
export interface Asked {
  readonly texts: readonly string[];
  readonly rates: readonly Rate[];
}

/** Asks in order, both ways, and counts everything. */
export async function ask(atlas: Atlas): Promise<Asked> {
  const texts: string[] = [];
  const { city, size } = atlas;
  const largest: string[] = [];
  for await (const [[, population], name] of size.entries(["FR"], { reverse: true, limit: 5 })) {
    largest.push(`${name} ${grouped(Number(population))}`);
  }
  texts.push(`the largest of France: ${largest.join(", ")}`);
  const after = await city.order(["DE", "Heidelberg"]);
  const before = await city.order(["DE", "Heidelberg"], -1);
  texts.push(`by name, Heidelberg stands between ${before} and ${after}`);
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
  texts.push(`${countries.length} countries from ${countries[0]} to ${countries.at(-1)}`);
  let inhabitants = 0;
  const scan = await measured("entries", async () => {
    let count = 0;
    for await (const [, { population }] of city.entries()) {
      inhabitants += population;
      count++;
    }
    return count;
  });
  texts.push(`${grouped(scan.count)} cities with ${grouped(inhabitants)} inhabitants`);
  return { texts, rates: [step, scan] };
}
