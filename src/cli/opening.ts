/**
 * How a command gets at a database: a node of its own beside the volume, and a mount that is let go in any
 * case.
 */
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { CohortError, type Database, isCode, type NodeOptions, openNode } from "../../mod.ts";
import { VOLUME_NAME } from "../node/volume_file.ts";
import type { Terminal } from "./terminal.ts";

/** How to open. */
export interface Opening {
  /** `read` leaves the volume as it is, unless it was not closed cleanly: then it is recovered first. */
  readonly access: "read" | "write" | "create";
  /** When writes are acknowledged; `"sync"` by default. */
  readonly durability?: NodeOptions["durability"];
  readonly signal: AbortSignal;
}

/**
 * Runs `body` with the database in `directory`; its journals lie there too, and are gone after a clean end.
 */
export async function withDatabase<T>(
  directory: string,
  opening: Opening,
  terminal: Terminal,
  body: (database: Database) => Promise<T>,
): Promise<T> {
  if (opening.access !== "create" && !existsSync(join(directory, VOLUME_NAME))) {
    // Before anything is made in a directory that is none of ours.
    throw new CohortError("NOT_FOUND", `There is no database in ${directory}`, { path: directory });
  }
  if (opening.access === "create" && existsSync(directory) && !statSync(directory).isDirectory()) {
    const problem = `Could not make a database in ${directory}: it is no directory`;
    throw new CohortError("NOT_A_VOLUME", problem, { path: directory });
  }
  try {
    return await withBlockSize(directory, opening, terminal, undefined, body);
  } catch (error) {
    const found = isCode(error, "BLOCK_SIZE") ? error.facts.found : undefined;
    if (typeof found !== "number") throw error;
    return await withBlockSize(directory, opening, terminal, found, body);
  }
}

async function withBlockSize<T>(
  directory: string,
  { access, durability = "sync", signal }: Opening,
  terminal: Terminal,
  blockSize: number | undefined,
  body: (database: Database) => Promise<T>,
): Promise<T> {
  const node = await openNode({
    dir: directory,
    durability,
    ...(blockSize === undefined ? {} : { blockSize }),
  });
  let result: T;
  try {
    result = await body(await mount());
  } catch (error) {
    // The first error tells more than what it does to the end.
    await node.close().catch(() => {});
    throw error;
  }
  await node.close();
  return result;

  async function mount(): Promise<Database> {
    if (access !== "read") return await node.mount(directory, { create: access === "create", signal });
    try {
      return await node.mount(directory, { readOnly: true, signal });
    } catch (error) {
      if (!isCode(error, "READ_ONLY")) throw error;
      terminal.note(`${directory} was not closed cleanly: it is recovered first`);
      return await node.mount(directory, { signal });
    }
  }
}
