/** Clustering: how a node becomes a member of the cluster that its PIJ directory is. */
import type { RecoveryTrouble } from "../cluster/aftermath.ts";
import { JournalLog } from "../cluster/journal_log.ts";
import { openPij, type Pij } from "../cluster/pij.ts";
import { clusterSecret } from "../cluster/secret.ts";
import { CohortError } from "../ground/errors.ts";
import type { View } from "../ground/view.ts";
import type { CheckpointRound } from "./checkpoint_rounds.ts";
import { Joined, nameOf } from "./joined.ts";
import type { JoinedWorld } from "./joined_parts.ts";
import type { Member } from "./member.ts";
import type { Settings, World } from "./options.ts";

/** What a node has done about its membership. */
export interface JoinHooks {
  /** Something of what it is has changed. */
  readonly onChange: () => void;
  /** Runs before anybody can ask it anything. */
  readonly prepare: (joined: Joined) => void;
  /** A mounted database by its canonical directory. */
  readonly mounted: JoinedWorld["mounted"];
}

/** Joins the cluster of a node's PIJ directory, or founds it; what failed may be tried again. */
export async function joinCluster(
  member: Member,
  { cluster: settings }: Settings,
  world: World,
  { onChange, prepare, mounted }: JoinHooks,
): Promise<Joined> {
  const { storage, entropy, interconnect, rights = {} } = world;
  if (settings === undefined) throw new TypeError("Only a node that was opened with pij is of a cluster");
  if (interconnect === undefined) throw new TypeError("A node of a cluster needs an interconnect");
  const pij = await openPij(world, settings.pij);
  const secret = settings.secret ?? await clusterSecret(storage, entropy, pij);
  const owner = await storage.fence.identify(member.incarnation);
  await startLog(member, pij, nameOf(settings, member.incarnation));
  const links = interconnect();
  const joined = new Joined({
    member,
    pij,
    secret,
    owner,
    settings,
    interconnect: links,
    rights,
    onChange,
    mounted,
  });
  try {
    prepare(joined);
    await joined.join();
    // What stopped it meanwhile had no member to end.
    const { stopped } = member.engine;
    if (stopped !== undefined) throw new CohortError("STOPPED", stopped.message, {}, stopped);
    if (world.rehearse !== undefined) member.tidy(world.rehearse);
    return joined;
  } catch (error) {
    await joined.abort(new CohortError("CLOSED", "The node did not become a member")).catch(() => {});
    joined.letGo();
    throw error;
  }
}

/**
 * What it writes to its journal for the cluster is in files that its log names: begun before it is a member.
 */
async function startLog(member: Member, pij: Pij, name: string): Promise<void> {
  if (member.journalLog !== undefined) return;
  const { gated, incarnation, directory, world: { clock, observer } } = member;
  const owner = { name, incarnation, cluster: pij.cluster, journal: directory };
  const log = new JournalLog({ storage: gated, clock, observer, directory: pij.directory, owner });
  member.journalLog = log;
  await log.start(member.journal.follow(log));
}

/** A member, as a node shows it. */
export interface MemberStatus {
  /** Its name, which no two members have. */
  readonly name: string;
  /** 32 hexadecimal digits. */
  readonly incarnation: string;
  /** Where its interconnect is reached. */
  readonly address: string;
  /** What it counts for the quorum. */
  readonly votes: number;
  /** The earliest joiner, which decides for all. */
  readonly isMaster: boolean;
  /** What this node can say of it: `up`, `down`, `network partition`, `storage partition`; `self`. */
  readonly verdict: string;
  /** The process it lives in. */
  readonly pid: number;
  /** Name of its host, or the host's id. */
  readonly host: string;
}

/** A node's cluster, as it sees it. */
export interface ClusterStatus {
  /** Id of the cluster: 32 hexadecimal digits. */
  readonly id: string;
  /** The PIJ directory. */
  readonly pij: string;
  /** Name of this node among the members. */
  readonly name: string;
  /** `joining`, `active`, `suspended` (waits, `why` says for what), `evicted` or `left`. */
  readonly state: string;
  /** Why it stands so; empty when there is nothing to say. */
  readonly why: string;
  /** Whether this node is the master of the view. */
  readonly isMaster: boolean;
  /** Number of the view. */
  readonly view: number;
  /** Members in the order in which they joined. */
  readonly members: readonly MemberStatus[];
  /** Names of those who were lost, and are neither fenced nor recovered yet. */
  readonly pending: readonly string[];
  /** On the master: what keeps those from being recovered; undefined when nothing does. */
  readonly trouble: RecoveryTrouble | undefined;
  /** What its shared blocks cost since it joined. */
  readonly coherence: CoherenceStatus;
  /** The last round of checkpoints of all members that this node led as master. */
  readonly round: CheckpointRound | undefined;
}

/** What the shared blocks of a member cost since it joined. */
export interface CoherenceStatus {
  /** Blocks asked for. */
  readonly asked: number;
  /** Blocks given up because another member wanted them. */
  readonly revoked: number;
  /** Blocks sent to another member. */
  readonly transfers: number;
  /** Blocks that another member was left to read at home. */
  readonly left: number;
  /** Messages told to other members about blocks. */
  readonly messages: number;
  /** Increments that other members were asked for, instead of for their block. */
  readonly incrementsAsked: number;
  /** Those of them of which it is not known yet what came of them; also when their callers gave up. */
  readonly incrementsOpen: number;
  /** Increments done for other members. */
  readonly incrementsServed: number;
  /** Blocks of which something is remembered here now. */
  readonly held: number;
  /** Blocks of which this member is the keeper and somebody has something. */
  readonly kept: number;
  /**
   * Directories of the databases that this member has as a whole, because no other member has mounted them:
   * what it needs of those costs no message. Of all others each block is asked for by itself.
   */
  readonly wide: readonly string[];
}

/** How a member stands. */
export function clusterStatusOf(joined: Joined): ClusterStatus {
  const { membership, coherence, increments, cluster, pij, name } = joined;
  const { view, verdicts } = membership;
  const { held, kept } = coherence.size;
  return {
    id: cluster,
    pij,
    name,
    state: membership.state,
    why: membership.why,
    isMaster: membership.isMaster,
    view: view?.number ?? 0,
    members: membersOf(view, membership.self, verdicts),
    pending: (view?.pending ?? []).map((it) => it.name),
    trouble: membership.trouble,
    coherence: {
      ...coherence.counts,
      messages: coherence.messages,
      incrementsAsked: increments.counts.asked,
      incrementsOpen: increments.counts.open,
      incrementsServed: increments.counts.served,
      held,
      kept,
      wide: coherence.wide.map(({ path }) => path.slice(0, path.lastIndexOf("/"))),
    },
    round: joined.rounds.last,
  };
}

function membersOf(
  view: View | undefined,
  self: string,
  verdicts: ReadonlyMap<string, string>,
): MemberStatus[] {
  return (view?.members ?? []).map(({ name, incarnation, address, votes, owner }, at) => ({
    name,
    incarnation,
    address,
    votes,
    isMaster: at === 0,
    verdict: incarnation === self ? "self" : verdicts.get(incarnation) ?? "up",
    pid: owner.pid,
    host: owner.hostName ?? owner.host,
  }));
}
