/** Who asks to be the 65th member. */
import { assertEquals } from "@std/assert";
import { test } from "#test";
import type { MembershipWorld } from "../../src/cluster/membership_world.ts";
import { MEMBERS_MAX } from "../../src/cluster/next_view.ts";
import { Welcome, type WelcomeAnswer } from "../../src/cluster/welcome.ts";
import { joiner, life, viewOf } from "./view_rig.ts";

const PROBE = "5".repeat(32);

/** What the master of so many members answers a newcomer; the process of one of them may have ended. */
async function answerOf(count: number, gone: string | undefined): Promise<WelcomeAnswer> {
  const names = Array.from({ length: count }, (_, i) => `m${i}`);
  const view = viewOf(names);
  const owner = { ...joiner("m0").owner };
  const world = {
    directory: "/pij",
    owner,
    settings: {},
    storage: {
      traits: { fencing: "kill" },
      readRegister: (path: string) =>
        Promise.resolve(path.includes("/probe.") ? new TextEncoder().encode(PROBE) : undefined),
      fence: {
        identify: () => owner,
        examine: ({ nonce }: { nonce: string }) =>
          Promise.resolve({ state: gone === nonce ? "gone" : "running", reason: "it runs" }),
      },
    },
  } as unknown as MembershipWorld;
  const welcome = new Welcome(world);
  const newcomer = joiner("new");
  for (const name of names) {
    const vouch = { kind: "vouch", view: view.number, newcomer: newcomer.incarnation, probe: PROBE } as const;
    welcome.vouched(view, life(name), { ...vouch, sees: true, why: "" });
  }
  return await welcome.answer(view, true, { joiner: newcomer, settings: {}, probe: PROBE });
}

test("welcome: whoever comes when all places are taken is refused, and told why", async () => {
  const answer = await answerOf(MEMBERS_MAX, undefined);
  assertEquals(answer.kind, "refuse");
  const { error } = answer as Extract<WelcomeAnswer, { kind: "refuse" }>;
  assertEquals([error.code, error.message], ["FULL", "Could not join: a cluster has at most 64 members"]);
  assertEquals((await answerOf(MEMBERS_MAX - 1, undefined)).kind, "join");
});

test("welcome: the place of one who is gone is waited for", async () => {
  assertEquals(await answerOf(MEMBERS_MAX, life("m7")), {
    kind: "wait",
    why: "m7 is being evicted, for its place",
  });
});
