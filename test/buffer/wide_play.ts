/**
 * Many schedules of databases as a whole: the posts and keepers of some members, with blocks that have no
 * bytes, over channels that keep their order and nothing else: any of them may stand still for any time.
 */
import {
  type HeldBlock,
  holderStep,
  obey,
  renewed,
  returned,
  UNKNOWN,
  unsent,
} from "../../src/buffer/block_holder.ts";
import type { HolderEvent, HolderStep } from "../../src/buffer/block_holder.ts";
import { BlockPost } from "../../src/buffer/block_post.ts";
import type { ReportedBlock } from "../../src/buffer/block_report.ts";
import type { BlockPlace } from "../../src/buffer/block_message.ts";
import { VolumeCounts } from "../../src/buffer/block_counts.ts";
import type { Courier, CourierHandler } from "../../src/ports/mod.ts";
import type { Volume } from "../../src/storage/volume.ts";
import { Prng } from "../../src/testing/sim/prng.ts";

const TAG = 77, SIZE = 16;
/** Blocks in rows of their own, so that they have several keepers. */
const BLOCKS = [3, 4, 5000, 5001, 9000, 20_000];

interface Letter {
  readonly view: number;
  readonly topic: number;
  readonly body: Uint8Array;
}

/** One member: what it has of the blocks, and its post. */
class Player {
  readonly self: string;
  readonly blocks: Map<number, HeldBlock> = new Map<number, HeldBlock>();
  readonly counts: VolumeCounts = new VolumeCounts();
  readonly post: BlockPost;
  isUsing = false;
  isLeaving = false;
  view = 0;
  readonly #world: Play;
  readonly #handlers = new Map<number, CourierHandler>();

  constructor(world: Play, number: number) {
    this.#world = world;
    this.self = String(number).repeat(32);
    const courier: Courier = {
      self: this.self,
      view: 0,
      request: () => Promise.reject(new Error("nothing is requested")),
      tell: (to, topic, body) => void world.letters(this.self, to).push({ view: this.view, topic, body }),
      serve: (topic, handler) => void this.#handlers.set(topic, handler),
    };
    this.post = new BlockPost({
      courier,
      blockSize: SIZE,
      toHolder: (place, event) => this.happens(place.block, event),
      toSender: (place, turn, isBack) => this.#judged(place, turn, isBack),
      toHome: () => {},
      toRecoverer: () => {},
      countsOf: () => this.counts,
      isUsed: () => this.isUsing,
      heldOf: () => [...this.blocks].flatMap(([block, it]) => reportsOf(block, it).filter((it) => it.mode)),
      onResumed: () => {},
      onTrouble: (error) => {
        throw error;
      },
    });
  }

  of(block: number): HeldBlock {
    return this.blocks.get(block) ?? UNKNOWN;
  }

  hear(from: string, { topic, body }: Letter): void {
    this.#handlers.get(topic)!(from, body);
  }

  happens(block: number, event: HolderEvent): void {
    this.carryOut(block, holderStep(this.of(block), event));
    if ((event.kind === "grant" || event.kind === "take") && this.of(block).mode !== "NL") {
      this.carryOut(block, holderStep(this.of(block), { kind: "loaded" }));
    }
  }

  carryOut(block: number, step: HolderStep): void {
    this.blocks.set(block, step.block);
    const held = { block, volume: { facts: { tag: TAG } } as unknown as Volume };
    for (const message of step.messages) this.post.tell(held, message, new Uint8Array(SIZE), 0);
  }

  #judged({ block }: BlockPlace, turn: number, isBack: boolean): void {
    const state = this.of(block);
    if (!state.sent.some((it) => it.turn === turn)) return;
    this.blocks.set(block, isBack ? returned(state, turn) : unsent(state, turn));
    if (isBack) this.post.returned({ tag: TAG, block }, true);
  }

  enter(): void {
    const { view, members } = this.#world;
    this.view = view;
    for (const [block, it] of this.blocks) {
      const now = renewed(it);
      // What there is nothing to remember of is forgotten, its turn, too.
      if (now.mode === "NL" && now.sent.length === 0) this.blocks.delete(block);
      else this.blocks.set(block, now);
    }
    const reports = [...this.blocks].flatMap(([block, it]) => reportsOf(block, it));
    this.post.enter(members, this.isUsing ? [TAG] : [], reports, undefined, { from: 0, safe: 0 });
  }

  /** Something that this member does by itself. */
  act(chance: Prng): void {
    const block = chance.pick(BLOCKS);
    const state = this.of(block);
    const isIdle = state.wants === undefined && state.order === undefined && state.mode !== "NL" &&
      state.isHere;
    const kind = chance.below(12);
    if (state.order !== undefined && state.isHere) this.carryOut(block, obey(state, "direct"));
    else if (kind === 0 && !this.isUsing) {
      this.isUsing = true;
      this.post.wide.use(TAG);
    } else if (kind === 1 && this.isUsing) this.isLeaving = true;
    else if (kind < 6 && this.isUsing && !this.isLeaving) {
      this.happens(block, { kind: "want", mode: chance.pick(["PR", "EX"] as const) });
    } else if (kind < 8 && state.mode === "EX" && state.isHere) this.happens(block, { kind: "changed" });
    else if (kind < 9 && state.isDirty) this.happens(block, { kind: "home" });
    else if (isIdle && !state.isDirty) this.happens(block, { kind: "evict" });
    else if (this.isLeaving) this.leave();
  }

  leave(): void {
    for (const [block, it] of this.blocks) {
      if (it.isDirty && it.order === undefined) this.happens(block, { kind: "home" });
    }
    if (
      [...this.blocks.values()].some((it) => it.mode !== "NL" || it.wants !== undefined || it.sent.length > 0)
    ) {
      return;
    }
    this.isUsing = this.isLeaving = false;
    this.post.wide.unuse(TAG);
  }
}

function reportsOf(block: number, { mode, turn, isDirty, sent }: HeldBlock): ReportedBlock[] {
  const place = { tag: TAG, block };
  const held = mode === "NL" ? [] : [{ ...place, turn, isDirty, mode, sentTo: undefined }];
  return [...held, ...sent.map((it) => ({ ...place, ...it, mode: undefined, sentTo: it.to }))];
}

/** One schedule. */
export class Play {
  readonly players: readonly Player[];
  readonly members: readonly string[];
  readonly #chance: Prng;
  readonly #channels = new Map<string, Letter[]>();
  view = 1;

  constructor(seed: number, count: number) {
    this.#chance = new Prng(seed, "wide play");
    this.players = Array.from({ length: count }, (_, i) => new Player(this, i + 1));
    this.members = this.players.map(({ self }) => self);
    for (const it of this.players) it.enter();
  }

  /** Blocks taken because a member had all. */
  get taken(): number {
    return this.players.reduce((sum, { counts }) => sum + counts.taken, 0);
  }

  letters(from: string, to: string): Letter[] {
    const key = `${from}>${to}`;
    let all = this.#channels.get(key);
    if (all === undefined) this.#channels.set(key, all = []);
    return all;
  }

  /** Delivers what is first in some channel; false when nothing can be. */
  deliver(): boolean {
    const chance = this.#chance;
    for (const key of chance.shuffle([...this.#channels.keys()])) {
      const [from, to] = key.split(">") as [string, string];
      const player = this.players.find(({ self }) => self === to)!;
      const letters = this.#channels.get(key)!;
      while (letters.length > 0 && letters[0]!.view < player.view) letters.shift();
      if (letters.length === 0 || letters[0]!.view > player.view) continue;
      player.hear(from, letters.shift()!);
      return true;
    }
    return false;
  }

  /** Runs so many steps, then until nothing is under way; answers what is wrong. */
  run(steps: number): string | undefined {
    const chance = this.#chance;
    for (let i = 0; i < steps; i++) {
      if (chance.chance(1, 60)) this.view++;
      const behind = this.players.filter((it) => it.view < this.view);
      if (behind.length > 0 && chance.chance(1, 4)) chance.pick(behind).enter();
      else if (chance.chance(1, 2)) this.deliver();
      else chance.pick(this.players).act(chance);
      const wrong = this.wrong();
      if (wrong !== undefined) return wrong;
    }
    for (const it of this.players) if (it.view < this.view) it.enter();
    for (let quiet = 0; quiet < 2;) {
      for (const player of this.players) {
        for (const [block, it] of player.blocks) if (it.order) player.carryOut(block, obey(it, "direct"));
      }
      quiet = this.deliver() ? 0 : quiet + 1;
      const wrong = this.wrong();
      if (wrong !== undefined) return wrong;
    }
    for (const { self, blocks } of this.players) {
      for (const [block, it] of blocks) {
        if (it.wants !== undefined) return `${self[0]} waits for block ${block}`;
      }
    }
    return undefined;
  }

  /** Whether somebody may use what another may change. */
  wrong(): string | undefined {
    for (const block of BLOCKS) {
      const all = this.players.filter((it) => it.of(block).mode !== "NL");
      const writers = all.filter((it) => it.of(block).mode === "EX");
      if (writers.length > 0 && all.length > 1) {
        return `block ${block}: ${all.map((it) => it.self[0] + it.of(block).mode)}`;
      }
    }
    return undefined;
  }
}
