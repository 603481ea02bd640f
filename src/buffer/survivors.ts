/**
 * Survivors: for whoever recovers after a loss, the blocks that some living member answers for (DESIGN D8).
 * Those are what they are there; all others are what the journals of all say.
 */
import type { BlockPlace } from "./block_message.ts";
import type { JournalPart, ReportedBlock } from "./block_report.ts";

/** What the members of one view reported. */
export class Survivors {
  /** By tag of the volume. */
  readonly #answered = new Map<number, Set<number>>();
  /** What of the journal of each member is needed: all that is not answered for lies in it. */
  readonly journals: Map<string, JournalPart> = new Map<string, JournalPart>();
  readonly #expected: Set<string>;
  #go: () => void = () => {};
  /** Resolves when all members have reported. */
  readonly reported: Promise<void>;

  constructor(members: readonly string[]) {
    this.#expected = new Set(members);
    this.reported = new Promise((go) => this.#go = go);
  }

  /**
   * Some of a member's blocks. A copy that is only read, or was sent on, is no reason not to replay: whoever
   * got it may have changed it since, and be lost.
   */
  heard(from: string, reports: readonly ReportedBlock[], isLast: boolean, part: JournalPart): void {
    this.journals.set(from, part);
    for (const { tag, block, mode, isDirty } of reports) {
      if (mode === undefined || (mode !== "EX" && !isDirty)) continue;
      let blocks = this.#answered.get(tag);
      if (blocks === undefined) this.#answered.set(tag, blocks = new Set());
      blocks.add(block);
    }
    if (isLast && this.#expected.delete(from) && this.#expected.size === 0) this.#go();
  }

  /** Whether a living member answers for a block. */
  answersFor({ tag, block }: BlockPlace): boolean {
    return this.#answered.get(tag)?.has(block) === true;
  }
}
