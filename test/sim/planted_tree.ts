/** Bugs planted in changes, trees, the free queue and transactions. */
import type { Plant } from "./plant.ts";

/** The table's part. */
export const TREE_PLANTS: readonly Plant[] = [
  {
    id: "stamp-forgotten-on-reuse",
    mistake: "a block formatted anew keeps stamp 0",
    edits: [{
      file: "src/buffer/publish.ts",
      find: "  setBlockStamp(bytes, base, stamp);",
      replace: "  if (!touched.fresh) setBlockStamp(bytes, base, stamp);",
    }],
    tier: "micro",
    seed: 1,
    seedsMax: 20,
    checkers: ["stamps", "quarantine", "liveness", "structure", "durability", "errors"],
  },
  {
    id: "half-a-split",
    mistake: "some new blocks of a structure change are not journaled: half of it is replayed",
    edits: [{
      file: "src/buffer/publish.ts",
      find: "  sink.beginRecord(touched.volume.index, touched.block, touched.before);",
      replace: "  if (touched.fresh && touched.block % 2 === 1) return;\n" +
        "  sink.beginRecord(touched.volume.index, touched.block, touched.before);",
    }],
    tier: "micro",
    seed: 1,
    seedsMax: 20,
    checkers: ["structure", "volume", "durability", "quarantine", "liveness"],
  },
  {
    id: "doomed-read",
    mistake: "an error that a transaction's body threw over a state that never was comes out",
    edits: [{
      file: "src/global/transact.ts",
      find: 'if (error === DOOMED || !(await this.#stands(transaction))) return "conflict";',
      replace: 'if (error === DOOMED) return "conflict";',
    }],
    tier: "full",
    seed: 1,
    seedsMax: 40,
    checkers: ["serial"],
  },
  {
    id: "lost-update",
    mistake: "a transaction commits without looking whether what it read still stands",
    edits: [{
      file: "src/global/transaction.ts",
      find: "    const valid = this.#reads.stillTrue(change);",
      replace: "    const valid: boolean | Again = this.#reads.size >= 0 || this.#reads.stillTrue(change);",
    }],
    tier: "full",
    seed: 1,
    seedsMax: 40,
    checkers: ["serial", "slots"],
  },
  {
    id: "freed-block-dropped",
    mistake: "a freed block leaves the pool before it went home",
    edits: [{
      file: "src/global/free_queue.ts",
      find: "  let result = DONE;\n  for (const block of blocks) if (giveBlock",
      replace: "  let result = DONE;\n  const { pool } = change;\n" +
        "  const isLost = (frame: number) => frame >= 0 && pool.isDirty(frame) " +
        "&& pool.pinsOf(frame) === 0;\n" +
        "  const drop = (frame: number) => isLost(frame) && pool.drop(frame);\n" +
        "  queueMicrotask(() => blocks.forEach((block) => drop(pool.findAny(volume.index, block))));\n" +
        "  for (const block of blocks) if (giveBlock",
    }],
    tier: "full",
    seed: 1,
    seedsMax: 40,
    checkers: ["home"],
  },
  {
    id: "kill-leaks",
    mistake: "a kill detaches children without entering them in the free queue",
    edits: [{
      file: "src/global/kill.ts",
      find:
        "      if (enqueueSubtree(change, volume, childAt(bytes, base, i), level - 1) === MISS) return MISS;",
      replace: "      if (level < 0 && enqueueSubtree(change, volume, childAt(bytes, " +
        "base, i), 0) === MISS) return MISS;",
    }],
    tier: "micro",
    seed: 3,
    seedsMax: 10,
    checkers: ["structure", "volume"],
  },
  {
    id: "staged-leftover-leaks",
    mistake: "of a merge that a crash cut off while it was staged only the root is freed",
    edits: [{
      file: "src/global/free_queue.ts",
      find: "  if (kind === SUBTREE || kind === STAGED) result",
      replace: "  if (kind === STAGED) result = finish(change, volume, block, [block]);\n" +
        "  else if (kind === SUBTREE) result",
    }],
    tier: "micro",
    seed: 7,
    seedsMax: 40,
    checkers: ["structure", "volume"],
  },
  {
    id: "graft-in-two-groups",
    mistake: "a staged merge kills what stood in its place in a group before the one that puts it there",
    edits: [
      {
        file: "src/global/staged_merge.ts",
        find: 'import type { KeyRange } from "./kill.ts";',
        replace: 'import { type KeyRange, killRange } from "./kill.ts";',
      },
      {
        file: "src/global/staged_merge.ts",
        find: "      const position = await this.#change((change) => this.#end(change));",
        replace: "      const place = { volume, root: this.#tree };\n" +
          "      if (this.#tree !== NO_ROOT) {\n" +
          "        await this.#change((change) => killRange(change, place, this.#range) === MISS " +
          "? AGAIN : undefined);\n" +
          "      }\n" +
          "      const position = await this.#change((change) => this.#end(change));",
      },
    ],
    tier: "micro",
    seed: 7,
    seedsMax: 40,
    checkers: ["durability"],
  },
  {
    id: "map-bit-not-journaled",
    mistake: "the space map's bits are set in memory and not journaled",
    edits: [{
      file: "src/buffer/change.ts",
      find: "if (!touched.fresh) opMapSet(touched.ops, start, count);",
      replace: "if (touched.fresh && count < 0) opMapSet(touched.ops, start, count);",
    }],
    tier: "micro",
    seed: 1,
    seedsMax: 20,
    checkers: ["structure", "volume"],
  },
  {
    id: "rollback-keeps-writes",
    mistake: "a rollback to a savepoint keeps the writes since",
    edits: [{
      file: "src/global/transaction.ts",
      find: "    this.#log.length = length;",
      replace: "    this.#log.length = Math.max(length, this.#log.length);",
    }],
    tier: "full",
    seed: 2,
    seedsMax: 20,
    checkers: ["model", "durability", "serial"],
  },
];
