/** Options of a mount (types only). */
import type { WaitOptions } from "../global/patience.ts";

/** How a database is mounted. */
export type MountMode = "private";

/** Options of `mount`. */
export interface MountOptions extends WaitOptions {
  /** `"private"` (default): this node alone. */
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
