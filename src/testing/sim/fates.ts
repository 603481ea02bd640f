/**
 * Fates: what becomes of a change that was written but not synced when the power goes.
 *
 * The kernel and the drive may have put home any part of it: all, none, some of its 512-byte sectors, its
 * first bytes up to any byte, or only the new size of the file. Older content outside the bytes that were
 * written is never harmed: drives keep that promise ("powersafe overwrite"), and no engine that appends to a
 * sector can live without it.
 */
import type { PagedBytes } from "./pages.ts";
import { Prng } from "./prng.ts";

/** Bytes a drive writes as one. */
export const SECTOR_BYTES = 512;

/** A change of a file that stands in the page cache and not yet promised to be durable. */
export interface Change {
  readonly kind: "write" | "resize";
  /** Where the bytes go; for a resize the new size. */
  readonly position: number;
  /** What was written; never changed afterwards. Empty for a resize. */
  readonly bytes: Uint8Array;
  /** Zeros that lengthen a file: no file system shows anything else where they did not come to the drive. */
  readonly isFill?: boolean;
  /** Whether the caller was told that it is written, or somebody has read it: syncs cover it from then on. */
  answered: boolean;
  /** A drive that will not do as it says: set when the write was made, felt when it is synced. */
  readonly betrayal?: "lost" | { readonly position: number } | undefined;
  /** A sync that lied has promised it. */
  promised: boolean;
}

/** What becomes of one change. `mask` and `cut` are read by the torn kinds. */
export interface Fate {
  readonly kind: "whole" | "dropped" | "size" | "sectors" | "bytes" | "garbage";
  /** Seed of which sectors survive, or of the garbage. */
  readonly mask: number;
  /** Bytes that survive of a write torn at byte level. */
  readonly cut: number;
}

/** The change survives. */
export const WHOLE: Fate = { kind: "whole", mask: 0, cut: 0 };
/** The change leaves nothing. */
export const DROPPED: Fate = { kind: "dropped", mask: 0, cut: 0 };

/** How a power cut treats what is not synced. */
export const CUT_STYLES = ["none", "all", "prefix", "random", "one_lost", "one_kept", "torn"] as const;

/** One of the ways. */
export type CutStyle = (typeof CUT_STYLES)[number];

/** Applies what is left of a change to a durable image. */
export function applyFate(image: PagedBytes, change: Change, fate: Fate): void {
  if (fate.kind === "dropped") return;
  // Files never shrink through the port; a resize that lands late must not cut what came after it.
  if (change.kind === "resize") return extend(image, change.position);
  const { position, bytes } = change;
  switch (fate.kind) {
    case "whole":
      return image.write(position, bytes);
    case "size":
      return extend(image, position + bytes.length);
    case "bytes":
      extend(image, position + bytes.length);
      return image.write(position, bytes.slice(0, fate.cut));
    case "garbage":
      if (change.isFill === true) return extend(image, position + bytes.length);
      return image.write(position, new Prng(fate.mask, "garbage").fill(new Uint8Array(bytes.length)));
    case "sectors":
      extend(image, position + bytes.length);
      return applySectors(image, change, fate.mask);
  }
}

function applySectors(image: PagedBytes, change: Change, mask: number): void {
  const chance = new Prng(mask, "sectors");
  const end = change.position + change.bytes.length;
  for (let at = change.position; at < end;) {
    const next = Math.min(end, at - (at % SECTOR_BYTES) + SECTOR_BYTES);
    if (chance.chance(1, 2)) {
      image.write(at, change.bytes.slice(at - change.position, next - change.position));
    }
    at = next;
  }
}

function extend(image: PagedBytes, size: number): void {
  if (image.size < size) image.resize(size);
}

/** Draws a fate for each of a file's unsynced changes, in one style. */
export function drawFates(chance: Prng, changes: readonly Change[], style: CutStyle): Fate[] {
  const count = changes.length;
  const chosen = chance.below(Math.max(1, count));
  return changes.map((change, i): Fate => {
    switch (style) {
      case "none":
        return DROPPED;
      case "all":
        return WHOLE;
      case "prefix":
        return i < chosen ? WHOLE : i === chosen ? drawTear(chance, change) : DROPPED;
      case "one_lost":
        return i === chosen ? DROPPED : WHOLE;
      case "one_kept":
        return i === chosen ? WHOLE : DROPPED;
      case "torn":
        return drawTear(chance, change);
      case "random":
        return chance.chance(1, 2) ? WHOLE : chance.chance(1, 2) ? DROPPED : drawTear(chance, change);
    }
  });
}

/** Draws one of the torn fates. */
export function drawTear(chance: Prng, change: Change): Fate {
  const kind = chance.pick(["sectors", "sectors", "bytes", "bytes", "size", "garbage"] as const);
  return { kind, mask: chance.next32(), cut: chance.below(change.bytes.length + 1) };
}

/**
 * Every combination of kept and dropped for `count` changes while there are at most `bound` of them; beyond
 * that all, none, each prefix, each alone, each one missing, then drawn ones up to the bound.
 */
export function enumerateSubsets(count: number, bound: number, chance: Prng): boolean[][] {
  const subsets: boolean[][] = [];
  if (count < 20 && 2 ** count <= bound) {
    for (let bits = 0; bits < 2 ** count; bits++) {
      subsets.push(Array.from({ length: count }, (_, i) => (bits >>> i) % 2 === 1));
    }
    return subsets;
  }
  const seen = new Set<string>();
  const add = (subset: boolean[]) => {
    const key = subset.map((kept) => (kept ? "1" : "0")).join("");
    if (seen.has(key) || subsets.length >= bound) return;
    seen.add(key);
    subsets.push(subset);
  };
  const each = (rule: (i: number) => boolean) => add(Array.from({ length: count }, (_, i) => rule(i)));
  each(() => false);
  each(() => true);
  for (let at = 0; at < count; at++) each((i) => i !== count - 1 - at);
  for (let at = 1; at < count; at++) each((i) => i < at);
  for (let at = 0; at < count; at++) each((i) => i === at);
  for (let tries = 0; tries < bound * 2 && subsets.length < bound; tries++) each(() => chance.chance(1, 2));
  return subsets;
}
