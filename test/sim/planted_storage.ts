/** Bugs planted in journals, image journals, write cycles, claims and recovery. */
import { LOST, type Plant } from "./plant.ts";

/** The table's part. */
export const STORAGE_PLANTS: readonly Plant[] = [
  {
    id: "skip-journal-sync",
    mistake: "an operation is acknowledged without the journal's sync",
    edits: [{
      file: "src/storage/journal_pump.ts",
      find: "answer = file.sync(lone);",
      replace: "answer = lone ? undefined : undefined;",
    }],
    tier: "micro",
    seed: 1,
    seedsMax: 5,
    checkers: LOST,
  },
  {
    id: "skip-image-sync",
    mistake: "blocks go home before their images are synced",
    edits: [{
      file: "src/storage/image_journal.ts",
      find: "      await this.#file.sync(false);",
      replace: "      await undefined;",
    }],
    tier: "micro",
    seed: 1,
    seedsMax: 5,
    checkers: ["stamps"],
  },
  {
    id: "home-before-image",
    mistake: "a cycle's blocks are written in place before its images",
    edits: [{
      file: "src/buffer/write_daemon.ts",
      find: "      await images.writeCycle(this.#cycle, [...cycle.list], facts);",
      replace:
        "      await cycle.writeHome();\n      await images.writeCycle(this.#cycle, [...cycle.list], facts);",
    }],
    tier: "micro",
    seed: 1,
    seedsMax: 5,
    checkers: ["stamps"],
  },
  {
    id: "home-before-redo",
    mistake: "a cycle does not wait until the redo of its blocks is synced",
    edits: [{
      file: "src/buffer/write_daemon.ts",
      find: "      await journal.makeSafe(formedAt);",
      replace: "      await undefined;",
    }],
    tier: "full",
    seed: 1,
    seedsMax: 40,
    checkers: ["stamps"],
  },
  {
    id: "skip-volume-sync",
    mistake: "a cycle is released, and its redo dropped, before the volumes are synced",
    edits: [{
      file: "src/buffer/write_daemon.ts",
      find: "if (!await syncVolume(volume)) volumes.delete(volume);",
      replace: "if (volumes.size < 0) await syncVolume(volume);",
    }],
    tier: "full",
    seed: 1,
    seedsMax: 10,
    checkers: ["home"],
  },
  {
    id: "replay-over-newer",
    mistake: "replay applies a record to a block that has it already",
    edits: [{
      file: "src/storage/replay_rule.ts",
      find: 'if (after <= current) return "skip";',
      replace: 'if (after === current) return "skip";\n  if (after < current) return "apply";',
    }],
    tier: "full",
    seed: 1,
    seedsMax: 20,
    checkers: ["stamps", "structure", "volume", "quarantine", ...LOST],
  },
  {
    id: "silent-gap",
    mistake: "damage in the middle of a journal is taken for its tail",
    edits: [{
      file: "src/storage/journal_chain.ts",
      find: "if (later.synced > position) {",
      replace: "if (later.synced > position && position < 0) {",
    }],
    tier: "rot",
    seed: 1,
    seedsMax: 400,
    checkers: ["quarantine", "liveness"],
  },
  {
    id: "stale-image",
    mistake: "images of a released cycle are written over newer blocks",
    edits: [{
      file: "src/storage/image_scan.ts",
      find: "  return !currentVerifies || currentStamp <= imageStamp;",
      replace: "  return !currentVerifies || currentStamp + imageStamp >= 0;",
    }, {
      file: "src/node/recover.ts",
      find: "if (fault === undefined && stamp === image.stamp) continue;",
      replace: "if (fault === undefined && stamp < 0) continue;",
    }],
    tier: "full",
    seed: 1,
    seedsMax: 20,
    checkers: ["home", "stamps"],
  },
  {
    id: "truncate-too-early",
    mistake: "a sealed segment is dropped though blocks it names are not home",
    edits: [{
      file: "src/node/member.ts",
      find: "if (segment.sealed && segment.end <= position)",
      replace: "if (segment.sealed && (segment.end <= position || position >= 0))",
    }],
    tier: "full",
    seed: 1,
    seedsMax: 10,
    checkers: ["home"],
  },
  {
    id: "ceiling-ignored",
    mistake: "recovery goes on with the last stamp it found, not above every ceiling",
    edits: [{
      file: "src/node/recover.ts",
      find: "report.ceiling = Math.max(report.ceiling, found.ceiling, found.lastStamp);",
      replace: "report.ceiling = Math.max(report.ceiling, found.lastStamp);",
    }],
    tier: "full",
    seed: 8,
    seedsMax: 60,
    checkers: ["stamps"],
  },
  {
    id: "predecessors-forgotten",
    mistake: "who takes over from one that died in recovery forgets whom that one was recovering",
    edits: [{
      file: "src/storage/claim.ts",
      find: "const all = new Set([...record.predecessors, record.journalDirectory]);",
      replace: "const all = new Set([record.journalDirectory]);",
    }],
    tier: "full",
    seed: 3,
    seedsMax: 40,
    checkers: [...LOST, "quarantine", "liveness", "structure"],
  },
  {
    id: "predecessor-dropped-early",
    mistake: "a dead owner's journal goes before what was replayed from it is home",
    edits: [{
      file: "src/node/mounting.ts",
      find: "  await member.daemon.checkpoint();\n  const { pool }",
      replace: "  const { pool }",
    }, {
      file: "src/node/mounting.ts",
      find: "    invariant(!pool.isDirty(frame),",
      replace: "    invariant(frame >= 0,",
    }],
    tier: "full",
    seed: 1,
    seedsMax: 10,
    checkers: ["home"],
  },
  {
    id: "relaxed-before-written",
    mistake: "a relaxed operation is acknowledged before its redo is written to the file",
    edits: [{
      file: "src/storage/journal_pump.ts",
      find: "    if (position <= this.acknowledged) return undefined;",
      replace: "    if (position <= this.acknowledged || !this.#strict) return undefined;",
    }],
    tier: "full",
    seed: 8,
    seedsMax: 60,
    checkers: LOST,
  },
  {
    id: "dead-tail-trusted",
    mistake:
      "the unsynced tail of a dead journal is replayed from the page cache, not copied and synced first",
    edits: [{
      file: "src/storage/journal_durable.ts",
      find: "  if (chain.contentEnd > start) {",
      replace: "  if (start >= 0) return { ...end, end: chain.position };\n  if (chain.contentEnd > start) {",
    }],
    tier: "micro",
    seed: 1,
    seedsMax: 20,
    checkers: ["stamps", "durability"],
  },
  {
    id: "register-not-atomic",
    mistake: "a register is linked before all of its bytes are synced",
    edits: [{
      file: "src/testing/sim/sim_storage.ts",
      find: "      file.durable.write(0, copy);",
      replace: "      file.durable.write(0, copy.slice(0, copy.length >> 1));",
    }],
    tier: "full",
    seed: 1,
    seedsMax: 20,
    checkers: ["quarantine", "errors"],
  },
  {
    id: "sync-retried",
    mistake: "a journal sync that failed is tried again and believed",
    edits: [{
      file: "src/storage/journal_pump.ts",
      find: "      answer = file.sync(lone);\n    } catch (error) {\n" +
        "      this.#onSyncFailed(error);\n      return false;\n    }",
      replace: "      answer = file.sync(lone);\n    } catch {\n      answer = file.sync(lone);\n    }\n" +
        "    if (isPending(answer)) answer = answer.catch(() => file.sync(lone));",
    }],
    tier: "full",
    seed: 1,
    seedsMax: 20,
    checkers: ["contract"],
  },
  {
    id: "cleaned-though-changed",
    mistake: "a block changed since its copy was taken counts as home",
    edits: [{
      file: "src/buffer/write_daemon.ts",
      find: "if (blockStamp(pool.bytes, frame * pool.blockSize) === " +
        "blockStamp(image.bytes, 0)) pool.cleaned(frame);",
      replace: "if (blockStamp(pool.bytes, frame * pool.blockSize) >= " +
        "blockStamp(image.bytes, 0)) pool.cleaned(frame);",
    }],
    tier: "full",
    seed: 1,
    seedsMax: 20,
    checkers: ["home"],
  },
  {
    id: "rotation-without-barrier",
    mistake: "frames of the next segment are written before the sealed one is synced",
    edits: [{
      file: "src/storage/journal_pump.ts",
      find: "      this.#barrier = this.written;",
      replace: "      this.#barrier = this.written;\n      this.#finishRotation();",
    }],
    tier: "full",
    seed: 1,
    seedsMax: 10,
    checkers: ["home"],
  },
  {
    id: "unsynced-read",
    mistake: "what is in the frame on its way to the disk counts as synced",
    edits: [{
      file: "src/storage/journal_pump.ts",
      find: "  ackOf(position: number): Promise<void> | undefined {",
      replace: "  ackOf(position: number): Promise<void> | undefined {\n" +
        "    if (position < this.filling.start) return undefined;",
    }],
    tier: "full",
    seed: 3,
    seedsMax: 100,
    checkers: LOST,
  },
];
