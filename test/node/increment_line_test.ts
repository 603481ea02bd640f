/** One line of increments: asked of one member alone, in one view after another, and repeated by nobody. */
import { assertEquals, assertRejects } from "@std/assert";
import { test } from "#test";
import { CohortError } from "@cohort/db";
import { TakenBlock } from "../../src/buffer/taken_away.ts";
import type { Outcome } from "../../src/global/elsewhere.ts";
import { IncrementLine } from "../../src/node/increment_line.ts";
import type { IncrementMessage } from "../../src/node/increment_message.ts";

type Message = IncrementMessage & { readonly kind: "asked" };

/** The other end, which answers when the test says so. */
class Far {
  readonly asked: Message[] = [];
  readonly answers: Array<(outcomes: readonly Outcome[]) => void> = [];
  readonly refusals: Array<(error: unknown) => void> = [];
  #numbers = 0;
  readonly #later: Array<() => void> = [];
  readonly taken: TakenBlock = new TakenBlock("b");
  readonly line: IncrementLine = new IncrementLine("b", 1, {
    number: () => ++this.#numbers,
    soon: (task) => queueMicrotask(task),
    later: (task) => this.#later.push(task),
    request: (message) =>
      new Promise((answer, refuse) => {
        this.asked.push(message);
        this.answers.push(answer);
        this.refusals.push(refuse);
      }),
  });

  ask(by = 1): Promise<Outcome> {
    return this.line.ask({ tag: 7, name: "X", key: new Uint8Array([1]), by, taken: this.taken });
  }

  /** The view ends: what is under way is refused, and the line enters the next. */
  next(view: number, standing: "member" | "pending" | "gone"): void {
    for (const refuse of this.refusals.splice(0)) refuse(new CohortError("VIEW_CHANGED", "over"));
    this.line.entered(view, standing);
  }

  turn(): void {
    for (const task of this.#later.splice(0)) task();
  }

  get sequences(): number[][] {
    return this.asked.map(({ increments }) => increments.map((it) => it.sequence));
  }
}

const settled = async (): Promise<void> => {
  for (let i = 0; i < 20; i++) await null;
};
const done = (value: number): Outcome => ({ kind: "done", value });
const REFUSED: Outcome = { kind: "refused", holder: undefined };

test("increment line: those of one turn go in one message, and each has its own outcome", async () => {
  const far = new Far();
  const all = [far.ask(), far.ask(2), far.ask()];
  await settled();
  assertEquals(far.sequences, [[1, 2, 3]]);
  assertEquals(far.asked[0]!.increments.map((it) => it.by), [1, 2, 1]);
  far.answers[0]!([done(4), REFUSED, done(5)]);
  assertEquals(await Promise.all(all), [done(4), REFUSED, done(5)]);
  assertEquals([far.line.size, far.line.untold], [0, 3]);
  const next = far.ask();
  await settled();
  assertEquals([far.sequences[1], far.asked[1]!.settled, far.line.untold], [[4], 3, undefined]);
  far.answers[1]!([done(6)]);
  await next;
});

test("increment line: what a view left open is asked again in the next, under its number", async () => {
  const far = new Far();
  const all = [far.ask(), far.ask()];
  await settled();
  far.next(2, "member");
  const third = far.ask();
  await settled();
  assertEquals(far.sequences, [[1, 2], [1, 2, 3]]);
  far.answers[1]!([done(7), done(8), done(9)]);
  assertEquals(await Promise.all([...all, third]), [done(7), done(8), done(9)]);
});

test("increment line: an answer of a view that is over counts only if it was not asked again", async () => {
  const far = new Far();
  const first = far.ask();
  await settled();
  far.line.entered(2, "member");
  await settled();
  // Refused in view 1, done in view 2.
  far.answers[0]!([REFUSED]);
  await settled();
  assertEquals(far.line.size, 1);
  far.answers[1]!([done(3)]);
  assertEquals(await first, done(3));
});

test("increment line: once the other is lost it waits for what recovery finds, no more", async () => {
  const far = new Far();
  const all = [far.ask(), far.ask()];
  await settled();
  const unsent = far.ask();
  far.next(2, "pending");
  await settled();
  assertEquals(await unsent, REFUSED, "it never went");
  assertEquals([far.sequences, far.line.size, far.line.firstOpen], [[[1, 2]], 2, 1]);
  far.line.entered(3, "pending");
  await settled();
  assertEquals([far.sequences, far.line.size], [[[1, 2]], 2]);
  far.line.published([{ sequence: 2, value: 41 }]);
  assertEquals(await Promise.all(all), [REFUSED, done(41)]);
});

test("increment line: what recovery cannot know, and what a gone one never told, is unknown", async () => {
  const far = new Far();
  const first = far.ask();
  await settled();
  far.next(2, "pending");
  far.line.published(undefined);
  await assertRejects(() => first, CohortError, "Could not learn");
  const other = new Far();
  const second = other.ask();
  await settled();
  other.next(2, "pending");
  other.next(3, "gone");
  await assertRejects(() => second, CohortError, "Could not learn");
});

test("increment line: who left in good order has answered all that it did", async () => {
  const far = new Far();
  const first = far.ask();
  await settled();
  far.next(2, "gone");
  assertEquals(await first, REFUSED);
});

test("increment line: when this member ends what went is unknown, the rest has its cause", async () => {
  const far = new Far();
  const [first, second] = [far.ask(), far.ask()];
  await settled();
  const third = far.ask();
  const closed = new CohortError("CLOSED", "closed");
  far.line.end(closed);
  const codes = (await Promise.allSettled([first, second, third])).map((it) =>
    it.status === "rejected" && it.reason.code
  );
  assertEquals(codes, ["OUTCOME_UNKNOWN", "OUTCOME_UNKNOWN", "CLOSED"]);
});

test("increment line: another failure of a request that went leaves its outcome unknown", async () => {
  const far = new Far();
  const first = far.ask();
  await settled();
  far.refusals[0]!(new CohortError("UNREACHABLE", "no member"));
  assertEquals(await first, REFUSED, "it never left");
  const second = far.ask();
  await settled();
  far.refusals[1]!(new CohortError("STOPPED", "stopped"));
  await assertRejects(() => second, CohortError, "Could not learn");
});

test("increment line: at most 512 in a message and four messages under way", async () => {
  const far = new Far();
  for (let i = 0; i < 3000; i++) void far.ask();
  await settled();
  assertEquals(far.sequences.map((it) => it.length), [512, 512, 512, 512]);
  far.answers[0]!(Array.from({ length: 512 }, (_, i) => done(i)));
  await settled();
  assertEquals(far.sequences.length, 5);
  assertEquals(far.asked[4]!.settled, 512);
});

test("increment line: who asks without a pause takes the block, who rests in between does not", async () => {
  const far = new Far();
  for (let round = 0; round < 20; round++) {
    const one = far.ask();
    await settled();
    far.answers.at(-1)!([done(round)]);
    await one;
    // The loop turns before the next.
    far.turn();
  }
  assertEquals(far.taken.isLeft, true);
  let rounds = 0;
  for (; far.taken.isLeft; rounds++) {
    const one = far.ask();
    await settled();
    far.answers.at(-1)!([done(rounds)]);
    await one;
  }
  assertEquals(rounds, 5, "the first came after a pause");
});
