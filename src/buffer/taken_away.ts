/**
 * Taken away: to whom blocks went that this member had, so that it can ask the one who has a block to do
 * there what would bring the block back here (DESIGN D11). Hints: who is asked in vain says so.
 */

/** Most blocks of which it is remembered. */
const BLOCKS_MAX = 4096;
/** Rounds of asking, one right behind the other, after which who asks rather takes the block. */
const ROUNDS_MAX = 4;

/** A block that was here, and who took it. */
export class TakenBlock {
  readonly by: string;
  /** Rounds, one right behind the other. */
  #rounds = 0;
  #last = 0;

  constructor(by: string) {
    this.by = by;
  }

  /**
   * Whether what is to be done with it is rather asked for there: who had to ask without a pause does much
   * with it, faster here. The other then asks here as often, so that each has it for some time.
   */
  get isLeft(): boolean {
    return this.#rounds < ROUNDS_MAX;
  }

  /** It is asked there for something, in the message of this number, right behind another or not. */
  asked(message: number, isPressing: boolean): void {
    if (this.#last === message) return;
    this.#last = message;
    this.#rounds = isPressing ? this.#rounds + 1 : 0;
  }
}

/** Of one member. */
export class TakenAway {
  /** By volume and block; the one that went last is the last. */
  readonly #by = new Map<number, TakenBlock>();

  /** A block went to a member, which may change it. */
  note(key: number, by: string): void {
    this.#by.delete(key);
    this.#by.set(key, new TakenBlock(by));
    for (const oldest of this.#by.keys()) {
      if (this.#by.size <= BLOCKS_MAX) break;
      this.#by.delete(oldest);
    }
  }

  /** Who took a block, if that is remembered. */
  find(key: number): TakenBlock | undefined {
    return this.#by.get(key);
  }

  /** It is there no more. */
  forget(key: number): void {
    this.#by.delete(key);
  }

  /** Who is in no view any more has nothing. */
  keepOnly(members: readonly string[]): void {
    for (const [key, { by }] of this.#by) if (!members.includes(by)) this.#by.delete(key);
  }
}
