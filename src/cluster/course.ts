/** Course: what a member does about the others, by all it knows of them (DESIGN D7). Pure. */
import type { View } from "../ground/view.ts";
import { bestClique } from "./clique.ts";
import type { SlotRecord } from "./slot_record.ts";

/** What a member knows. */
export interface Situation {
  readonly view: View;
  readonly self: string;
  /** Proven dead. */
  readonly gone: ReadonlySet<string>;
  /** Heard over the network. */
  readonly heard: ReadonlySet<string>;
  /** Slots of those that go on writing them. */
  readonly slots: ReadonlyMap<string, SlotRecord>;
  /** Who is waited for: newcomers that may come to write a slot; all, where silence evicts nobody. */
  readonly awaited: ReadonlySet<string>;
}

/** What follows. */
export type Course =
  | { readonly kind: "go on" }
  /** Others go on without this member, or nobody does. */
  | { readonly kind: "stand back"; readonly why: string }
  /** The others are to be evicted; `rank` is this member's place among those that may create that view. */
  | { readonly kind: "evict"; readonly kept: ReadonlySet<string>; readonly rank: number };

/** The course by a situation. */
export function courseOf({ view, self, gone, heard, slots, awaited }: Situation): Course {
  const reach = new Map<string, ReadonlySet<string>>();
  const everybody = new Set(view.members.map((it) => it.incarnation));
  for (const { incarnation } of view.members) {
    if (gone.has(incarnation)) continue;
    const slot = slots.get(incarnation);
    if (incarnation === self) reach.set(self, heard);
    // Who has not come to this view yet cannot say whom of it it hears.
    else if (slot !== undefined) {
      reach.set(incarnation, slot.view === view.number ? new Set(slot.hears) : everybody);
    } else if (awaited.has(incarnation)) reach.set(incarnation, everybody);
  }
  const kept = bestClique(view, reach);
  if (kept.length === view.members.length) return { kind: "go on" };
  const rank = kept.indexOf(self);
  if (rank >= 0) return { kind: "evict", kept: new Set(kept), rank };
  const names = view.members.filter((it) => kept.includes(it.incarnation)).map((it) => it.name).join(", ");
  return { kind: "stand back", why: `${names} reach each other, and this member not all of them` };
}

/**
 * Milliseconds for which a course of eviction must hold before it is taken. Death that is proven needs no
 * second look, rows of a partition settle first; and those who come later in rank leave it to those before
 * them.
 */
export function patienceOf(
  { kept, rank }: Extract<Course, { readonly kind: "evict" }>,
  { view, gone }: Situation,
  settleMs: number,
): number {
  const isProven = view.members.every((it) => kept.has(it.incarnation) || gone.has(it.incarnation));
  return (isProven ? 0 : settleMs) + rank * settleMs;
}
