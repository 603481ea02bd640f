/**
 * The best clique: who should go on when not everybody reaches everybody (DESIGN D7). Pure, so that all who
 * know the same rows come to the same answer.
 */
import type { View } from "../ground/view.ts";

/** Whom each member says that it reaches; a member that says nothing reaches nobody. */
export type Reach = ReadonlyMap<string, ReadonlySet<string>>;

/**
 * Of the sets of members all of which reach each other, both ways, the one with the most votes; then the one
 * with the most members; then the one whose members joined earlier. In the order of joining.
 */
export function bestClique(view: View, reach: Reach): string[] {
  const names = view.members.map((it) => it.incarnation);
  const votes = view.members.map((it) => it.votes);
  const friends = names.map((a) =>
    names.map((b) => a !== b && reach.get(a)?.has(b) === true && reach.get(b)?.has(a) === true)
  );
  let best: number[] = [];
  let bestVotes = -1;
  // Cliques grow by later joiners only, so that of two alike the one of earlier joiners is met first; what
  // cannot win any more is left.
  const grow = (clique: readonly number[], sum: number, candidates: readonly number[]): void => {
    if (sum > bestVotes || (sum === bestVotes && clique.length > best.length)) {
      best = [...clique];
      bestVotes = sum;
    }
    let most = candidates.reduce((all, it) => all + votes[it]!, sum);
    for (let i = 0; i < candidates.length; i++) {
      const longest = clique.length + candidates.length - i;
      if (most < bestVotes || (most === bestVotes && longest <= best.length)) return;
      const member = candidates[i]!;
      const rest = candidates.slice(i + 1).filter((it) => friends[member]![it]);
      grow([...clique, member], sum + votes[member]!, rest);
      most -= votes[member]!;
    }
  };
  const isPresent = (member: number): boolean => reach.has(names[member]!);
  grow([], 0, names.map((_, i) => i).filter(isPresent));
  return best.map((member) => names[member]!);
}
