/**
 * Elsewhere: an increment is done by the member that has its leaf, instead of bringing the leaf here (DESIGN
 * D11). What asks and is asked is given by whoever assembles the member; here is when it is asked.
 */
import type { Held } from "../buffer/held_block.ts";
import { unlessAborted } from "../buffer/waiting.ts";
import { MISS } from "../buffer/step.ts";
import type { TakenBlock } from "../buffer/taken_away.ts";
import type { Patience } from "../buffer/engine.ts";
import type { DatabaseCore } from "./database.ts";
import { blockLacking } from "./tree.ts";

/** One increment that another member is asked to do. */
export interface Increment {
  /** Tag of the volume. */
  readonly tag: number;
  readonly name: string;
  readonly key: Uint8Array;
  readonly by: number | bigint;
  /** What is remembered of its leaf. */
  readonly taken: TakenBlock;
}

/**
 * What came of it. Refused is what was certainly not done, and never will be: the member does not have the
 * leaf, or not so that it can be done at once. It may know who has it.
 */
export type Outcome =
  | { readonly kind: "done"; readonly value: number | bigint }
  | { readonly kind: "refused"; readonly holder: string | undefined };

/** Where other members can be asked. */
export interface Elsewhere {
  /** This member. */
  readonly self: string;
  /**
   * Asks who took the leaf: once, whatever happens. Rejects `OUTCOME_UNKNOWN` when it cannot be known whether
   * it was done.
   */
  ask(increment: Increment): Promise<Outcome>;
}

/** Members that are asked for one increment, one after another by what the one before knew. */
const ASKED_MAX = 2;

/** Whether a step is small enough to be sent: what bigints may grow to is not. */
export function isSmall(by: number | bigint): boolean {
  return typeof by === "number" || BigInt.asIntN(64, by) === by;
}

/** The block that an increment lacks first, if another member took it from this one. */
export interface TakenLeaf {
  readonly block: number;
  readonly taken: TakenBlock;
}

/** Where an increment of this node should be asked for; undefined: here. */
export function takenLeaf(
  { engine, volume, elsewhere }: DatabaseCore,
  root: number,
  key: Uint8Array,
  keyLength: number,
): TakenLeaf | undefined {
  if (elsewhere === undefined || engine.coherence === undefined) return undefined;
  const block = blockLacking(engine.light, volume, root, key, keyLength);
  const taken = block === MISS ? undefined : engine.coherence.held.takenOf(volume, block);
  return taken === undefined ? undefined : { block, taken };
}

/** The block that an increment lacks first, while it is on its way here to be changed. */
export function comingLeaf(
  { engine, volume }: DatabaseCore,
  root: number,
  key: Uint8Array,
): Held | undefined {
  const block = blockLacking(engine.light, volume, root, key, key.length);
  const held = block === MISS ? undefined : engine.coherence?.held.find(volume.index, block);
  if (held === undefined) return undefined;
  const { wants, mode, isHere } = held.state;
  // Granted, it comes only if somebody here reads it from its volume.
  return wants === "EX" || (mode === "EX" && !isHere && held.loads > 0) ? held : undefined;
}

/**
 * Has an increment done where its leaf is; undefined when it was not, and is to be done here. The answer
 * leaves as any other does.
 */
export async function incrementElsewhere(
  database: DatabaseCore,
  { block, taken }: TakenLeaf,
  increment: Omit<Increment, "taken">,
  { signal }: Patience,
): Promise<number | bigint | undefined> {
  const { engine, volume } = database;
  const elsewhere = database.elsewhere as Elsewhere;
  const { held } = engine.coherence!;
  let asked: TakenBlock | undefined = taken;
  for (let tries = 0; tries < ASKED_MAX && asked !== undefined && asked.by !== elsewhere.self; tries++) {
    const outcome: Outcome = await unlessAborted(elsewhere.ask({ ...increment, taken: asked }), signal);
    if (outcome.kind === "done") {
      const leave = engine.ackOf(0);
      if (leave !== undefined) await unlessAborted(leave, signal);
      return outcome.value;
    }
    // Another call may have learned more meanwhile.
    if (held.takenOf(volume, block) === asked) held.wentOn(volume, block, outcome.holder);
    asked = held.takenOf(volume, block);
  }
  return undefined;
}
