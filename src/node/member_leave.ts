/**
 * Member's leave: answers go as long as this member can be sure to be one (DESIGN D8).
 *
 * Both clocks are looked at for one in eight answers that wait for nothing, and for every other one: they
 * cost a fifth of a read. A process that is stopped between a look and an answer gives it late in any case;
 * and one whose member is evicted is killed before anything of it is granted. A member that cannot be killed,
 * because others live in its process or the storage fences otherwise, looks for every answer.
 */
import type { Leave } from "../buffer/leave.ts";
import { isSameProcess } from "../cluster/fencing.ts";
import type { Membership } from "../cluster/membership.ts";
import { CohortError } from "../ground/errors.ts";
import type { View } from "../ground/view.ts";
import { pause } from "../storage/claim_lease.ts";
import type { Member } from "./member.ts";

/** Answers in a row that one look at the clocks is good for. */
const LOOK_SHARED_BY = 8;
/** Milliseconds between two looks whether answers may leave again. */
const LOOK_MS = 5;

/** Of one member. */
export class MemberLeave implements Leave {
  readonly #membership: Membership;
  readonly #member: Member;
  readonly #isOver: () => boolean;
  /** Answers that may leave by the last look. */
  #credit = 0;
  /** Answers in a row that one look is good for. */
  #sharedBy = 1;

  /** `isOver`: this life has ended, and not by a leave in good order that is under way. */
  constructor(membership: Membership, member: Member, isOver: () => boolean) {
    this.#membership = membership;
    this.#member = member;
    this.#isOver = isOver;
  }

  /** A view is entered. */
  entered({ members }: View): void {
    const { storage } = this.#member.world;
    const own = members.find((it) => it.incarnation === this.#member.incarnation);
    const isAlone = own !== undefined &&
      members.every((it) => it === own || !isSameProcess(it.owner, own.owner));
    this.#credit = 0;
    this.#sharedBy = isAlone && storage.traits.fencing === "kill" ? LOOK_SHARED_BY : 1;
  }

  /** The next answer looks at the clocks. */
  look(): void {
    this.#credit = 0;
  }

  isGiven(): boolean {
    if (this.#credit > 0) {
      this.#credit--;
      return true;
    }
    const { view, state } = this.#membership;
    // It was a member until that view, which it decided itself.
    if (state === "left") return true;
    if (view === undefined || !this.#membership.mayAnswer(view.number)) return false;
    this.#credit = this.#sharedBy - 1;
    return true;
  }

  isGivenNow(): boolean {
    this.#credit = 0;
    return this.isGiven();
  }

  /** A lease that ran out is renewed by a look at the storage, of which nobody is told. */
  async given(): Promise<void> {
    const { engine, world: { clock } } = this.#member;
    while (!this.isGivenNow()) {
      if (engine.stopped !== undefined || this.#isOver()) {
        const text = "Could not learn whether what was done before this member stopped stands";
        throw new CohortError("OUTCOME_UNKNOWN", text, {}, engine.stopped);
      }
      await pause(clock, LOOK_MS);
    }
  }
}
