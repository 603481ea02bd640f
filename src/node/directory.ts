/** Directory: where a program's name for a database leads. */
import { type DeviceMap, expandDirectory } from "../ground/device_map.ts";
import type { CohortError } from "../ground/errors.ts";

/**
 * The path that a directory stands for, not yet in its canonical spelling. TypeError for what names none;
 * throws what `expandDirectory` throws.
 */
export function pathOfDirectory(directory: unknown, devices: DeviceMap): string {
  if (typeof directory !== "string" || directory === "" || directory.includes("\0")) {
    throw new TypeError(`A database is named by its directory, got ${JSON.stringify(directory)}`);
  }
  return expandDirectory(directory, devices).path;
}

/** The error of a program that would mount files with a node in memory. */
export function missingInMemory(path: string, cause: CohortError): TypeError {
  const message = `Could not mount ${path}: this node is in memory only and has no such database; ` +
    "give openNode a dir to mount files, or mount with create";
  return new TypeError(message, { cause });
}
