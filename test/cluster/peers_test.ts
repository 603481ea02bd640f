import { assertEquals } from "@std/assert";
import { test } from "#test";
import { createMemoryStorage } from "../../adapters/storage_memory.ts";
import { courseOf } from "../../src/cluster/course.ts";
import { Peers } from "../../src/cluster/peers.ts";
import type { View } from "../../src/ground/view.ts";
import type { Fence } from "../../src/ports/mod.ts";
import { life, viewOf } from "./view_rig.ts";

/** What a member makes of the others at an instant, whose slots it has looked at since 1000 all along. */
function courseAt(peers: Peers, view: View, until: number): string {
  for (let now = 1_050; now <= until; now += 50) {
    for (const { incarnation } of peers.members) {
      peers.heard(incarnation, now);
      peers.looked(incarnation, undefined, now);
    }
  }
  return courseOf(peers.situation(view, life("a"), until)).kind;
}

test("a newcomer that has not written its slot yet is a member, as long as slots may stand still", () => {
  const view = viewOf(["a", "b"]);
  const peers = new Peers({ networkMs: 800, storageMs: 800 }, true);
  peers.enter(view, life("a"), 1_000);
  assertEquals(courseAt(peers, view, 1_000), "go on", "it has just been taken in");
  assertEquals(courseAt(peers, view, 1_750), "go on", "its process waits for its turn");
  assertEquals(courseAt(peers, view, 1_900), "evict", "by now it had to have a slot");
});

test("where silence evicts nobody, all are waited for but those who are proven gone", async () => {
  const view = viewOf(["a", "b", "c"]);
  const peers = new Peers({ networkMs: 800, storageMs: 800 }, false);
  peers.enter(view, life("a"), 1_000);
  assertEquals(courseAt(peers, view, 9_000), "go on", "slots stand still");
  assertEquals(courseOf(peers.situation(view, life("a"), 99_000)).kind, "go on", "nobody is heard");
  const { fence } = createMemoryStorage();
  const gone = { ...fence, examine: () => ({ state: "gone", reason: "it is" }) } as unknown as Fence;
  await peers.examine(gone, (incarnation) => incarnation !== life("c"), () => false);
  const course = courseOf(peers.situation(view, life("a"), 99_000));
  assertEquals(course, { kind: "evict", kept: new Set([life("a"), life("b")]), rank: 0 });
});
