/** Overlay: against the plainest model of one, and in transactions of many writes. */
import { test } from "#test";
import { assert, assertEquals } from "@std/assert";
import { keyOf } from "../../src/ground/key.ts";
import { afterText, keyText, Overlay, subtreeEndText, type Written } from "../../src/global/overlay.ts";
import { Prng } from "../support/prng.ts";
import { withRig } from "./rig.ts";

/** A key of few levels of few subscripts, so that keys meet. */
function randomKey(prng: Prng): string {
  return keyText(keyOf(Array.from({ length: prng.below(4) }, () => prng.pick([1, 2, "a", "ab", "\0", "b"]))));
}

const order = (a: string, b: string): number => a < b ? -1 : a > b ? 1 : 0;

class Model {
  readonly values = new Map<string, Written>();
  readonly kills: string[] = [];

  kill(low: string): void {
    for (const key of this.values.keys()) if (isWithin(key, low)) this.values.delete(key);
    this.kills.push(low);
  }

  get(key: string): Written | undefined {
    const written = this.values.get(key);
    return written !== undefined ? written : this.kills.some((it) => isWithin(key, it)) ? null : undefined;
  }

  written(): string[] {
    return [...this.values].filter(([, value]) => value !== null).map(([key]) => key).sort(order);
  }
}

function isWithin(key: string, low: string): boolean {
  const high = subtreeEndText(low);
  return key >= low && (high === undefined || key < high);
}

test("Overlay: writes and kills in any order, as the plainest model has them", () => {
  for (let seed = 0; seed < 300; seed++) {
    const prng = new Prng(seed);
    const overlay = new Overlay();
    const model = new Model();
    for (let i = prng.below(60); i > 0; i--) {
      const key = randomKey(prng);
      const draw = prng.below(10);
      if (draw < 6) {
        const value = prng.once(4) ? null : Uint8Array.of(i);
        overlay.put(key, value);
        model.values.set(key, value);
      } else if (draw < 8 && (key !== "" || prng.once(10))) {
        overlay.kill(key);
        model.kill(key);
      } else if (prng.once(2)) compare(overlay, model, key, seed);
    }
    for (let i = 0; i < 20; i++) compare(overlay, model, randomKey(prng), seed);
    for (const [at, { low, high }] of overlay.hidden.entries()) {
      const next = overlay.hidden[at + 1];
      assert(next === undefined || (high !== undefined && high < next.low), "apart and in order");
      assert(high === undefined || low < high);
    }
    const sorted = [...model.values].sort((a, b) => order(a[0], b[0]));
    const removedFirst = [...sorted.filter((it) => it[1] === null), ...sorted.filter((it) => it[1] !== null)];
    assertEquals([...overlay.writes()], removedFirst);
  }
});

function compare(overlay: Overlay, model: Model, key: string, seed: number): void {
  assertEquals(overlay.get(key), model.get(key), String(seed));
  const isHidden = model.kills.some((it) => isWithin(key, it));
  assertEquals(overlay.hiddenAt(key) !== undefined, isHidden, String(seed));
  const written = model.written();
  assertEquals(overlay.nextWritten(key), written.find((it) => it >= key), String(seed));
  assertEquals(overlay.nextWritten(afterText(key)), written.find((it) => it > key), String(seed));
  assertEquals(overlay.previousWritten(key), written.findLast((it) => it < key), String(seed));
  assertEquals(overlay.previousWritten(undefined), written.at(-1), String(seed));
}

test("Overlay: many kills, and writes and looks by turns, take no more than their number", () => {
  const began = performance.now();
  const keys = Array.from({ length: 20_000 }, (_, i) => keyText(keyOf([(i * 7919) % 20_011])));
  const written = new Overlay();
  const killed = new Overlay();
  for (const key of keys) {
    written.put(key, Uint8Array.of(1));
    assertEquals(written.nextWritten(key), key);
    killed.kill(key);
    assertEquals(killed.get(key), null);
  }
  // With a sort a look, or a kill, it is minutes.
  assert(performance.now() - began < 20_000);
});

test("Overlay: a queue is emptied from either end in one transaction, in time that its length explains", () =>
  withRig({}, async ({ global, node }) => {
    const began = performance.now();
    const queue = global();
    for (const direction of [1, -1] as const) {
      for (const remove of ["kill", "zkill"] as const) {
        for (let i = 0; i < 5_000; i++) void queue.set([i], i);
        const taken = await node.transact(async (transaction) => {
          const own = transaction.global(queue);
          const found: unknown[] = [];
          for (;;) {
            const first = await own.order([""], direction);
            if (first === undefined) return found;
            found.push(first);
            await own[remove]([first]);
          }
        });
        const inOrder = Array.from({ length: 5_000 }, (_, i) => i);
        assertEquals(taken, direction === 1 ? inOrder : inOrder.reverse());
        assertEquals(await queue.data([]), 0);
      }
    }
    // Past all that was taken before, one by one, it is minutes.
    assert(performance.now() - began < 20_000);
  }));
