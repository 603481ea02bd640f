/**
 * Look first: what would refuse a mount is told before the node makes its journal. A program that somebody
 * starts again and again while another holds its database, or while that is missing, would leave a journal
 * behind each time that it ends without closing its node.
 */
import { isCode } from "../ground/errors.ts";
import { lookAtClaim } from "../storage/claim_look.ts";
import { exists } from "./mounting.ts";
import type { MountOptions } from "./mount_options.ts";
import type { Settings, World } from "./options.ts";
import { openVolumeFile } from "./volume_file.ts";

/** Rejects as the mount of `directory` by a node of this incarnation would; changes nothing. */
export async function lookFirst(
  directory: string,
  options: MountOptions,
  incarnation: string,
  settings: Settings,
  world: World,
): Promise<void> {
  const { create = false, readOnly = false, confirmGone = false, signal } = options;
  try {
    await (await openVolumeFile(directory, "read", settings, world)).file.close();
  } catch (error) {
    if (create !== false && isCode(error, "NOT_FOUND")) return;
    throw error;
  }
  if (create === "new") throw exists(directory);
  const { storage, clock, observer } = world;
  const { leaseMs } = settings;
  const context = { storage, clock, observer, directory, nonce: incarnation, leaseMs, signal, confirmGone };
  await lookAtClaim(context, readOnly ? "read" : "private");
}
