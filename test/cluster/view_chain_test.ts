import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { test } from "#test";
import { CohortError } from "@cohort/db";
import { createMemoryStorage } from "../../adapters/storage_memory.ts";
import { nextView } from "../../src/cluster/next_view.ts";
import { ViewChain } from "../../src/cluster/view_chain.ts";
import { decodeView, encodeView, viewName, viewNumber } from "../../src/cluster/view_record.ts";
import type { View } from "../../src/ground/view.ts";
import { type FaultCall, withFaults } from "../../src/testing/mod.ts";
import { joiner, life, viewOf } from "./view_rig.ts";

function all(view: View): Set<string> {
  return new Set(view.members.map((it) => it.incarnation));
}

function after(view: View, by: string, name: string): View {
  return nextView(view, life(by), all(view), { kind: "join", joiner: joiner(name) });
}

test("View record: what is put is read; every damaged byte is told", () => {
  const kept = new Set([life("a"), life("ä€😀")]);
  const whole = viewOf(["a", "b", "ä€😀"], 7);
  const view = nextView(whole, life("a"), kept, { kind: "evict", kept });
  const bytes = encodeView(view);
  assertEquals(decodeView(bytes, "/pij/view.4", 4), view);
  assertEquals(decodeView(encodeView(viewOf(["a"])), "/pij/view.1", 1), viewOf(["a"]));
  for (let at = 0; at < bytes.length; at++) {
    const damaged = bytes.slice();
    damaged[at] = damaged[at]! ^ 0x10;
    assertThrows(() => decodeView(damaged, "/pij/view.4", 4), CohortError, "/pij/view.4");
    assertThrows(() => decodeView(bytes.subarray(0, at), "/pij/view.4", 4), CohortError, "/pij/view.4");
  }
  assertThrows(() => decodeView(bytes, "/pij/view.5", 5), CohortError, "not of number 5");
});

test("View record: names of registers", () => {
  assertEquals(viewNumber(viewName(12)), 12);
  for (const name of ["view.0", "view.01", "view.", "view.1.tmp", "views.1", "view.-1"]) {
    assertEquals(viewNumber(name), undefined, name);
  }
});

test("View chain: exactly one of those who decide the same number is told so", async () => {
  const storage = createMemoryStorage();
  const chains = Array.from({ length: 5 }, () => new ViewChain(storage, "/pij"));
  let view = viewOf(["a"]);
  assertEquals(await chains[0]!.newest(), undefined);
  assert(await chains[0]!.decide(view));
  for (const round of ["b", "c", "d"]) {
    const wishes = chains.map((_, i) => after(view, "a", `${round}${i}`));
    const won = await Promise.all(chains.map((chain, i) => chain.decide(wishes[i]!)));
    assertEquals(won.filter((it) => it).length, 1);
    const newest = await chains[4]!.newest();
    assertEquals(newest, wishes[won.indexOf(true)]);
    view = newest!;
  }
});

test("View chain: who slept before it created a number that is long gone has decided nothing", async () => {
  const disk = createMemoryStorage();
  const sleep = Promise.withResolvers<void>();
  let sleeps = false;
  const sleepy = new ViewChain(
    withFaults(
      disk,
      (call: FaultCall) =>
        sleeps && call.operation === "createRegister" ? { kind: "stall", until: sleep.promise } : undefined,
    ),
    "/pij",
  );
  const chain = new ViewChain(disk, "/pij");
  let view = viewOf(["a"]);
  assert(await chain.decide(view));
  sleeps = true;
  const late = sleepy.decide(after(view, "a", "late"));
  await new Promise((done) => setTimeout(done, 5));
  for (const name of ["b", "c", "d", "e"]) {
    view = after(view, "a", name);
    assert(await chain.decide(view));
    await chain.purge(view);
  }
  assertEquals((await disk.list("/pij")).filter((it) => viewNumber(it) !== undefined), ["view.4", "view.5"]);
  sleep.resolve();
  assertEquals(await late, false);
  assertEquals(await chain.newest(), view);
  assertEquals(await sleepy.isLater(2), true);
});

test("View chain: damage is told with its path, and is no view of before", async () => {
  const storage = createMemoryStorage();
  const chain = new ViewChain(storage, "/pij");
  assert(await chain.decide(viewOf(["a"])));
  await storage.createRegister("/pij/view.2", new Uint8Array(40));
  const error = await assertRejects(() => chain.newest(), CohortError, "/pij/view.2");
  assertEquals(error.code, "CORRUPT");
});
