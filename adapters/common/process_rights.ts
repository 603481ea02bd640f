/**
 * Rights of this process: as whom it makes files, and for whom. Members of one cluster must have the same, or
 * one could not open what the other made.
 */
import { readFileSync } from "node:fs";
import process from "node:process";
import { isGranted, PROC_DIRECTORY } from "./process_look.ts";

/**
 * User, group and umask, by name, as text; what cannot be told is left out. The umask is read from the
 * kernel: to ask the process for it is to change it for a moment, under the hands of other threads.
 */
export function processRights(): Readonly<Record<string, string>> {
  const rights: Record<string, string> = {};
  const granted = isGranted({ name: "sys", kind: "uid" }) && isGranted({ name: "sys", kind: "gid" });
  const user = granted ? process.geteuid?.() : undefined, group = granted ? process.getegid?.() : undefined;
  if (user !== undefined) rights["user"] = String(user);
  if (group !== undefined) rights["group"] = String(group);
  const umask = umaskByProc();
  if (umask !== undefined) rights["umask"] = umask;
  return rights;
}

function umaskByProc(): string | undefined {
  if (process.platform !== "linux" || !isGranted({ name: "read", path: PROC_DIRECTORY })) return undefined;
  try {
    return /^Umask:\s*([0-7]+)$/m.exec(readFileSync(`${PROC_DIRECTORY}/self/status`, "latin1"))?.[1];
  } catch {
    // A /proc that may not be read; then no member can.
    return undefined;
  }
}
