/** What the cluster's simulator drives beside the faces of a single node: membership, and what it holds. */
import type { Interconnect } from "../../../ports/interconnect.ts";
import type { SubjectNode, SubjectOptions, SubjectWorld } from "../workload/subject.ts";

/** Rhythm and patience of the members, in milliseconds. */
export interface ClusterRhythm {
  readonly pulseMs: number;
  readonly networkMs: number;
  readonly storageMs: number;
  readonly settleMs: number;
  readonly leaseMs: number;
  readonly leaseMarginMs: number;
  readonly joinMs: number;
}

/** How a node of a cluster is set up; `directory` is its PIJ directory. */
export interface ClusterSubjectOptions extends SubjectOptions {
  /** Name among the members. */
  readonly name: string;
  readonly rhythm: ClusterRhythm;
  /** Milliseconds between two rounds of checkpoints. */
  readonly checkpointMs: number;
}

/** The world of a member. */
export interface ClusterSubjectWorld extends SubjectWorld {
  readonly interconnect: () => Interconnect;
  readonly rights: Readonly<Record<string, string>>;
}

/** A member, as it sees its cluster. */
export interface ClusterSubjectStatus {
  readonly state: string;
  readonly view: number;
  readonly isMaster: boolean;
  readonly members: number;
  readonly pending: number;
  /** Blocks of which it remembers something as one that has them, and as their keeper. */
  readonly held: number;
  readonly kept: number;
  /** Databases that it has as a whole. */
  readonly wide: number;
  /** Increments that others were asked for, of which it does not know yet what came of them. */
  readonly incrementsOpen: number;
}

/** A shared block in a member's pool. */
export interface SharedFrame {
  /** Directory of its database. */
  readonly directory: string;
  readonly block: number;
  readonly mode: "PR" | "EX";
}

/** A node of a cluster; mounts are clustered. */
export interface ClusterSubject extends SubjectNode {
  /** 32 hexadecimal digits. */
  readonly incarnation: string;
  /** Undefined as long as it is no member. */
  cluster(): ClusterSubjectStatus | undefined;
  /** Journal files of the cluster of which its log and their directories do not say the same, in words. */
  journalFaults(): Promise<string[]>;
  /** Shared blocks that are in its pool. */
  frames(): Iterable<SharedFrame>;
}

/** Opens a node of a cluster. */
export type OpenClusterSubject = (
  world: ClusterSubjectWorld,
  options: ClusterSubjectOptions,
) => Promise<ClusterSubject>;
