/** Whole databases: files damaged, cut or missing under a node that mounts them. */
import type { ErrorCode } from "../../../src/ground/errors.ts";
import type { Prng } from "../../support/prng.ts";
import type { Outcome, Target } from "../fuzz.ts";
import { answerLater, find, sameBytes } from "../judge.ts";
import { damageByte, garbage, spoil } from "../mutate.ts";
import {
  contentOf,
  CrashedFiles,
  DATABASE,
  problemsOf,
  type SampleDatabase,
  TurnedNode,
} from "../sample_databases.ts";

/** What a mount, and what reading, may say of damaged files. */
const CODES: readonly ErrorCode[] = [
  ...(["CORRUPT", "JOURNAL_GAP", "FORMAT_NEWER", "NOT_A_VOLUME", "NOT_FOUND", "BLOCK_SIZE"] as const),
  ...(["QUARANTINED", "FOREIGN_OWNER"] as const),
];
const VOLUME = `${DATABASE}/cohort.dat`;

/**
 * A byte of a file changed: what is read is what was once committed, or nothing is and a code says why. A
 * mount that refuses the volume has not changed it.
 */
async function damaged(prng: Prng, samples: readonly SampleDatabase[]): Promise<Outcome> {
  const { files, states, name } = prng.pick(samples);
  const storage = CrashedFiles.of(files);
  const path = prng.pick([...storage.files.keys(), VOLUME]);
  const { bytes } = storage.find(path);
  if (bytes.length === 0) return "read";
  const at = damageByte(prng, bytes, 0, prng.once(3) ? Math.min(bytes.length, 300) : bytes.length);
  const answer = await read(storage, prng.u32());
  if (answer === undefined) return "detected";
  if (!states.includes(answer)) find(`byte ${at} of ${path} changed (${name}): what is read never was`);
  return "read";
}

/** Files cut, swapped, missing or filled with anything: a code, or something is read; nothing worse. */
async function spoiled(prng: Prng, samples: readonly SampleDatabase[]): Promise<Outcome> {
  const storage = CrashedFiles.of(prng.pick(samples).files);
  const paths = [...storage.files.keys(), VOLUME];
  for (let steps = prng.below(4, 1); steps > 0; steps--) spoilFile(prng, storage, prng.pick(paths), paths);
  return await read(storage, prng.u32()) === undefined ? "refused" : "read";
}

function spoilFile(prng: Prng, storage: CrashedFiles, path: string, paths: readonly string[]): void {
  const file = storage.files.get(path);
  if (file === undefined) return;
  switch (prng.below(6)) {
    case 0:
      storage.files.delete(path);
      break;
    case 1:
      file.bytes = file.bytes.slice(0, prng.below(file.bytes.length + 1));
      break;
    case 2:
      file.bytes = (storage.files.get(prng.pick(paths)) ?? file).bytes.slice();
      break;
    case 3:
      file.bytes = garbage(prng, 20_000, file.bytes.subarray(0, 64));
      break;
    default:
      spoil(prng, file.bytes, 0, prng.once(2) ? Math.min(300, file.bytes.length) : file.bytes.length);
  }
}

/** All of the database, or undefined when a code says why not. */
async function read(storage: CrashedFiles, seed: number): Promise<string | undefined> {
  const before = storage.files.get(VOLUME)?.bytes.slice();
  const work = await TurnedNode.open(storage, seed);
  const mounted = await answerLater(CODES, () => work.run(work.node.mount(DATABASE)));
  let content: string | undefined;
  if ("value" in mounted) {
    const { value: database } = mounted;
    const answer = await answerLater(CODES, () => work.run(contentOf(database)));
    const problems = await answerLater(CODES, () => work.run(problemsOf(database)));
    if ("value" in answer) {
      content = answer.value;
      const set = await answerLater(CODES, () => work.run(database.global("Patient").set([1], "again")));
      if ("value" in set && "value" in problems && problems.value === 0) await work.run(database.dismount());
    }
  } else {
    const after = storage.files.get(VOLUME)?.bytes;
    const isRefused = mounted.code === "NOT_A_VOLUME" || mounted.code === "FORMAT_NEWER";
    if (isRefused && before !== undefined && !sameBytes(before, after ?? before)) {
      find("a refused volume was changed");
    }
  }
  await answerLater([...CODES, "STOPPED"], () => work.run(work.node.close()));
  return content;
}

/** The targets of this file. */
export function databaseTargets(samples: readonly SampleDatabase[]): Target[] {
  return [
    { name: "database, one byte damaged", weight: 0.1, run: (prng) => damaged(prng, samples) },
    { name: "database, spoiled", weight: 0.1, run: (prng) => spoiled(prng, samples) },
  ];
}
