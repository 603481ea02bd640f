/**
 * Rules of a cluster that are kept whatever its members believe: one writer a block (I1), and no byte of a
 * member on the disk once somebody has begun to recover it (I6).
 */
import type { Problems } from "../check/problems.ts";
import type { DiskRules } from "../check/disk_rules.ts";
import type { DiskWatch } from "../sim_storage.ts";
import type { ClusterSubject } from "./cluster_subject.ts";

/** What a recoverer makes first in the directory of a dead journal. */
const RECOVERED = /\/([0-9a-f]{32})\/journal\.(?:tail|end)$/;

/** Who has each block of a volume, by its number; texts as keys were a fiftieth of a seed. */
interface Holders {
  readonly readers: Map<number, string>;
  readonly writers: Map<number, string>;
}

/** Watches a cluster. */
export class ClusterRules {
  readonly #problems: Problems;
  readonly #disk: DiskRules;
  /** Incarnations that somebody has begun to recover. */
  readonly #over = new Set<string>();

  constructor(problems: Problems, disk: DiskRules) {
    this.#problems = problems;
    this.#disk = disk;
  }

  /** What sees the writes of one incarnation; undefined before it is known. */
  watchOf(incarnation: () => string | undefined, label: string): DiskWatch {
    const disk = this.#disk;
    return {
      written: (file, position, bytes) => {
        const self = incarnation();
        const isData = file.use === "volume" || file.use === "journal" || file.use === "image";
        if (self !== undefined && isData && this.#over.has(self)) {
          this.#problems.add("fence", `${label} writes to ${file.path} though its recovery has begun`);
        }
        disk.written(file, position, bytes);
      },
      synced: (file) => disk.synced(file),
      removed: (file) => disk.removed(file),
    };
  }

  /** Somebody makes or writes a file. */
  touched(by: string | undefined, path: string): void {
    const [, incarnation] = RECOVERED.exec(path) ?? [];
    if (incarnation !== undefined && incarnation !== by) this.#over.add(incarnation);
  }

  /** Holds the modes in which all who live have their blocks against each other. */
  modes(living: readonly { readonly label: string; readonly node: ClusterSubject }[]): void {
    const all = new Map<string, Holders>();
    for (const { label, node } of living) {
      for (const { directory, block, mode } of node.frames()) {
        let holders = all.get(directory);
        if (holders === undefined) all.set(directory, holders = { readers: new Map(), writers: new Map() });
        const { readers, writers } = holders;
        const other = writers.get(block) ?? (mode === "EX" ? readers.get(block) : undefined);
        if (other !== undefined && other !== label) {
          const how = writers.has(block) ? "may change" : "may read";
          const what = `block ${block} of ${directory}`;
          this.#problems.add("modes", `${what}: ${label} has it as ${mode}, and ${other} ${how} it`);
        }
        (mode === "EX" ? writers : readers).set(block, label);
      }
    }
  }
}
