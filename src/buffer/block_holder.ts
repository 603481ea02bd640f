/**
 * Holder: one block as a member holds it, wants it or sends it on (DESIGN D6). A pure table: events in,
 * messages out.
 *
 * A member answers for a block that it changed until that is home or another member has it: from the instant
 * at which it sends the block with that duty it never writes it home, and keeps the image until it hears that
 * it arrived. What the keeper said of an earlier turn than the one the block was got by is over.
 */
import type { GrantMode, GrantSource } from "./block_keeper.ts";

/** What a member may do with a block: nothing, read it, change it. */
export type BlockMode = "NL" | GrantMode;

/**
 * How a block goes to whoever asked for it: its holder sends the image, or brings the block home first and
 * sends none.
 */
export type Handover = "direct" | "disk";

/** A block sent on, and not known to have arrived. */
export interface SentBlock {
  readonly to: string;
  readonly turn: number;
  /** Whether the duty to bring it home went with it. */
  readonly isDirty: boolean;
}

/** What the keeper wants done with a block as soon as it may be. */
export interface BlockOrder {
  readonly kind: "demand" | "drop";
  readonly turn: number;
  readonly asker: string;
  readonly mode: GrantMode;
  readonly keeps: "NL" | "PR";
  readonly isFree: boolean;
}

/** One block, as a member knows it. */
export interface HeldBlock {
  readonly mode: BlockMode;
  /** The turn by which it came to this mode. */
  readonly turn: number;
  /** False while its bytes are still to come from the volume. */
  readonly isHere: boolean;
  /** Whether this member answers for it. */
  readonly isDirty: boolean;
  /** What was asked for and not granted. */
  readonly wants: GrantMode | undefined;
  /** An image that is here and may not be used before its grant, and whether the duty came with it. */
  readonly early: { readonly turn: number; readonly isDirty: boolean } | undefined;
  /** A grant of an image that is not here yet. */
  readonly granted: number | undefined;
  readonly order: BlockOrder | undefined;
  readonly sent: readonly SentBlock[];
}

/** A block that a member has nothing to do with. */
export const UNKNOWN: HeldBlock = {
  mode: "NL",
  turn: 0,
  isHere: false,
  isDirty: false,
  wants: undefined,
  early: undefined,
  granted: undefined,
  order: undefined,
  sent: [],
};

/** What happens to a block. */
export type HolderEvent =
  /** Work of this member needs it; nothing is asked for twice. */
  | { readonly kind: "want"; readonly mode: GrantMode }
  | { readonly kind: "grant"; readonly turn: number; readonly mode: GrantMode; readonly source: GrantSource }
  /** This member has the database as a whole since this turn, and takes the block, to change it. */
  | { readonly kind: "take"; readonly turn: number }
  | ({ readonly kind: "order" } & { readonly order: BlockOrder })
  | {
    readonly kind: "image";
    readonly from: string;
    readonly turn: number;
    readonly mode: GrantMode;
    readonly isFree: boolean;
    readonly isDirty: boolean;
  }
  /** What was sent came as what it cannot be: it is sent again. */
  | {
    readonly kind: "spoiled";
    readonly from: string;
    readonly turn: number;
    readonly mode: GrantMode;
    readonly isFree: boolean;
  }
  /** What was sent has arrived. */
  | { readonly kind: "arrived"; readonly from: string; readonly turn: number }
  /** Its bytes have come from the volume. */
  | { readonly kind: "loaded" }
  /** It was changed. */
  | { readonly kind: "changed" }
  /** It is home as it is. */
  | { readonly kind: "home" }
  /** This member needs its frame for something else: a block that is clean and not asked for. */
  | { readonly kind: "evict" }
  /** It was granted, and its bytes will not be brought in from the volume. */
  | { readonly kind: "unload" };

/** What is told, and to whom; no `to` is the keeper. */
export type HolderMessage =
  | { readonly kind: "ask"; readonly mode: GrantMode }
  | { readonly kind: "got"; readonly turn: number }
  | { readonly kind: "dropped"; readonly turn: number }
  | { readonly kind: "unsent"; readonly turn: number }
  | { readonly kind: "give"; readonly turn: number }
  | {
    readonly kind: "image";
    readonly to: string;
    readonly turn: number;
    readonly mode: GrantMode;
    readonly isFree: boolean;
    readonly isDirty: boolean;
  }
  | {
    readonly kind: "spoiled";
    readonly to: string;
    readonly turn: number;
    readonly mode: GrantMode;
    readonly isFree: boolean;
  }
  | { readonly kind: "arrived"; readonly to: string; readonly turn: number };

/** A step: the block as it is then, and what is told. */
export interface HolderStep {
  readonly block: HeldBlock;
  readonly messages: readonly HolderMessage[];
}

/** Whether work that needs this mode may run. */
export function mayUse({ mode, isHere }: HeldBlock, needed: GrantMode): boolean {
  return isHere && (mode === "EX" || mode === needed);
}

/** What follows an event. Throws `RangeError` for one that cannot happen. */
export function holderStep(block: HeldBlock, event: HolderEvent): HolderStep {
  switch (event.kind) {
    case "want":
      return wanted(block, event.mode);
    case "grant":
      return granted(block, event);
    case "take":
      return taking(block, event.turn);
    case "order":
      return ordered(block, event.order);
    case "image":
      return imaged(block, event);
    case "spoiled":
      return { block, messages: [sentAgain(block, event)] };
    case "arrived":
      return still({
        ...block,
        sent: block.sent.filter((it) => it.to !== event.from || it.turn !== event.turn),
      });
    case "loaded":
      return still({ ...block, isHere: true });
    case "changed":
      if (!mayUse(block, "EX")) throw new RangeError(`A block is changed in mode ${block.mode}`);
      return still({ ...block, isDirty: true });
    case "home":
      return still({ ...block, isDirty: false });
    case "evict":
      return evicted(block);
    case "unload":
      return unloaded(block);
  }
}

function still(block: HeldBlock): HolderStep {
  return { block, messages: [] };
}

function wanted(block: HeldBlock, mode: GrantMode): HolderStep {
  const has = block.mode === "EX" || block.mode === mode;
  if (has || block.wants !== undefined) return still(block);
  return { block: { ...block, wants: mode }, messages: [{ kind: "ask", mode }] };
}

function granted(
  block: HeldBlock,
  { turn, mode, source }: { readonly turn: number; readonly mode: GrantMode; readonly source: GrantSource },
): HolderStep {
  // The image of this turn came first, and may have been given up since.
  if (turn <= block.turn) return still(block);
  if (source === "image") {
    const { early } = block;
    if (early?.turn !== turn) return still({ ...block, granted: turn });
    return taken(block, turn, mode, early.isDirty);
  }
  // Held may have been lost on the way: a volume that nobody answers for has the block as well.
  const isHere = source === "held" && block.mode !== "NL" && block.isHere;
  return still({ ...block, mode, turn, isHere, wants: undefined, early: undefined, granted: undefined });
}

/** It may have been taken, and given up, by the same turn before. Nobody answers for it but this member. */
function taking(block: HeldBlock, turn: number): HolderStep {
  const isHere = block.mode !== "NL" && block.isHere;
  return still({ ...block, mode: "EX", turn: Math.max(turn, block.turn), isHere, wants: undefined });
}

/** An image that may be used: the keeper and the sender hear of it. */
function taken(block: HeldBlock, turn: number, mode: GrantMode, isDirty: boolean): HolderStep {
  return {
    block: {
      ...block,
      mode,
      turn,
      isHere: true,
      isDirty,
      wants: undefined,
      early: undefined,
      granted: undefined,
    },
    messages: [{ kind: "got", turn }],
  };
}

function imaged(
  block: HeldBlock,
  { from, turn, mode, isFree, isDirty }: Extract<HolderEvent, { kind: "image" }>,
): HolderStep {
  const heard: HolderMessage = { kind: "arrived", to: from, turn };
  // Its turn is under way until this member has it: what is not waited for is never taken.
  if (block.wants === undefined || turn <= block.turn) {
    throw new RangeError(`An image of turn ${turn} came that is not waited for`);
  }
  if (!isFree && block.granted !== turn) {
    return { block: { ...block, early: { turn, isDirty } }, messages: [heard] };
  }
  const step = taken(block, turn, mode, isDirty);
  return { block: step.block, messages: [heard, ...step.messages] };
}

/** The image once more. What was sent to share may have been given up since: then it is home. */
function sentAgain(
  { mode: has, isHere, sent }: HeldBlock,
  { from, turn, mode, isFree }: Extract<HolderEvent, { kind: "spoiled" }>,
): HolderMessage {
  const kept = sent.find((it) => it.to === from && it.turn === turn);
  const isLost = kept === undefined && (has === "NL" || !isHere);
  if (isLost) return { kind: "unsent", turn };
  return { kind: "image", to: from, turn, mode, isFree, isDirty: kept?.isDirty === true };
}

function ordered(block: HeldBlock, order: BlockOrder): HolderStep {
  // It was given up before this came, or got again since.
  if (block.mode === "NL" || order.turn < block.turn) return still(block);
  return still({ ...block, order });
}

/**
 * Carries out what the keeper ordered, once the block is here and no work of this member is in it. By way of
 * the disk it must be home: then whoever asked reads it there, and is told so by the keeper.
 */
export function obey(block: HeldBlock, handover: Handover): HolderStep {
  const { order } = block;
  if (order === undefined || !block.isHere) return still(block);
  const { turn, asker, mode, keeps, isFree } = order;
  if (order.kind === "demand" && handover === "disk") return leftAtHome(block, order);
  if (order.kind === "drop") {
    if (block.isDirty) throw new RangeError("A block is dropped by the member that answers for it");
    return { block: forgotten(block), messages: [{ kind: "dropped", turn }] };
  }
  const isDirty = block.isDirty && keeps === "NL";
  const image: HolderMessage = { kind: "image", to: asker, turn, mode, isFree, isDirty };
  if (keeps === "PR") {
    // When it gives the block up, its turn tells the keeper that the image is on its way.
    return { block: { ...block, mode: "PR", turn, order: undefined }, messages: [image] };
  }
  const sent = [...block.sent, { to: asker, turn, isDirty }];
  const messages: HolderMessage[] = isFree ? [image] : [image, { kind: "dropped", turn }];
  return { block: { ...forgotten(block), sent }, messages };
}

/** The keeper hears that no image comes: it grants the block from its volume. */
function leftAtHome(block: HeldBlock, { turn, keeps, isFree }: BlockOrder): HolderStep {
  if (block.isDirty) throw new RangeError("A block is left at home that is not home");
  const unsent: HolderMessage = { kind: "unsent", turn };
  if (keeps === "PR") {
    return { block: { ...block, mode: "PR", turn, order: undefined }, messages: [unsent] };
  }
  return { block: forgotten(block), messages: isFree ? [unsent] : [unsent, { kind: "dropped", turn }] };
}

function forgotten(block: HeldBlock): HeldBlock {
  return { ...block, mode: "NL", isHere: false, isDirty: false, order: undefined };
}

/**
 * The block as a new view finds it: what was asked and ordered in the old one is void. An image that waited
 * for its grant has arrived, and its sender has been told so: whoever got it answers for it, and may read it
 * as those may who had not forgotten the block yet.
 */
export function renewed(block: HeldBlock): HeldBlock {
  const { early } = block;
  const got: Partial<HeldBlock> = early === undefined
    ? {}
    : { mode: "PR", turn: early.turn, isHere: true, isDirty: early.isDirty };
  return { ...block, ...got, wants: undefined, early: undefined, granted: undefined, order: undefined };
}

/** The block once it is this member's again, which had sent it on by this turn: it reads it. */
export function returned(block: HeldBlock, turn: number): HeldBlock {
  return { ...unsent(block, turn), mode: "PR", turn, isHere: true, isDirty: true };
}

/** The block without what was sent on by this turn. */
export function unsent(block: HeldBlock, turn: number): HeldBlock {
  return { ...block, sent: block.sent.filter((it) => it.turn !== turn) };
}

function evicted(block: HeldBlock): HolderStep {
  const isFree = block.mode !== "NL" && block.isHere && !block.isDirty && block.wants === undefined &&
    block.order === undefined;
  if (!isFree) throw new RangeError("A block is given up that is dirty, or wanted");
  return { block: forgotten(block), messages: [{ kind: "give", turn: block.turn }] };
}

function unloaded(block: HeldBlock): HolderStep {
  if (block.mode === "NL" || block.isHere) throw new RangeError("A block is given up unseen that is here");
  return { block: forgotten(block), messages: [{ kind: "give", turn: block.turn }] };
}
