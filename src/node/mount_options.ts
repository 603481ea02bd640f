/** Options of a mount, checked at the door. */
import { WAIT_OPTIONS, type WaitOptions } from "../global/patience.ts";
import { checkOptions, checkType, type OptionNames } from "../ground/options.ts";

/** How a database is mounted. */
export type MountMode = "private" | "clustered";

/** Options of `mount`. */
export interface MountOptions extends WaitOptions {
  /**
   * `"private"` (default): this node alone. `"clustered"`: together with all nodes of the cluster that mount
   * it so; the first such mount makes this node a member. One volume is never both.
   */
  readonly mode?: MountMode;
  /** Refuses writes; the volume is not changed, and others may read it too. */
  readonly readOnly?: boolean;
  /** Makes the database when it is missing; `"new"` insists that it was missing (`EXISTS`). */
  readonly create?: boolean | "new";
  /** Block size of a database that is created; the node's by default. */
  readonly blockSize?: number;
  /** Blocks a space map covers in a database that is created; 1024 by default. */
  readonly extentBlocks?: number;
  /**
   * A person's word that the unreachable or unproven holder is gone; logged. The nonce that `FOREIGN_OWNER`
   * names: that holder and no other; `true`: whoever it is.
   */
  readonly confirmGone?: string | boolean;
}

/** Their names. */
export const MOUNT_OPTIONS: OptionNames<MountOptions> = {
  ...WAIT_OPTIONS,
  mode: true,
  readOnly: true,
  create: true,
  blockSize: true,
  extentBlocks: true,
  confirmGone: true,
};

/** Throws `TypeError` or `RangeError` naming a wrong option. */
export function checkMountOptions(options: MountOptions): void {
  checkOptions(options, MOUNT_OPTIONS);
  const { mode = "private", create = false, readOnly = false, confirmGone = false } = options;
  if (mode !== "private" && mode !== "clustered") {
    throw new RangeError(`mode is "private" or "clustered", got ${JSON.stringify(mode)}`);
  }
  if (mode === "clustered" && readOnly) {
    throw new TypeError("A clustered mount reads and writes; mount privately to read only");
  }
  if (typeof create !== "boolean" && create !== "new") {
    throw new TypeError(`create is true, false or "new", got ${JSON.stringify(create)}`);
  }
  checkType("readOnly", readOnly, "boolean");
  if (readOnly && create !== false) {
    throw new TypeError("Could not create a database that is mounted read-only");
  }
  if (typeof confirmGone !== "boolean" && typeof confirmGone !== "string") {
    throw new TypeError(`confirmGone is a nonce, true or false, got ${JSON.stringify(confirmGone)}`);
  }
  for (const name of ["blockSize", "extentBlocks"] as const) {
    const value = options[name];
    if (value !== undefined && !Number.isSafeInteger(value)) {
      throw new RangeError(`${name} is a whole number, got ${value}`);
    }
  }
}
