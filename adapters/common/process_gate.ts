/**
 * Gates of the nodes of this process: what lets one isolate (main thread, Worker, reloaded program) stop the
 * writes of another, or prove that they are over (DESIGN D8).
 *
 * A gate is a page of words in an unlinked file that its owner keeps open. Three things follow from that:
 * - every isolate of the process finds it: the name of the open file, kept by the kernel, holds the nonce;
 * - the words are shared memory where the runtime can map a file: `enter` and `leave` cost no system call,
 *   and another isolate shuts the gate and reads the count also while its owner's loop is blocked;
 * - the descriptor is a witness of the owner's life that the kernel keeps: see `isOver`.
 *
 * What ends with an isolate, measured on Linux (Deno 2.9.6, Bun 1.4.5, Node 20) with Workers terminated in
 * the middle of 16 writes of 1 MiB, and of writes held up by a full pipe:
 * - Deno closes an isolate's descriptors when it is dropped (terminated Worker; `--watch`, which keeps the
 *   thread), but a write in flight holds a descriptor of its own: of 40 Workers 30 went on writing after
 *   `terminate()` had
 *   resolved, none after their last descriptor was closed. The thread proves nothing: 4 of 4 writes to a full
 *   pipe outlived it.
 * - Bun leaves the descriptors of a terminated Worker open for ever, but its thread waits for the writes that
 *   have begun and drops the others: `terminate()` took as long as the pipe stayed full, and of 22 Workers
 *   none wrote after its thread's end. `--hot` keeps thread and globals, `--watch` execs (see `exec` in the
 *   identity).
 * - Node does both: the thread waits, and then closes the descriptors.
 */
import { createHash } from "node:crypto";
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  statSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import process from "node:process";
import { CohortError, invariant } from "../../src/ground/errors.ts";
import type { Gate } from "../../src/ports/fence.ts";
import { parseStat, PROC_DIRECTORY } from "./process_look.ts";
import { MAPPED_BYTES, type MappedWords, mapWords } from "./shared_words.ts";

const MAGIC = 0x43475431;
/** Words of a gate. */
const WORD = { magic: 0, shut: 1, inside: 2, thread: 3, startLow: 4, startHigh: 5 } as const;
const WORDS = 16;
const NAME = "cohort-gate-";
const DESCRIPTORS = `${PROC_DIRECTORY}/self/fd`;

/**
 * One evaluation of this module in an isolate. A reload in place makes another with a higher number; a second
 * copy of the library is another module, and its nodes are neighbours like any others.
 */
interface Generation {
  readonly module: string;
  readonly number: number;
}

/** What an isolate knows of its own gates; kept on `globalThis`, which a reload in place leaves alone. */
interface LocalGate {
  readonly generation: Generation;
  readonly nonce: string;
  /** Shuts for good; releases the gate when nothing is inside. */
  close(): void;
  inFlight(): number;
}

/** Gates of this isolate, by `gateName`. */
interface Registry {
  readonly open: Map<string, LocalGate>;
  /** Those that were closed with nothing inside: over, whatever descriptors their nodes still have. */
  readonly over: Set<string>;
  /** How often each module of this kind was evaluated. */
  readonly generations: Map<string, number>;
}

const REGISTRY = Symbol.for("cohort.gates.1");
/** Most closed gates remembered; without that, their nodes' open descriptors count. */
const OVER_MAX = 1000;
const GENERATION: Generation = nextGeneration(import.meta.url);

function registry(): Registry {
  const holder = globalThis as unknown as { [REGISTRY]?: Registry };
  return holder[REGISTRY] ??= { open: new Map(), over: new Set(), generations: new Map() };
}

function nextGeneration(module: string): Generation {
  const { generations } = registry();
  const number = (generations.get(module) ?? 0) + 1;
  generations.set(module, number);
  return { module, number };
}

/**
 * Whether a gate's program came before this one (negative) or after it (positive) by a reload in place; 0
 * when neither has taken the place of the other.
 */
function reloadOrder({ generation }: LocalGate): number {
  if (!isReloadedInPlace() || generation.module !== GENERATION.module) return 0;
  return generation.number - GENERATION.number;
}

function remember(name: string): void {
  const { over } = registry();
  over.add(name);
  for (const oldest of over) {
    if (over.size <= OVER_MAX) break;
    over.delete(oldest);
  }
}

/**
 * What a nonce is in this very isolate: a `neighbour`, the node of a `successor` that a reload in place has
 * put in the stead of this program, or undefined when it has no gate here.
 */
export function isolateRoleOf(nonce: string): "neighbour" | "successor" | undefined {
  for (const gate of registry().open.values()) {
    if (gate.nonce === nonce) return reloadOrder(gate) > 0 ? "successor" : "neighbour";
  }
  return undefined;
}

/** Name of a gate's file: tells its node and its directory. */
function gateName(directory: string, nonce: string): string {
  return `${NAME}${nonce}-${createHash("sha256").update(directory).digest("hex").slice(0, 16)}`;
}

class ProcessGate implements Gate, LocalGate {
  readonly generation: Generation = GENERATION;
  readonly nonce: string;
  readonly #name: string;
  /** Shared when a mapping is to be had, else this isolate's own. */
  #words: Int32Array = new Int32Array(WORDS);
  #mapping: MappedWords | undefined;
  #file: number | undefined;
  #open = true;
  #inside = 0;

  constructor(directory: string, nonce: string) {
    this.nonce = nonce;
    this.#name = gateName(directory, nonce);
    registry().open.set(this.#name, this);
  }

  enter(): boolean {
    const words = this.#words;
    // In this order: who shuts stores first and counts then, so one of the two sees the other.
    Atomics.add(words, WORD.inside, 1);
    if (!this.#open || Atomics.load(words, WORD.shut) !== 0) {
      Atomics.sub(words, WORD.inside, 1);
      return false;
    }
    this.#inside++;
    return true;
  }

  leave(): void {
    invariant(this.#inside > 0, "A gate is left as often as it was entered");
    this.#inside--;
    Atomics.sub(this.#words, WORD.inside, 1);
    if (!this.#open && this.#inside === 0) this.#release();
  }

  inFlight(): number {
    return this.#inside;
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    Atomics.store(this.#words, WORD.shut, 1);
    if (this.#inside === 0) this.#release();
  }

  /** Makes the gate findable for other isolates; `directory` takes its file if no other place does. */
  share(directory: string): void {
    this.#file = createUnlinked(this.#name, directory);
    const mapping = mapWords(`${DESCRIPTORS}/${this.#file}`);
    const own = ownThread();
    const words = mapping?.words ?? new Int32Array(WORDS);
    words[WORD.thread] = own.thread;
    words[WORD.startLow] = own.start % 2 ** 32;
    words[WORD.startHigh] = Math.floor(own.start / 2 ** 32);
    if (mapping === undefined) {
      // Without magic nobody takes the words for a gate that could be shut; the thread is there to be read.
      writeSync(this.#file, new Uint8Array(words.buffer), 0, WORDS * 4, 0);
      return;
    }
    Atomics.store(words, WORD.magic, MAGIC);
    if (readWords(this.#file)[WORD.magic] !== MAGIC) return mapping.release(); // not one memory after all
    this.#words = words;
    this.#mapping = mapping;
  }

  /** The descriptor goes last: while it is there, others take the gate for open. */
  #release(): void {
    registry().open.delete(this.#name);
    remember(this.#name);
    this.#words = new Int32Array(WORDS);
    this.#mapping?.release();
    this.#mapping = undefined;
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }
}

/** Opens the gate of a node to a directory; `findable` when other isolates can look for it. Errors: `IO`. */
export function openProcessGate(directory: string, nonce: string, findable: boolean): Gate {
  const name = gateName(directory, nonce);
  invariant(!registry().open.has(name), "A gate is opened once");
  registry().over.delete(name);
  const gate = new ProcessGate(directory, nonce);
  try {
    if (findable) gate.share(directory);
  } catch (error) {
    gate.close();
    throw error;
  }
  return gate;
}

/** {@linkcode Fence.isOver} within this process; `findable` as above. */
export function isGateOver(directory: string, nonce: string, findable: boolean): boolean {
  const name = gateName(directory, nonce), local = registry().open.get(name);
  if (registry().over.has(name)) return true;
  if (local !== undefined) {
    // What an earlier program still does is over; what a later one does is none of this program's affair.
    if (reloadOrder(local) >= 0) return false;
    local.close();
    return local.inFlight() === 0;
  }
  if (!findable) return false;
  const file = openGateFile(name);
  // Closed: by its owner when all was over, or with its isolate; then the writes have descriptors of their
  // own.
  if (file === undefined) return !hasWriters(directory);
  try {
    // Deno would have closed it. With Bun and Node the end of the thread is the end of its writes.
    return !("Deno" in globalThis) && isThreadGone(readWords(file));
  } finally {
    closeSync(file);
  }
}

/** {@linkcode Fence.shutGate} within this process; `findable` as above. */
export function shutProcessGate(
  directory: string,
  nonce: string,
  findable: boolean,
): "over" | "busy" | "unknown" {
  const name = gateName(directory, nonce), local = registry().open.get(name);
  if (registry().over.has(name)) return "over";
  if (local !== undefined) {
    local.close();
    return local.inFlight() === 0 ? "over" : "busy";
  }
  if (!findable) return "unknown";
  if (isGateOver(directory, nonce, findable)) return "over";
  const file = openGateFile(name);
  if (file === undefined) return "busy";
  try {
    const mapping = readWords(file)[WORD.magic] === MAGIC ? mapWords(`${DESCRIPTORS}/${file}`) : undefined;
    if (mapping === undefined) return "busy";
    Atomics.store(mapping.words, WORD.shut, 1);
    const inside = Atomics.load(mapping.words, WORD.inside);
    mapping.release();
    return inside === 0 ? "over" : "busy";
  } finally {
    closeSync(file);
  }
}

/**
 * True under `bun --hot`, where a program is evaluated anew in the isolate that its old self still runs in.
 */
function isReloadedInPlace(): boolean {
  return "Bun" in globalThis && process.execArgv.includes("--hot");
}

/** A new file of one page that has no name any more; its descriptor is the only way to it. */
function createUnlinked(name: string, directory: string): number {
  let cause: unknown;
  // Memory first: a mapping of a file on a failing disk can end the process.
  for (const at of ["/dev/shm", tmpdir(), directory]) {
    try {
      if (at === directory) mkdirSync(at, { recursive: true });
      const file = openSync(`${at}/${name}`, "wx+", 0o600);
      try {
        unlinkSync(`${at}/${name}`);
        writeSync(file, new Uint8Array(MAPPED_BYTES), 0, MAPPED_BYTES, 0);
        return file;
      } catch (error) {
        closeSync(file);
        throw error;
      }
    } catch (error) {
      cause = error;
    }
  }
  throw new CohortError("IO", `Open the write gate of a node: no directory takes its file: ${directory}`, {
    operation: "open a gate",
    path: directory,
  }, cause);
}

/** A descriptor of one's own on a gate that this process has open, if it has. */
function openGateFile(name: string): number | undefined {
  for (const file of readdirSync(DESCRIPTORS)) {
    const path = `${DESCRIPTORS}/${file}`;
    if (!leadsTo(path, name)) continue;
    try {
      const own = openSync(path, "r+");
      // Closed meanwhile, the number may lead to another file by now.
      if (leadsTo(`${DESCRIPTORS}/${own}`, name)) return own;
      closeSync(own);
    } catch (error) {
      if ((error as { code?: unknown }).code !== "ENOENT") throw error; // ENOENT: closed in the meantime
    }
  }
  return undefined;
}

function leadsTo(path: string, name: string): boolean {
  try {
    return readlinkSync(path).includes(`/${name}`);
  } catch (error) {
    if ((error as { code?: unknown }).code === "ENOENT") return false; // closed in the meantime
    throw error;
  }
}

/** The words of a gate as its file has them now. */
function readWords(file: number): Int32Array {
  const words = new Int32Array(WORDS);
  readSync(file, new Uint8Array(words.buffer), 0, WORDS * 4, 0);
  return words;
}

function ownThread(): { thread: number; start: number } {
  const path = readlinkSync(`${PROC_DIRECTORY}/thread-self`);
  const stat = parseStat(readFileSync(`${PROC_DIRECTORY}/${path}/stat`, "latin1"));
  return { thread: stat.pid, start: Number(stat.startTime) };
}

function isThreadGone(words: Int32Array): boolean {
  const thread = words[WORD.thread]!;
  if (thread === 0) return false;
  try {
    const stat = parseStat(readFileSync(`${PROC_DIRECTORY}/self/task/${thread}/stat`, "latin1"));
    return Number(stat.startTime) !== (words[WORD.startHigh]! * 2 ** 32 + (words[WORD.startLow]! >>> 0));
  } catch (error) {
    const code = (error as { code?: unknown }).code;
    return code === "ENOENT" || code === "ESRCH";
  }
}

/** Whether this process has a file of this directory open for writing, in whatever isolate. */
function hasWriters(directory: string): boolean {
  const files = new Set<string>();
  for (const name of namesIn(directory)) {
    const id = fileId(`${directory}/${name}`);
    if (id !== undefined) files.add(id);
  }
  return files.size > 0 && readdirSync(DESCRIPTORS).some((file) => {
    try {
      const flags = /^flags:\s*([0-7]+)$/m.exec(
        readFileSync(`${PROC_DIRECTORY}/self/fdinfo/${file}`, "latin1"),
      );
      if (flags === null || (parseInt(flags[1]!, 8) & 3) === 0) return false;
      const id = fileId(`${DESCRIPTORS}/${file}`);
      return id !== undefined && files.has(id);
    } catch {
      return false; // closed in the meantime
    }
  });
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if ((error as { code?: unknown }).code === "ENOENT") return [];
    throw error;
  }
}

/** Device and number of a file, links followed; undefined when it is a directory or gone. */
function fileId(path: string): string | undefined {
  try {
    const stat = statSync(path, { bigint: true });
    return !stat.isDirectory() ? `${stat.dev}:${stat.ino}` : undefined;
  } catch (error) {
    if ((error as { code?: unknown }).code === "ENOENT") return undefined;
    throw error;
  }
}
