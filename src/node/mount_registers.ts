/**
 * Mount registers: the names of volumes in an incarnation's directory, for whose sake its journals are looked
 * at once it is dead. A mount makes one, and so does a recovery that writes a volume home from here: each its
 * own, for only a mount has a gate to the volume.
 */
import type { OwnerIdentity, Storage } from "../ports/mod.ts";
import { readJournalEnd } from "../storage/journal_end.ts";
import type { VolumeFacts } from "../storage/volume.ts";

/** What needs a register. */
export type RegisterUse = "mount" | "recovery";

/** The registers of one incarnation. */
export class MountRegisters {
  readonly #storage: Storage;
  readonly #incarnation: string;
  readonly #nonce: string;
  readonly #taken = new Set<string>();
  #last: Promise<unknown> = Promise.resolve();

  /** `incarnation`: its directory. */
  constructor(storage: Storage, incarnation: string) {
    this.#storage = storage;
    this.#incarnation = incarnation;
    this.#nonce = incarnation.slice(incarnation.lastIndexOf("/") + 1);
  }

  /** Names a volume for a use; false where the use has the name already. */
  take(
    use: RegisterUse,
    directory: string,
    { id, incarnation }: Pick<VolumeFacts, "id" | "incarnation">,
  ): Promise<boolean> {
    const path = registerName(this.#incarnation, use, id);
    return this.#inTurn(async (): Promise<boolean> => {
      if (this.#taken.has(path)) return false;
      const owner = await this.#storage.fence.identify(this.#nonce);
      await this.#storage.createRegister(path, encodeMount(directory, incarnation, owner));
      this.#taken.add(path);
      return true;
    });
  }

  /** Ends a use. */
  giveBack(use: RegisterUse, id: string): Promise<void> {
    const path = registerName(this.#incarnation, use, id);
    return this.#inTurn(async () => {
      if (!this.#taken.has(path)) return;
      await this.#storage.remove(path);
      this.#taken.delete(path);
    });
  }

  /** One after the other: of two that cross, one would make what the other takes away. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#last.then(work);
    this.#last = next.catch(() => {});
    return next;
  }
}

/** Names of the registers begin so. */
const PREFIXES: Readonly<Record<RegisterUse, string>> = { mount: "mount.", recovery: "recovery." };

/** Path of the register that names a volume for a use in the directory of an incarnation. */
function registerName(incarnationDirectory: string, use: RegisterUse, volumeId: string): string {
  return `${incarnationDirectory}/${PREFIXES[use]}${volumeId}`;
}

/** For which use a file of an incarnation names a volume; undefined for another file. */
function useOf(name: string): RegisterUse | undefined {
  if (name.startsWith(PREFIXES.mount)) return "mount";
  return name.startsWith(PREFIXES.recovery) ? "recovery" : undefined;
}

/** Whether a file of an incarnation is a register that names a volume. */
export function isMountName(name: string): boolean {
  return useOf(name) !== undefined;
}

/** The register that names a volume in the directory of an incarnation. */
function encodeMount(directory: string, incarnation: string, owner: OwnerIdentity): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ directory, incarnation, owner }));
}

/** What such a register says; undefined for what is no such thing. */
function decodeMount(
  bytes: Uint8Array,
): { readonly directory?: unknown; readonly owner?: unknown } | undefined {
  try {
    return Object(JSON.parse(new TextDecoder().decode(bytes)));
  } catch {
    return undefined;
  }
}

/** A volume that an incarnation may have changed. */
export interface NamedMount {
  readonly volumeId: string;
  readonly use: RegisterUse;
  /** Where it lay when it was mounted. */
  readonly directory: string;
  /** The process of the incarnation; undefined when the register does not tell. */
  readonly owner: OwnerIdentity | undefined;
}

/** The volumes that the registers in the directory of an incarnation name. */
export async function mountsOf(
  world: { readonly storage: Storage },
  incarnationDirectory: string,
): Promise<NamedMount[]> {
  const mounts: NamedMount[] = [];
  for (const name of await world.storage.list(incarnationDirectory)) {
    const use = useOf(name);
    if (use === undefined) continue;
    const bytes = await world.storage.readRegister(`${incarnationDirectory}/${name}`);
    const { directory, owner } = (bytes === undefined ? undefined : decodeMount(bytes)) ?? {};
    if (typeof directory !== "string") continue;
    const volumeId = name.slice(PREFIXES[use].length);
    mounts.push({ volumeId, use, directory, owner: isOwner(owner) ? owner : undefined });
  }
  return mounts;
}

/** Directories to which an incarnation has a gate: what a recovery writes passes that of its journal. */
export async function gatesOf(
  world: { readonly storage: Storage },
  incarnationDirectory: string,
): Promise<string[]> {
  const mounts = await mountsOf(world, incarnationDirectory);
  return mounts.filter((it) => it.use === "mount").map((it) => it.directory);
}

/**
 * Takes away the names by which an incarnation has a volume that lies in `home`. One that names it elsewhere
 * stays: this is a copy, made with its claims, and the original needs them still.
 */
export async function removeNames(
  storage: Storage,
  incarnationDirectory: string,
  volumeId: string,
  home: string,
): Promise<boolean> {
  for (const use of Object.keys(PREFIXES) as RegisterUse[]) {
    const path = registerName(incarnationDirectory, use, volumeId);
    const register = await storage.readRegister(path);
    if (register === undefined) continue;
    if (decodeMount(register)?.directory !== home) return false;
    await storage.remove(path);
  }
  return true;
}

function isOwner(owner: unknown): owner is OwnerIdentity {
  const { host, boot, pid, pidNamespace, startTime, nonce } = Object(owner) as Record<string, unknown>;
  return [host, boot, startTime, nonce].every((it) => typeof it === "string") &&
    [pid, pidNamespace].every((it) => typeof it === "number");
}

/**
 * Whether the author of a journal writes to it no more, though he is no member: a recovery has fixed its end,
 * or his process is gone. A node that has left, or comes again and names what it mounts, lives.
 */
export async function isDead(
  storage: Storage,
  journal: string,
  names: readonly NamedMount[],
): Promise<boolean> {
  if (await readJournalEnd(storage, journal) !== undefined) return true;
  const owner = names.find((it) => it.owner !== undefined)?.owner;
  return owner !== undefined && (await storage.fence.examine(owner)).state === "gone";
}

/** Name of the register that says that an incarnation was lost, is fenced, and had no volume named. */
export const GONE_NAME = "gone";

/**
 * Notes beside the files of an incarnation that it is gone: it was evicted, its writes are over, and no
 * volume is named there. Nothing else tells that once the views that named it are purged, and the directory
 * of one that lives and has nothing mounted looks the same. Does nothing where there is no such directory.
 */
export async function noteGone(storage: Storage, incarnationDirectory: string, view: number): Promise<void> {
  if ((await storage.list(incarnationDirectory)).length === 0) return;
  const bytes = new TextEncoder().encode(`lost in view ${view}`);
  await storage.createRegister(`${incarnationDirectory}/${GONE_NAME}`, bytes);
}

/** Whether that was noted. */
export async function isNotedGone(storage: Storage, incarnationDirectory: string): Promise<boolean> {
  return await storage.readRegister(`${incarnationDirectory}/${GONE_NAME}`) !== undefined;
}
