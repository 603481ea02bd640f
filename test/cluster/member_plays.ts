/** What plays of membership share. */
import { assertEquals } from "@std/assert";
import type { MembershipTimings } from "../../src/cluster/membership_world.ts";
import type { View } from "../../src/ground/view.ts";
import { nativeDrain } from "../sim/drain.ts";
import type { Difference } from "./member_life.ts";
import { type MemberWorld, playMembers } from "./member_world.ts";

/** The newest view that anybody was in. */
export function newest(world: MemberWorld): View {
  return world.views.get(Math.max(...world.views.keys()))!;
}

/** Names of members, in order. */
export function names(members: View["members"]): string {
  return members.map((it) => it.name).join(" ");
}

/** Cuts two members from each other, both ways. */
export function part(world: MemberWorld, a: string, b: string): void {
  world.network.cut(a, b);
  world.network.cut(b, a);
}

/** Three members in one view to whom something happens, after which nothing must be wrong. */
export async function play(
  script: (world: MemberWorld) => Promise<void>,
  timings: Partial<MembershipTimings> = {},
  difference: Difference = {},
): Promise<void> {
  const world = await playMembers(await nativeDrain(), script, timings, difference);
  assertEquals(world.problems, []);
}
