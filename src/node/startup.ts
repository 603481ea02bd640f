/**
 * Start-up: the databases that a node mounts before it is open, as the model's start-up does.
 *
 * First those that must be mounted, in the order listed, then the others, in the order listed; one after the
 * other, so that the table reads the same at every start. Each is a line of the table as soon as it is
 * mounted:
 *
 *     Directory                    Mode
 *     VMS1$DKA0:[SYSM.V6D1-9206A]  Pvt
 *     VMS2$DKA0:[DIR2]             Clu
 *
 * The lines are events (`startup.mount`, fact `text`), and so on the terminal and in the console log of who
 * has those. A database that must be mounted and cannot be ends the start-up (`startup.stopped`); another
 * that cannot be is told (`startup.failed`), and the rest goes on.
 */
import { type DeviceMap, expandDirectory } from "../ground/device_map.ts";
import { CohortError } from "../ground/errors.ts";
import { checkOptions, checkType, type OptionNames } from "../ground/options.ts";
import type { Facts, Observer } from "../ports/mod.ts";
import type { Database } from "./database.ts";
import { noticing } from "./noticing.ts";
import type { Settings } from "./options.ts";
import { checkMountOptions, MOUNT_OPTIONS, type MountOptions } from "./mount_options.ts";

/** A database that is mounted at start-up, with the options of its mount. */
export interface StartupDatabase extends MountOptions {
  /** Its directory: a path, or with a device. */
  readonly directory: string;
  /**
   * Whether the node must not open without it: `openNode` then rejects with what the mount rejected. False by
   * default: that is told to the observer, and the node opens.
   */
  readonly mustMount?: boolean;
}

/** What is started: a node. */
interface Starting {
  mount(directory: string, options: MountOptions): Promise<Database>;
  close(): Promise<void>;
}

const STARTUP_OPTIONS: OptionNames<StartupDatabase> = { ...MOUNT_OPTIONS, directory: true, mustMount: true };
const HEAD = "Directory";

/** Checks the option `databases`. TypeError or RangeError names the entry and what is wrong with it. */
export function checkStartup(databases: readonly StartupDatabase[] = []): readonly StartupDatabase[] {
  if (!Array.isArray(databases)) throw new TypeError("databases is an array of databases to mount");
  return databases.map((entry: StartupDatabase, at) => {
    try {
      checkOptions(entry, STARTUP_OPTIONS);
      const { directory, mustMount, ...options } = entry;
      if (typeof directory !== "string" || directory === "" || directory.includes("\0")) {
        throw new TypeError(`directory is that of a database, got ${JSON.stringify(directory)}`);
      }
      checkType("mustMount", mustMount, "boolean");
      checkMountOptions(options);
    } catch (error) {
      const Mistake = error instanceof RangeError ? RangeError : TypeError;
      throw new Mistake(`databases[${at}]: ${error instanceof Error ? error.message : error}`, {
        cause: error,
      });
    }
    // What the caller changes later changes nothing here.
    return { ...entry };
  });
}

/**
 * Starts a node: mounts its databases, and answers it. Rejects with what the mount of one that must be
 * mounted rejected; the node is closed then, and what it had mounted is given back. A database that the rest
 * may do without costs the wait for its failure, which its `timeoutMs` bounds.
 */
export async function startUp<N extends Starting>(
  node: N,
  { databases, devices }: Settings,
  observer: Observer,
): Promise<N> {
  if (databases.length === 0) return node;
  const guarded = noticing(observer, () => {});
  try {
    await mountAll(node, databases, devices, guarded);
  } catch (error) {
    await node.close().catch((litter) => guarded.event("node.litter", "warn", { cause: String(litter) }));
    throw error;
  }
  return node;
}

async function mountAll(
  node: Starting,
  databases: readonly StartupDatabase[],
  devices: DeviceMap,
  observer: Observer,
): Promise<void> {
  const inOrder = [...databases.filter((it) => it.mustMount), ...databases.filter((it) => !it.mustMount)];
  const names = inOrder.map(({ directory }) => nameOf(directory, devices));
  const width = Math.max(HEAD.length, ...names.map((name) => name.length));
  const line = (name: string, mode: string, facts: Facts): void =>
    observer.event("startup.mount", "info", { text: `${name.padEnd(width)}  ${mode}`, ...facts });
  line(HEAD, "Mode", {});
  for (const [at, { directory, mustMount = false, ...options }] of inOrder.entries()) {
    const name = names[at]!;
    try {
      const database = await node.mount(directory, options);
      const { mode, readOnly } = database.status;
      line(name, modeWord(mode, readOnly), { directory: database.directory, mode });
    } catch (error) {
      const cause = error instanceof Error ? error.message : String(error);
      const code = error instanceof CohortError ? error.code : undefined;
      const facts = { directory: name, mode: options.mode ?? "private", code, cause };
      if (mustMount) {
        observer.event("startup.stopped", "error", facts);
        throw error;
      }
      observer.event("startup.failed", "warn", facts);
    }
  }
}

/** How a database is mounted, in the model's words. */
export function modeWord(mode: string, readOnly: boolean): string {
  return `${mode === "clustered" ? "Clu" : "Pvt"}${readOnly ? ", read-only" : ""}`;
}

/** The one name of a directory; as it was written when it has none. */
function nameOf(directory: string, devices: DeviceMap): string {
  try {
    return expandDirectory(directory, devices).name;
  } catch {
    return directory;
  }
}
