/**
 * What can be seen of a process: this one (who am I) and others (is it gone), from `/proc` or, off Linux,
 * from `ps`.
 *
 * Deno opens `/proc` only under `--allow-all`, and asks on a terminal when it is not told: so nothing is
 * touched before the permission is known to be granted.
 */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import process from "node:process";

/** Where liveness can be looked up from here. */
export type Sight = "proc" | "ps" | "none";

/** This process as it sees itself. What is not known is empty, or 0 for the pid namespace. */
export interface SelfView {
  /** Where other processes can be looked up. */
  readonly sight: Sight;
  /** Why `sight` is `none`, with the remedy; empty otherwise. */
  readonly blindness: string;
  /** Identity of the host, stable over its restarts. */
  readonly host: string;
  /** Name of the host, for messages. */
  readonly hostName: string;
  /** Identity of this run of the kernel. */
  readonly boot: string;
  /** Inode of the pid namespace. */
  readonly pidNamespace: number;
  /** Number of the process in its namespace. */
  readonly pid: number;
  /** When the process started, as the kernel counts. */
  readonly startTime: string;
  /** Tells one program image of the process from the next (`exec`). */
  readonly exec: string;
}

/** What a look at another process gave. */
export interface ProcessView {
  /** Whether it lives; `unproven` when that could not be seen. */
  readonly state: "gone" | "alive" | "unproven";
  /** What was seen, for messages. */
  readonly reason: string;
  /** True when something of this pid lives and cannot be looked at: it may be another process by now. */
  readonly isHidden?: boolean;
}

/** What tells a process of this pid namespace from all others; `exec` is empty when it is not known. */
export interface ProcessIdentity {
  /** Number of the process. */
  readonly pid: number;
  /** When it started. */
  readonly startTime: string;
  /** Which program it ran. */
  readonly exec?: string;
}

/** The kernel's list of processes. */
export const PROC_DIRECTORY = "/proc";

/** The little of Deno that is needed to know what may be touched without a question to the user. */
interface DenoPermissions {
  readonly permissions: {
    querySync(descriptor: { name: string; path?: string; kind?: string }): { readonly state: string };
  };
}

/** Whether this runtime lets us read, without asking: `read` of a path, or `sys` of a kind. */
export function isGranted(descriptor: { name: string; path?: string; kind?: string }): boolean {
  const deno = (globalThis as unknown as { Deno?: DenoPermissions }).Deno;
  return deno === undefined || deno.permissions.querySync(descriptor).state === "granted";
}

/** Looks at this process. */
export async function lookAtSelf(): Promise<SelfView> {
  const base = { hostName: readHostName(), host: "", boot: "", pidNamespace: 0, startTime: "", exec: "" };
  const known = { ...base, host: readHostId(base.hostName), pid: process.pid };
  if (process.platform !== "linux") return await lookAtSelfByPs(known);
  if (!isGranted({ name: "read", path: PROC_DIRECTORY })) {
    return { ...known, sight: "none", blindness: NEEDS_ALL };
  }
  try {
    return lookAtSelfByProc(known);
  } catch (error) {
    const blindness = isRefusal(error) ? NEEDS_ALL : `/proc cannot be read here (${messageOf(error)})`;
    return { ...known, sight: "none", blindness };
  }
}

const NEEDS_ALL = "Deno opens /proc only with --allow-all; run with -A";

type Known = Omit<SelfView, "sight" | "blindness">;

function lookAtSelfByProc(known: Known): SelfView {
  const stat = parseStat(readFileSync(`${PROC_DIRECTORY}/self/stat`, "latin1"));
  const seen: Known = {
    ...known,
    boot: readFileSync(`${PROC_DIRECTORY}/sys/kernel/random/boot_id`, "latin1").trim(),
    pidNamespace: Number(/\[(\d+)\]/.exec(readlinkSync(`${PROC_DIRECTORY}/self/ns/pid`))?.[1] ?? 0),
    startTime: stat.startTime,
    exec: readExecId(`${PROC_DIRECTORY}/self`),
  };
  // With another namespace's /proc a pid means another process here, with another clock another start time.
  if (stat.pid !== process.pid) {
    return { ...seen, sight: "none", blindness: "/proc here shows another pid namespace; mount this one's" };
  }
  if (hasClockOffset()) {
    return { ...seen, sight: "none", blindness: "this process runs in a time namespace of its own" };
  }
  return { ...seen, sight: "proc", blindness: "" };
}

/** Looks at another process of this pid namespace: is it still the one that started at `startTime`? */
export function lookByProc(pid: number, startTime: string, directory: string = PROC_DIRECTORY): ProcessView {
  const at = `${directory}/${pid}`;
  try {
    const stat = parseStat(readFileSync(`${at}/stat`, "latin1"));
    if (stat.startTime !== startTime) {
      return { state: "gone", reason: `pid ${pid} is another process now` };
    }
    if (stat.state !== "Z" && stat.state !== "X") return { state: "alive", reason: `process ${pid} runs` };
    // A leader may be a zombie while a sibling thread still sits in a write.
    const threads = readdirSync(`${at}/task`).filter((thread) => thread !== String(pid));
    return threads.length === 0
      ? { state: "gone", reason: `process ${pid} is dead and waits for its parent` }
      : { state: "alive", reason: `process ${pid} is ending, ${threads.length} of its threads still run` };
  } catch (error) {
    if (!isAbsence(error)) return { state: "unproven", reason: `${at} cannot be read (${messageOf(error)})` };
    // A /proc mounted with hidepid hides living processes of others; a signal of nothing does not lie.
    return isSignalable(pid)
      ? { state: "alive", reason: `process ${pid} is there, though /proc hides it`, isHidden: true }
      : { state: "gone", reason: `process ${pid} is no more` };
  }
}

/**
 * Looks at another process before it is killed: it must be the very one that was meant, still running the
 * program it ran. Where the kernel does not show its program (another user's process, or a hardened kernel),
 * pid and start time decide.
 */
export function proveByProc(
  { pid, startTime, exec = "" }: ProcessIdentity,
  directory: string = PROC_DIRECTORY,
): ProcessView {
  const seen = lookByProc(pid, startTime, directory);
  if (seen.state !== "alive") return seen;
  if (seen.isHidden === true) {
    return { state: "unproven", reason: `${seen.reason}; it may be another process by now` };
  }
  const now = exec === "" ? "" : readExecId(`${directory}/${pid}`);
  return now === "" || now === exec
    ? seen
    : { state: "gone", reason: `process ${pid} has replaced its program since` };
}

/** Looks at another process by `ps`; untested on the systems that need it. */
export async function lookByPs(pid: number, startTime: string): Promise<ProcessView> {
  const seen = await askPs(pid);
  if (seen === undefined) return { state: "unproven", reason: "ps cannot be run here" };
  if (seen === "absent") return { state: "gone", reason: `process ${pid} is no more` };
  if (seen.startTime !== startTime) return { state: "gone", reason: `pid ${pid} is another process now` };
  return seen.state.startsWith("Z")
    ? { state: "gone", reason: `process ${pid} is dead and waits for its parent` }
    : { state: "alive", reason: `process ${pid} runs` };
}

async function lookAtSelfByPs(known: Known): Promise<SelfView> {
  const seen = isGranted({ name: "run", path: "ps" }) ? await askPs(known.pid) : undefined;
  if (seen === undefined || seen === "absent") {
    return { ...known, sight: "none", blindness: "ps cannot be run here to tell who lives" };
  }
  return { ...known, startTime: seen.startTime, sight: "ps", blindness: "" };
}

/** Start time and state of a process by `ps`; undefined when it cannot be asked. */
function askPs(pid: number): Promise<{ startTime: string; state: string } | "absent" | undefined> {
  const env = { PATH: "/usr/bin:/bin", LC_ALL: "C", TZ: "UTC" };
  return new Promise((resolve) => {
    execFile("ps", ["-o", "lstart=,stat=", "-p", String(pid)], { env }, (error, out) => {
      const seen = /^\s*(\S+ +\S+ +\d+ +[\d:]+ +\d+) +(\S+)\s*$/.exec(out);
      if (seen !== null) resolve({ startTime: seen[1]!.replace(/ +/g, " "), state: seen[2]! });
      else resolve(error?.code === 1 && out.trim() === "" ? "absent" : undefined);
    });
  });
}

/** The fields of a `/proc/<pid>/stat` or a thread's that matter here. */
export function parseStat(text: string): { pid: number; state: string; startTime: string } {
  // The name in parentheses may hold anything, parentheses too; what follows the last one is plain.
  const rest = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const pid = parseInt(text, 10), state = rest[0] ?? "", startTime = rest[19] ?? "";
  if (!(pid > 0) || !/^[A-Za-z]$/.test(state) || !/^\d+$/.test(startTime)) {
    throw new TypeError(`Not the form of a process's stat: ${text.slice(0, 80)}`);
  }
  return { pid, state, startTime };
}

/**
 * Id of the host, stable over boots; a prefix tells machine ids from mere names. Empty when nothing is known.
 */
function readHostId(name: string): string {
  if (isGranted({ name: "read", path: "/etc/machine-id" })) {
    try {
      const id = readFileSync("/etc/machine-id", "latin1").trim();
      if (/^[0-9a-f]{32}$/.test(id)) return `machine:${id}`;
    } catch {
      // Many containers have none.
    }
  }
  return name === "" ? "" : `name:${name}`;
}

function readHostName(): string {
  try {
    return isGranted({ name: "sys", kind: "hostname" }) ? hostname() : "";
  } catch {
    return "";
  }
}

/**
 * Names the program image of a process: the kernel lays it out anew at every exec, and keeps where it put
 * things (the auxiliary vector) as long as the image lives, whatever the program does to its memory. Hashed,
 * because nobody else is to know these addresses. Empty when not readable.
 */
function readExecId(at: string): string {
  try {
    const auxv = readFileSync(`${at}/auxv`);
    return auxv.length === 0 ? "" : createHash("sha256").update(auxv).digest("hex").slice(0, 16);
  } catch {
    // Another user's, or a hardened kernel refuses; it then counts as one image from start to end.
    return "";
  }
}

/** True in a time namespace whose boot time is shifted: start times then differ by who looks. */
function hasClockOffset(): boolean {
  try {
    const offsets = readFileSync(`${PROC_DIRECTORY}/self/timens_offsets`, "latin1");
    return !/^boottime\s+0\s+0\s*$/m.test(offsets);
  } catch {
    return false; // a kernel without time namespaces
  }
}

/** SIGKILL to whoever has this pid. */
export function killByPid(pid: number): "sent" | "denied" | "absent" {
  try {
    process.kill(pid, "SIGKILL");
    return "sent";
  } catch (error) {
    return codeOf(error) === "ESRCH" ? "absent" : "denied";
  }
}

/** True unless the kernel says that there is no such process. */
function isSignalable(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) !== "ESRCH";
  }
}

function isAbsence(error: unknown): boolean {
  const code = codeOf(error);
  return code === "ENOENT" || code === "ESRCH";
}

function isRefusal(error: unknown): boolean {
  return error instanceof Error && error.name === "NotCapable";
}

function codeOf(error: unknown): unknown {
  return error instanceof Error ? (error as { code?: unknown }).code : undefined;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
