import { assertEquals } from "@std/assert";
import { test } from "#test";
import { createMemoryStorage } from "../../adapters/storage_memory.ts";
import { HostStatus } from "../../src/cluster/host_status.ts";
import { Lease, LostLeases } from "../../src/cluster/lease.ts";
import type { MembershipWorld } from "../../src/cluster/membership_world.ts";
import { Peers } from "../../src/cluster/peers.ts";
import { Slots } from "../../src/cluster/slots.ts";
import { storageRound } from "../../src/cluster/storage_round.ts";
import { StorageWatch } from "../../src/cluster/storage_watch.ts";
import { nextView } from "../../src/cluster/next_view.ts";
import { ViewChain } from "../../src/cluster/view_chain.ts";
import type { Clock } from "../../src/ports/mod.ts";
import { life, viewOf } from "./view_rig.ts";

test("lease: over when either clock says so, and when the wall clock was set back", () => {
  const now = { monotonic: 5_000, wall: 1_000_000, reads: 0 };
  const clock: Clock = {
    traits: { version: 1, virtual: true },
    monotonicMs: () => (now.reads++, now.monotonic),
    wallMs: () => (now.reads++, now.wall),
    after: () => () => {},
  };
  const lease = new Lease(clock, 1_000);
  assertEquals(lease.isHeld(), false, "none yet");
  lease.renew(lease.now());
  const rows: [monotonic: number, wall: number, isHeld: boolean][] = [
    [0, 0, true],
    [999, 999, true],
    [1_000, 999, false],
    [999, 1_000, false],
    [0, 3_600_000, false],
    [3_600_000, 0, false],
    [500, -1, false],
  ];
  for (const [monotonic, wall, isHeld] of rows) {
    Object.assign(now, { monotonic: 5_000 + monotonic, wall: 1_000_000 + wall, reads: 0 });
    assertEquals(lease.isHeld(), isHeld, `${monotonic} ${wall}`);
    assertEquals(now.reads <= 2, true, "no more than two looks at clocks");
  }
  Object.assign(now, { monotonic: 5_000, wall: 1_000_000 });
  assertEquals(lease.isHeld(), true);
  lease.end();
  assertEquals(lease.isHeld(), false);
});

test("lost leases: each is over a lease and a margin after its eviction was first known", () => {
  const lost = new LostLeases(1_000, 500);
  const view = viewOf(["a", "b", "c"]);
  lost.entered(view, 0);
  assertEquals(lost.remainsMs(life("b"), 0), 0, "nobody is owed");
  const evict = (from: typeof view, ...kept: string[]) => {
    const names = new Set(kept.map((it) => life(it)));
    return nextView(from, life("a"), names, { kind: "evict", kept: names });
  };
  const first = evict(view, "a", "c");
  lost.entered(first, 100);
  const second = evict(first, "a");
  lost.entered(second, 900);
  assertEquals([lost.remainsMs(life("b"), 900), lost.remainsMs(life("c"), 900)], [700, 1_500]);
  assertEquals([lost.remainsMs(life("b"), 1_600), lost.remainsMs(life("c"), 1_600)], [0, 800]);
  lost.entered({ ...second, pending: [] }, 1_700);
  assertEquals(lost.remainsMs(life("c"), 1_700), 0);
});

test("storage watch: a problem is told before others act, by what was done or by what refused it", () => {
  const watch = new StorageWatch(1_500, 0);
  watch.doing("write its slot");
  assertEquals([watch.problem(1_000), watch.problem(1_001)], [
    undefined,
    "it could not write its slot for 1001 ms: no answer",
  ]);
  watch.failed("disk full");
  watch.doing("look for a newer view");
  assertEquals(watch.problem(2_000), "it could not write its slot for 2000 ms: disk full");
  watch.good(1_900);
  assertEquals(watch.problem(2_000), undefined);
  watch.excuse(5_000);
  assertEquals([watch.problem(7_900), watch.problem(7_901)?.includes("no answer")], [undefined, true]);
});

test("storage round: the lease runs from the beginning of the look, however late its answer is", async () => {
  const storage = createMemoryStorage();
  const now = { ms: 1_000 };
  const clock: Clock = {
    traits: { version: 1, virtual: true },
    monotonicMs: () => now.ms,
    wallMs: () => now.ms,
    after: () => () => {},
  };
  const view = viewOf(["a"]);
  const chain = new ViewChain(storage, "/pij");
  assertEquals(await chain.decide(view), true);
  // What was looked at is old by the time that it is answered.
  const slow = new Proxy(chain, {
    get: (target, name) =>
      name !== "newest" ? Reflect.get(target, name) : async (number: number) => {
        const newest = await target.newest(number);
        now.ms += 700;
        return newest;
      },
  });
  const timings = { pulseMs: 100, networkMs: 1_500, storageMs: 1_500 };
  const world = { clock, storage, owner: view.members[0]!.owner, timings } as unknown as MembershipWorld;
  const peers = new Peers(world.timings, true), lease = new Lease(clock, 1_000);
  const slots = new Slots(storage, "/pij", life("a"));
  const watch = new StorageWatch(1_500, now.ms);
  const parts = { world, chain: slow, peers, slots, watch, lease, status: new HostStatus(world, peers) };
  assertEquals(await storageRound(parts, view), undefined);
  assertEquals([now.ms, lease.isHeld()], [1_700, true]);
  now.ms += 299;
  assertEquals(lease.isHeld(), true);
  now.ms += 1;
  assertEquals(lease.isHeld(), false);
  const lonely = { ...view, expectedVotes: 5, storageVotes: 0 };
  await storageRound(parts, lonely);
  assertEquals(lease.isHeld(), false, "too few votes are no reason to go on");
  await slots.close(true);
});
