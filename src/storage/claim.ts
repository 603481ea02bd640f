/**
 * Claim: who owns a volume, as a chain of write-once registers beside it (DESIGN D7, D8, D14).
 *
 * `claim.N` in the volume's directory; the newest number counts. An owner takes the volume by creating the
 * next one: exactly one caller can. Numbers are never used again, so that a process that slept before
 * creating one wins nothing: who wins looks again, and acts only if nothing is newer and the record it has
 * superseded is still the one it read.
 *
 * A record names the incarnation directories that must be recovered before the volume may be changed: those
 * of its predecessors that did not close it. They are passed on from link to link until one owner says
 * `recovered`.
 *
 * Readers do not take part in the chain. Each has a register `reader.<nonce>`, made before it looks at the
 * claims, while a writer makes its claim before it looks at the readers: so one of the two sees the other. A
 * volume that was not closed cleanly is not opened read-only, because recovering it means writing.
 */
import { CohortError, invariant } from "../ground/errors.ts";
import type { Gate } from "../ports/mod.ts";
import {
  type Chain,
  isUnchanged,
  purgeChain,
  readChain,
  readClaim,
  sameBytes,
  type StoredClaim,
} from "./claim_chain.ts";
import { heldByCluster, type HolderContext, holderError, settleHolder } from "./claim_holder.ts";
import { LEASE_MS_DEFAULT, leaseName, LeaseRenewal } from "./claim_lease.ts";
import type { ClaimOptions } from "./claim_options.ts";
import { clearReaders } from "./claim_readers.ts";
import {
  type ClaimMode,
  claimName,
  type ClaimRecord,
  encodeClaim,
  NO_ID,
  PREDECESSORS_MAX,
  readerName,
} from "./claim_record.ts";

/** Claims kept: the newest, and the one it superseded. */
const CLAIMS_KEPT = 2;
/** How often the chain may move under an acquirer before it gives up. */
const ROUNDS_MAX = 100;

/**
 * Takes a volume, at once when its holder is gone. Rejects with `IN_USE` (naming the holder) when it is
 * alive,
 * `FOREIGN_OWNER` (with the remedy) when that cannot be told, `READ_ONLY` when a reader meets a volume that
 * needs recovery, `CORRUPT` or `FORMAT_NEWER` (naming the file) for a claim that cannot be read.
 */
export async function acquireClaim(options: ClaimOptions): Promise<Claim> {
  options.signal?.throwIfAborted();
  const gate = await options.storage.fence.openGate(options.directory, options.owner.nonce);
  const claim = new Claim(options, gate);
  try {
    if (options.mode === "read") await claim.enterAsReader();
    else await claim.enterAsOwner();
    return claim;
  } catch (error) {
    gate.close();
    throw error;
  }
}

/** A volume being held, until it is released, abandoned or lost. Made by {@linkcode acquireClaim}. */
export class Claim {
  /** Directory of the volume. */
  readonly directory: string;
  readonly mode: ClaimMode;
  /** Every write to the volume passes it; shut when the claim is over. */
  readonly gate: Gate;
  readonly #options: ClaimOptions;
  readonly #context: HolderContext;
  readonly #lease: LeaseRenewal;
  #record: ClaimRecord;
  #advancingTo = 0;
  #predecessors: readonly string[] = [];
  #state: "open" | "lost" | "closed" = "open";
  /** Whether a claim of the chain is its own; while it is acquired. */
  #won = false;
  #purging: Promise<void> = Promise.resolve();

  /** @internal */
  constructor(options: ClaimOptions, gate: Gate) {
    const { storage, clock, observer, directory, owner, signal, leaseMs = LEASE_MS_DEFAULT } = options;
    this.directory = directory;
    this.mode = options.mode;
    this.gate = gate;
    this.#options = options;
    this.#context = {
      storage,
      clock,
      observer,
      directory,
      nonce: owner.nonce,
      leaseMs,
      signal,
      confirmGone: options.confirmGone ?? false,
    };
    this.#lease = new LeaseRenewal(clock, leaseMs, () => !this.lost, () => this.check());
    this.#record = {
      number: 0,
      state: "held",
      mode: options.mode,
      cluster: options.cluster ?? "",
      volume: options.volumeId ?? NO_ID,
      incarnation: options.volumeIncarnation ?? NO_ID,
      owner,
      journalDirectory: options.journalDirectory,
      predecessors: [],
      wallMs: clock.wallMs(),
      ceiling: 0,
    };
  }

  /** Number of the claim in its chain, from 1; 0 for a reader. */
  get number(): number {
    return this.#record.number;
  }

  /** No stamp in the volume is above this as far as earlier owners told in their claims. */
  get ceiling(): number {
    return this.#record.ceiling;
  }

  /**
   * Incarnation directories to be recovered before the volume is changed, oldest first; as found when it was
   * taken.
   */
  get predecessors(): readonly string[] {
    return this.#predecessors;
  }

  /** True once a newer claim, or a shut gate, has ended this one. Costs no system call. */
  get lost(): boolean {
    if (this.#state === "open" && !this.#isGateOpen()) {
      this.#lose("its gate was shut by a node that took it over");
    }
    return this.#state === "lost";
  }

  /** Looks at the storage whether the claim still stands; false when it is lost or over. */
  async check(): Promise<boolean> {
    if (this.lost || this.#state !== "open") return false;
    const { storage, owner } = this.#options;
    const { newest, readers } = await readChain(storage, this.directory);
    if (this.#state !== "open") return false;
    if (this.mode === "read") {
      if (!readers.includes(readerName(owner.nonce))) this.#lose("its register was taken away");
    } else if (newest > Math.max(this.number, this.#advancingTo)) {
      this.#lose(`claim ${newest} is newer than its ${this.number}`);
    }
    return this.#state === "open";
  }

  /**
   * Says that nothing of the predecessors is left to be recovered. Rejects with `FENCED` when the claim is
   * lost.
   */
  async recovered(): Promise<void> {
    if (this.#record.predecessors.length === 0) return;
    await this.#advance({ ...this.#record, state: "held", predecessors: [] });
    this.#purge([]);
  }

  /**
   * Gives the volume back; what was not recovered is left to the next owner. Every write to it must be over.
   * Rejects when that cannot be recorded: then the claim stands until its process ends.
   */
  async release(): Promise<void> {
    if (!await this.#end()) return;
    const { storage, owner } = this.#options;
    if (this.mode === "read") await storage.remove(`${this.directory}/${readerName(owner.nonce)}`);
    else await this.#advance({ ...this.#record, state: "free" });
    await storage.remove(`${this.directory}/${leaseName(owner.nonce)}`);
    if (this.mode !== "read") this.#purge([]);
    await this.#purging;
  }

  /** Lets go without giving back: the next owner takes over as from the dead, and recovers. */
  async abandon(): Promise<void> {
    await this.#end();
  }

  /** @internal Takes the chain's next link; what was won and cannot be used is given back. */
  async enterAsOwner(): Promise<void> {
    try {
      for (let round = 0; round < ROUNDS_MAX; round++) {
        if (await this.#tryToOwn()) return;
      }
      throw new CohortError("IN_USE", `Mount ${this.directory}: its claims kept changing hands`, {
        path: this.directory,
      });
    } catch (error) {
      // Else it would be held by a living process that does not use it.
      if (this.#won) await this.release().catch(() => this.#options.onStanding?.());
      throw error;
    }
  }

  async #tryToOwn(): Promise<boolean> {
    const { storage, owner, signal } = this.#options;
    signal?.throwIfAborted();
    const chain = await this.#readChain();
    await clearReaders(this.#context, chain);
    const base = chain.newest === 0 ? undefined : await this.#read(claimName(chain.newest), chain.newest);
    if (chain.newest > 0 && base === undefined) return false; // purged in between
    const predecessors = base === undefined ? [] : await this.#inherit(base.record);
    if (predecessors === undefined) return false;
    const won = await this.#win(chain.newest, base, predecessors);
    if (won === undefined) return false;
    if (base !== undefined && base.record.state !== "free") this.#tellTakeover(base.record);
    await clearReaders(this.#context, won);
    await this.#lease.start(storage, `${this.directory}/${leaseName(owner.nonce)}`);
    signal?.throwIfAborted();
    this.#purge(won.leases.filter((name) => name !== leaseName(owner.nonce)));
    return true;
  }

  /** @internal Registers beside the chain. */
  async enterAsReader(): Promise<void> {
    const { storage, owner } = this.#options;
    await this.#expectFree();
    const path = `${this.directory}/${readerName(owner.nonce)}`;
    if (!await storage.createRegister(path, encodeClaim(this.#record))) {
      throw holderError("IN_USE", this.#context, this.#record, "this node holds it already");
    }
    try {
      await this.#expectFree();
      await this.#lease.start(storage, `${this.directory}/${leaseName(owner.nonce)}`);
      this.#options.signal?.throwIfAborted();
    } catch (error) {
      await this.release().catch(() => {});
      throw error;
    }
  }

  /** What the holder of the newest claim leaves to recover; undefined when the chain has moved. */
  async #inherit(record: ClaimRecord): Promise<readonly string[] | undefined> {
    if (record.state === "free") return record.predecessors;
    const { cluster = "", mode } = this.#options;
    if (record.cluster !== "" && (record.cluster !== cluster || mode !== "clustered")) {
      throw heldByCluster(this.#context, record);
    }
    if (!await settleHolder(this.#context, record)) return undefined;
    const all = new Set([...record.predecessors, record.journalDirectory]);
    all.delete("");
    return [...all];
  }

  #tellTakeover({ number, owner }: ClaimRecord): void {
    const { pid, host, nonce } = owner;
    const facts = { path: this.directory, claim: number, pid, host, nonce };
    this.#options.observer?.event("claim.takeover", "info", facts);
  }

  /** Creates the next claim; answers the chain when it is really the next one, and the newest. */
  async #win(
    newest: number,
    base: StoredClaim | undefined,
    predecessors: readonly string[],
  ): Promise<Chain | undefined> {
    const { storage } = this.#options;
    if (predecessors.length > PREDECESSORS_MAX) {
      const why = `${predecessors.length} owners in a row ended before it was recovered`;
      throw new CohortError("QUARANTINED", `Mount ${this.directory}: ${why}`, { path: this.directory });
    }
    const state = predecessors.length === 0 ? "held" : "recovering";
    const ceiling = base?.record.ceiling ?? 0;
    const record: ClaimRecord = { ...this.#record, number: newest + 1, state, predecessors, ceiling };
    if (!await this.#create(record)) return undefined;
    this.#won = true;
    this.#predecessors = predecessors;
    const chain = await this.#readChain();
    const isNext = chain.newest === record.number && chain.second === newest;
    if (isNext && await isUnchanged(storage, `${this.directory}/${claimName(newest)}`, base?.bytes)) {
      return chain;
    }
    // Somebody was faster, or the chain was begun anew or purged while this process slept.
    this.#won = false;
    if (chain.newest === record.number) {
      await storage.remove(`${this.directory}/${claimName(record.number)}`);
    }
    return undefined;
  }

  /** Creates a register of the chain and takes its record for one's own; false when there is one. */
  async #create(record: ClaimRecord): Promise<boolean> {
    const { storage } = this.#options;
    const path = `${this.directory}/${claimName(record.number)}`;
    const bytes = encodeClaim(record);
    try {
      if (!await storage.createRegister(path, bytes)) return false;
    } catch (error) {
      // It may have come about all the same.
      const found = await this.#read(claimName(record.number), record.number).catch(() => {
        this.#options.onStanding?.();
        return undefined;
      });
      if (!sameBytes(found?.bytes, bytes)) throw error;
      this.#record = record;
      this.#won = true;
      throw error;
    }
    this.#record = record;
    return true;
  }

  /** Throws unless the newest claim is free with nothing left to recover. */
  async #expectFree(): Promise<void> {
    for (let round = 0; round < ROUNDS_MAX; round++) {
      const { newest } = await this.#readChain();
      if (newest === 0) return;
      const found = await this.#read(claimName(newest), newest);
      if (found === undefined) continue;
      const { record } = found;
      if (record.state === "free" && record.predecessors.length === 0) return;
      if (record.state !== "free" && record.cluster !== "") throw heldByCluster(this.#context, record);
      if (record.state !== "free" && !await settleHolder(this.#context, record)) continue;
      const why = "it was not closed cleanly; mount it for writing once, to recover it";
      throw new CohortError("READ_ONLY", `Mount ${this.directory} to read: ${why}`, {
        path: this.directory,
        claim: newest,
      });
    }
  }

  /** Creates the next record of a claim that is held. */
  async #advance(next: ClaimRecord): Promise<void> {
    const number = this.number + 1;
    // The look that goes with the lease may meet this claim before its creation is answered here.
    this.#advancingTo = number;
    const created = this.#state !== "lost" && await this.#create({ ...next, number });
    // A number may have been used and purged while this process slept: only the newest counts.
    if (created && (await this.#readChain()).newest === number) return;
    const reason = `claim ${number} is another node's, or outdated`;
    this.#lose(reason);
    throw this.#lostError(reason);
  }

  /** Removes claims that nobody needs and these leases, in its own time. */
  #purge(leases: readonly string[]): void {
    const { storage, observer } = this.#options;
    const purge = (): Promise<void> =>
      purgeChain(storage, this.directory, this.number - CLAIMS_KEPT, leases, observer);
    this.#purging = this.#purging.then(purge);
  }

  /** Stops everything that is done for the claim; false when it was over before. */
  async #end(): Promise<boolean> {
    const open = this.#state === "open";
    if (open) this.#state = "closed";
    this.gate.close();
    await this.#lease.stop();
    await this.#purging;
    invariant(!open || this.gate.inFlight() === 0, "A claim is let go when its writes are over");
    return open;
  }

  #lose(reason: string): void {
    if (this.#state !== "open") return;
    this.#state = "lost";
    this.gate.close();
    this.#lease.stop().catch(() => {});
    const error = this.#lostError(reason);
    this.#options.observer?.event("claim.lost", "error", {
      path: this.directory,
      claim: this.number,
      reason,
    });
    this.#options.onLost?.(error);
  }

  #lostError(reason: string): CohortError {
    const facts = { path: this.directory, claim: this.number, reason };
    return new CohortError(
      "FENCED",
      `Hold ${this.directory}: claim ${this.number} is lost (${reason})`,
      facts,
    );
  }

  #isGateOpen(): boolean {
    const open = this.gate.enter();
    if (open) this.gate.leave();
    return open;
  }

  #readChain(): Promise<Chain> {
    return readChain(this.#options.storage, this.directory);
  }

  #read(name: string, number: number): Promise<StoredClaim | undefined> {
    return readClaim(this.#options.storage, this.directory, name, number);
  }
}
