import { assertEquals } from "@std/assert";
import { test } from "#test";
import type { Membership } from "../../src/cluster/membership.ts";
import type { View } from "../../src/ground/view.ts";
import type { Member } from "../../src/node/member.ts";
import { MemberLeave } from "../../src/node/member_leave.ts";
import { viewOf } from "../cluster/view_rig.ts";

/** How many looks at the clocks eighty answers cost. */
function looksOf(fencing: string, isShared: boolean): number {
  const view = viewOf(["a", "b"]);
  const [own, other] = view.members as [View["members"][0], View["members"][0]];
  const elsewhere = { ...other, owner: { ...other.owner, pid: own.owner.pid + 1 } };
  const seen: View = { ...view, members: [own, isShared ? other : elsewhere] };
  let looks = 0;
  const membership = { view: seen, state: "active", mayAnswer: () => ++looks > 0 } as unknown as Membership;
  const member = {
    incarnation: own.incarnation,
    world: { storage: { traits: { fencing } } },
  } as unknown as Member;
  const leave = new MemberLeave(membership, member, () => false);
  leave.entered(seen);
  for (let i = 0; i < 80; i++) assertEquals(leave.isGiven(), true);
  return looks;
}

test("leave: answers share a look at the clocks only where an eviction ends the process first", () => {
  assertEquals(looksOf("kill", false), 10);
  assertEquals(looksOf("kill", true), 80, "a member of the same process evicts by gates");
  assertEquals(looksOf("native", false), 80);
});
