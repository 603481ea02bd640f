/** A file system of one mebibyte in memory, where one may be mounted. */
import { spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import process from "node:process";

/**
 * Runs a play on a small disk; false when none may be mounted here (an error where services are required).
 */
export async function onSmallDisk(play: (directory: string) => Promise<void>): Promise<boolean> {
  const directory = mkdtempSync(`${tmpdir()}/cohort-small-`);
  const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", directory]).status === 0;
  try {
    if (mounted) await play(directory);
    else if (process.env.COHORT_REQUIRE_SERVICES === "1") {
      throw new Error("a tmpfs is required here and could not be mounted");
    }
    return mounted;
  } finally {
    if (mounted) spawnSync("umount", ["-l", directory]);
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Takes all the space that is left. */
export function takeAll(directory: string): void {
  const file = openSync(`${directory}/ballast`, "a");
  try {
    for (const bytes of [new Uint8Array(4096), new Uint8Array(1)]) {
      for (;;) writeSync(file, bytes);
    }
  } catch (error) {
    if ((error as { code?: string }).code !== "ENOSPC") throw error;
  } finally {
    closeSync(file);
  }
}

/** Makes the disk twice as large. */
export function enlarge(directory: string): void {
  const { status, stderr } = spawnSync("mount", ["-o", "remount,size=2m", directory], { encoding: "utf8" });
  if (status !== 0) throw new Error(`The small disk could not be made larger: ${stderr}`);
}

/** Gives it back. */
export function giveBack(directory: string): void {
  rmSync(`${directory}/ballast`, { force: true });
}
