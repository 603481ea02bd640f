import { assert, assertEquals } from "@std/assert";
import { test } from "#test";
import { bestClique, type Reach } from "../../src/cluster/clique.ts";
import type { View } from "../../src/ground/view.ts";
import { Prng } from "../support/prng.ts";
import { life, viewOf } from "./view_rig.ts";

const NAMES = ["a", "b", "c", "d", "e", "f", "g"];

/** Everybody reaches everybody, but for these pairs, each one way. */
function reachWithout(names: readonly string[], cut: readonly string[]): Reach {
  return new Map(names.map((a) => [
    life(a),
    new Set(names.filter((b) => b !== a && !cut.includes(`${a}${b}`)).map((b) => life(b))),
  ]));
}

function best(names: readonly string[], cut: readonly string[]): string {
  return bestClique(viewOf(names), reachWithout(names, cut)).map((it) => names.find((n) => life(n) === it))
    .join("");
}

test("clique: the cuts of DESIGN D7", () => {
  assertEquals(best(["a", "b", "c"], []), "abc");
  assertEquals(best(["a", "b", "c"], ["ac"]), "ab", "a bridge, cut one way: the earlier joiner stays");
  assertEquals(best(["a", "b", "c"], ["ab", "ac"]), "bc", "who reaches nobody");
  assertEquals(best(["a", "b", "c"], ["ab", "bc", "ca"]), "a", "nobody reaches another");
  assertEquals(best(["a", "b", "c", "d"], ["ac", "ad", "bc", "bd"]), "ab", "two halves: the earlier one");
  assertEquals(best(["a", "b", "c", "d"], ["ab", "cd"]), "ac");
});

test("clique: votes come before numbers; who says nothing reaches nobody", () => {
  const view = viewOf(["a", "b", "c"]);
  const members = view.members.map((it) => it.name === "a" ? { ...it, votes: 3 } : it);
  const rich: View = { ...view, members };
  assertEquals(bestClique(rich, reachWithout(["a", "b", "c"], ["ab", "ac"])), [life("a")]);
  const silent = new Map([...reachWithout(["a", "b", "c"], [])].filter(([it]) => it !== life("a")));
  assertEquals(bestClique(view, silent), [life("b"), life("c")]);
  assertEquals(bestClique(view, new Map()), []);
});

test("clique: as good as the best of all sets, whatever the graph and the votes", () => {
  for (let seed = 1; seed <= 300; seed++) {
    const chance = new Prng(seed);
    const count = 1 + chance.below(NAMES.length);
    const base = viewOf(NAMES.slice(0, count));
    const view = { ...base, members: base.members.map((it) => ({ ...it, votes: chance.below(3) })) };
    const ids = view.members.map((it) => it.incarnation);
    const reach = new Map(
      ids.filter(() => chance.below(8) > 0).map((a) => [
        a,
        new Set(ids.filter((b) => b !== a && chance.below(4) > 0)),
      ]),
    );
    const isClique = (set: readonly string[]): boolean =>
      set.every((a) => reach.has(a) && set.every((b) => a === b || reach.get(a)!.has(b)));
    const votes = (set: readonly string[]): number =>
      view.members.reduce((sum, it) => set.includes(it.incarnation) ? sum + it.votes : sum, 0);
    let expected: string[] = [];
    for (let bits = 1; bits < 1 << count; bits++) {
      // Earlier joiners are the higher bits here, so that of two alike the later one met is the better.
      const set = ids.filter((_, i) => ((bits >> (count - 1 - i)) & 1) === 1);
      if (!isClique(set)) continue;
      const [a, b] = [votes(set), votes(expected)];
      if (expected.length === 0 || a > b || (a === b && set.length >= expected.length)) expected = set;
    }
    assertEquals(bestClique(view, reach), expected, `seed ${seed}`);
  }
});

test("clique: many members without votes take no time", () => {
  const names = Array.from({ length: 40 }, (_, i) => `m${i}`);
  const base = viewOf(names);
  const view = { ...base, members: base.members.map((it, i) => ({ ...it, votes: i === 0 ? 1 : 0 })) };
  const cut = names.flatMap((a, i) => i % 3 === 1 ? [`${a}${names[i + 1]}`] : []);
  assert(bestClique(view, reachWithout(names, cut)).length > 20);
});
