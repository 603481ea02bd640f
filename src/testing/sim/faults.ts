/**
 * Faults: the atlas of what a hostile world may do, and the plan that says what this seed's world will do.
 *
 * Each kind states which promises it voids. A checker that met only kinds that void nothing demands
 * everything; after a betrayal by the drive it demands what one copy of the data can still give: no wrong
 * structure served in silence.
 */
import type { FileClass } from "./disk.ts";
import type { Prng } from "./prng.ts";

/**
 * A promise a fault may void: that acknowledged effects last, that reads are current, that operations
 * succeed.
 */
export type Promised = "durability" | "freshness" | "availability";

/** What the atlas says of a fault. */
export interface FaultNote {
  /** The port calls it strikes. */
  readonly calls: readonly PortCall[];
  /** Promises that no longer hold once it has struck. */
  readonly voids: readonly Promised[];
  /** What must happen all the same. */
  readonly expected: string;
}

/** Port calls by the part they play. */
export type PortCall = "open" | "read" | "write" | "sync" | "grow" | "register" | "list" | "remove" | "rest";

/** A kind of fault. */
export type FaultKind =
  | "stall"
  | "read_error"
  | "short_read"
  | "write_error"
  | "disk_full"
  | "register_error"
  | "sync_error_keep"
  | "sync_error_drop"
  | "sync_lie"
  | "lost_write"
  | "misdirected_write"
  | "stale_read"
  | "bit_rot";

/** Every kind of fault, with what it strikes, voids and may do. */
export const FAULT_ATLAS: Readonly<Record<FaultKind, FaultNote>> = {
  stall: {
    calls: ["read", "write", "grow", "sync", "register"],
    voids: [],
    expected: "the answer is late by 1 to 60 s; nothing is lost, other work goes on",
  },
  read_error: {
    calls: ["read"],
    voids: [],
    expected: "EIO: the operation fails with a code, or is tried again; nothing is changed",
  },
  short_read: {
    calls: ["read"],
    voids: [],
    expected: "fewer bytes than there are: read on, or an error; never taken for the end of the file",
  },
  write_error: {
    calls: ["write", "grow"],
    voids: [],
    expected: "EIO, a part may be written: writes freeze, thaw when a write succeeds; nothing is lost",
  },
  disk_full: {
    calls: ["grow", "register"],
    voids: [],
    expected: "ENOSPC for a while: FULL or a freeze; resumes when there is space; nothing is lost",
  },
  register_error: {
    calls: ["register"],
    voids: [],
    expected: "EIO, the register may or may not be there: whoever reads it back knows",
  },
  sync_error_keep: {
    calls: ["sync"],
    voids: [],
    expected: "the member stops and comes back through recovery; nothing acknowledged is lost",
  },
  sync_error_drop: {
    calls: ["sync"],
    voids: [],
    expected: "as before, though the kernel shows dropped data as clean: recovery may not trust the cache",
  },
  sync_lie: {
    calls: ["sync"],
    voids: ["durability", "availability"],
    expected: "after a power cut: an older consistent state, or loud; never wrong structure",
  },
  lost_write: {
    calls: ["write", "grow"],
    voids: ["durability", "freshness", "availability"],
    expected:
      "an older value of the key, or loud; never a value of another key, never wrong structure unnoticed",
  },
  misdirected_write: {
    calls: ["write", "grow"],
    voids: ["durability", "freshness", "availability"],
    expected: "the block hit is detected by its address; the one missed as for a lost write",
  },
  stale_read: {
    calls: ["read"],
    voids: ["durability", "freshness", "availability"],
    expected: "an older value of the key, or loud",
  },
  bit_rot: {
    calls: ["rest"],
    voids: ["availability"],
    expected: "always detected, or healed from a copy; never a wrong value",
  },
};

/** Kinds that void nothing: a full run draws them freely. */
export const HONEST_FAULTS: readonly FaultKind[] = kindsThat((note) => note.voids.length === 0);

/** Kinds by which a drive betrays: a run draws them only for a last phase with weaker demands. */
export const BETRAYALS: readonly FaultKind[] = kindsThat((note) => note.voids.length > 0);

function kindsThat(test: (note: FaultNote) => boolean): FaultKind[] {
  return (Object.keys(FAULT_ATLAS) as FaultKind[]).filter((kind) => test(FAULT_ATLAS[kind]));
}

/** One line of a plan: a kind of fault, where and how often. */
export interface FaultRule {
  readonly kind: FaultKind;
  /** Files it strikes. */
  readonly use: FileClass | "any";
  /** Times it strikes in 10,000 calls. */
  readonly per10000: number;
  /** Times it strikes at most. */
  readonly most: number;
}

/** A fault that struck. */
export interface FaultHit {
  readonly kind: FaultKind;
  readonly path: string;
  readonly timeUs: number;
}

/** What this world will do, and what it has done. */
export class FaultPlan {
  readonly #rules: readonly FaultRule[];
  readonly #left: number[];
  readonly #chance: Prng;
  readonly hits: FaultHit[] = [];
  /** False while the world is healed: no fault is drawn. */
  active = true;

  constructor(chance: Prng, rules: readonly FaultRule[]) {
    this.#chance = chance;
    this.#rules = rules;
    this.#left = rules.map((rule) => rule.most);
  }

  /** The rules drawn for this seed. */
  get rules(): readonly FaultRule[] {
    return this.#rules;
  }

  /** Draws what strikes this call, if anything does. */
  draw(call: PortCall, use: FileClass): FaultKind | undefined {
    if (!this.active) return undefined;
    for (let i = 0; i < this.#rules.length; i++) {
      const rule = this.#rules[i] as FaultRule;
      if ((this.#left[i] as number) <= 0 || (rule.use !== "any" && rule.use !== use)) continue;
      if (!FAULT_ATLAS[rule.kind].calls.includes(call)) continue;
      if (!this.#chance.chance(rule.per10000, 10_000)) continue;
      this.#left[i] = (this.#left[i] as number) - 1;
      return rule.kind;
    }
    return undefined;
  }

  /** Records that a fault struck. */
  struck(kind: FaultKind, path: string, timeUs: number): void {
    this.hits.push({ kind, path, timeUs });
  }

  /** How often each kind struck. */
  counts(): Map<FaultKind, number> {
    const counts = new Map<FaultKind, number>();
    for (const hit of this.hits) counts.set(hit.kind, (counts.get(hit.kind) ?? 0) + 1);
    return counts;
  }

  /** True when no kind that voids this promise has struck. */
  holds(promise: Promised): boolean {
    return !this.hits.some((hit) => FAULT_ATLAS[hit.kind].voids.includes(promise));
  }
}

/** Draws the rules of a seed from the kinds given: swarm style, each kind is often left out altogether. */
export function drawRules(chance: Prng, kinds: readonly FaultKind[], atLeast: number): FaultRule[] {
  const rules: FaultRule[] = [];
  const order = chance.shuffle([...kinds]);
  order.forEach((kind, i) => {
    if (i >= atLeast && chance.chance(1, 2)) return;
    const rare = FAULT_ATLAS[kind].calls.every((call) => call === "sync" || call === "register");
    rules.push({
      kind,
      use: chance.chance(2, 3) ? "any" : chance.pick(["volume", "journal", "image"] as const),
      per10000: rare ? chance.between(5, 80) : chance.between(3, 100),
      most: chance.between(1, kind === "stall" || rare ? 4 : 8),
    });
  });
  return rules;
}
