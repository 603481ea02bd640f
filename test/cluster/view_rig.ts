/** Views for tests. */
import { foundingView, type Joiner, nextView } from "../../src/cluster/next_view.ts";
import type { View } from "../../src/ground/view.ts";

/** Incarnation of life `life` of the member of this name. */
export function life(name: string, number: number = 1): string {
  const digits = [...name].map((it) => it.charCodeAt(0).toString(16)).join("");
  return digits.padEnd(24, "0") + String(number).padStart(8, "0");
}

/** Who would join under a name. */
export function joiner(name: string, number: number = 1, votes: number = 1): Joiner {
  const incarnation = life(name, number);
  const owner = { host: "h", boot: "b", pidNamespace: 1, pid: 7, startTime: "9", hostName: "", exec: "" };
  return {
    name,
    incarnation,
    owner: { ...owner, nonce: incarnation },
    address: `at ${name}`,
    journal: `/j/${incarnation}`,
    votes,
  };
}

/** A view of these members, who joined one after the other. */
export function viewOf(names: readonly string[], storageVotes: number | "auto" = "auto"): View {
  const founding = { cluster: "c".repeat(32), session: "5".repeat(32), storageVotes };
  let view = foundingView(undefined, joiner(names[0]!), new Set(), founding);
  for (const name of names.slice(1)) {
    const all = new Set(view.members.map((it) => it.incarnation));
    view = nextView(view, life(names[0]!), all, { kind: "join", joiner: joiner(name) });
  }
  return view;
}
