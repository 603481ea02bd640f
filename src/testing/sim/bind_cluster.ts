/** The engine's node as the cluster's simulator drives it. */
import { MODE_EX, MODE_PR } from "../../buffer/pool.ts";
import type { Database } from "../../node/database.ts";
import type { Node } from "../../node/node.ts";
import { lookAtJournals } from "../../node/cluster_journals.ts";
import { openNodeCore } from "../../node/open_node.ts";
import type { Storage } from "../../ports/mod.ts";
import { DatabaseSubject, NodeSubject, sizesOfNode } from "./bind_node.ts";
import type {
  ClusterSubject,
  ClusterSubjectOptions,
  ClusterSubjectStatus,
  ClusterSubjectWorld,
  SharedFrame,
} from "./cluster/cluster_subject.ts";
import type { SubjectDatabase, SubjectMount } from "./workload/subject.ts";

class ClusterNodeSubject extends NodeSubject implements ClusterSubject {
  readonly incarnation: string;
  readonly #cluster: Node;
  readonly #extentBlocks: number;
  readonly #storage: Storage;
  readonly #shared = new Map<string, Database>();

  constructor(node: Node, options: ClusterSubjectOptions, storage: Storage) {
    super(node, options);
    this.incarnation = node.incarnation;
    this.#cluster = node;
    this.#extentBlocks = options.extentBlocks;
    this.#storage = storage;
  }

  override async mount(directory: string, options: SubjectMount = {}): Promise<SubjectDatabase> {
    const { readOnly: _, ...rest } = options;
    const how = { create: true, ...rest, extentBlocks: this.#extentBlocks, mode: "clustered" as const };
    const database = await this.#cluster.mount(directory, how);
    this.#shared.set(directory, database);
    return this.mounted(directory, new DatabaseSubject(database));
  }

  cluster(): ClusterSubjectStatus | undefined {
    const { cluster } = this.#cluster.status;
    if (cluster === undefined) return undefined;
    const { state, view, isMaster, members, pending, coherence } = cluster;
    return {
      state,
      view,
      isMaster,
      members: members.length,
      pending: pending.length,
      held: coherence.held,
      kept: coherence.kept,
      wide: coherence.wide.length,
      incrementsOpen: coherence.incrementsOpen,
    };
  }

  async journalFaults(): Promise<string[]> {
    const pij = this.#cluster.status.cluster?.pij;
    if (pij === undefined) return [];
    const { journals, disagreements } = await lookAtJournals(this.#storage, pij);
    const faults = disagreements.map(({ journal, segment, what }) =>
      `${journal}, segment ${segment}: ${what}`
    );
    const { incarnation } = this;
    return journals.some((it) => it.incarnation === incarnation && it.joined > 0 && it.segments.length > 0)
      ? faults
      : [...faults, `the log does not name the journal of ${incarnation}`];
  }

  *frames(): Iterable<SharedFrame> {
    for (const [directory, { core: { engine: { pool }, volume } }] of this.#shared) {
      for (const frame of pool.framesOf(volume.index)) {
        const mode = pool.modeOf[frame];
        // What was changed without any right to it counts as what it is.
        const mayChange = mode === MODE_EX || (mode !== MODE_PR && pool.isDirty(frame));
        if (!mayChange && mode !== MODE_PR) continue;
        yield { directory, block: pool.blockOf[frame]!, mode: mayChange ? "EX" : "PR" };
      }
    }
  }
}

/** Opens the engine's node as one of a cluster in a simulated world. */
export async function openClusterEngine(
  world: ClusterSubjectWorld,
  options: ClusterSubjectOptions,
): Promise<ClusterSubject> {
  const { directory, name, rhythm, checkpointMs } = options;
  const sizes = sizesOfNode(options);
  const node = await openNodeCore({ ...sizes, pij: directory, name, timings: rhythm, checkpointMs }, world);
  return new ClusterNodeSubject(node, options, world.storage);
}
