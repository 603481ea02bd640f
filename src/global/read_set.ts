/**
 * Read set: what a transaction saw of the trees, so that its commit can tell whether it still stands (DESIGN
 * D3).
 *
 * Two primitive questions are recorded: the value of a key, and the next or previous key from a key.
 * Validation asks again from the root: the same leaf at the same stamp answers at once, otherwise the answers
 * are compared, so a change of the leaf that does not touch what was read is no conflict. A global that does
 * not exist is asked likewise.
 */
import { AGAIN, type Again } from "../buffer/engine.ts";
import { MISS, type Step } from "../buffer/step.ts";
import { blockNumber, blockStamp } from "../ground/block.ts";
import { keyInto, search } from "../ground/entries.ts";
import { KEY_BYTES_MAX } from "../ground/limits.ts";
import { findRoot, NO_ROOT } from "./catalog.ts";
import type { DatabaseCore } from "./database.ts";
import { keyBytes, keyText } from "./overlay.ts";
import { FOUND, seekAfter, seekBefore, type Spot } from "./seek.ts";
import { readAt } from "./store.ts";
import { leafOf } from "./tree.ts";

/** `value`: of the key. `from`: first key at or after. `before`: last key strictly before. */
export type Question = "value" | "from" | "before";

/** Bytes of a value, text of a key, or undefined for none. */
export type Answer = Uint8Array | string | undefined;

interface Asked {
  readonly database: DatabaseCore;
  readonly name: string;
  readonly question: Question;
  /** undefined only for `before`: from the end. */
  readonly key: Uint8Array | undefined;
  readonly answer: Answer;
  /** The leaf that answered, when one leaf did. */
  readonly leafBlock: number;
  readonly leafStamp: number;
}

interface Answered {
  readonly answer: Answer;
  readonly leafBlock: number;
  readonly leafStamp: number;
}

/** What a question takes besides its texts: an entry of a map, an object, arrays. */
const QUESTION_BYTES = 250;

const NO_LEAF = -1;
const spot: Spot = { frame: 0, index: 0 };
const foundKey: Uint8Array = new Uint8Array(KEY_BYTES_MAX);

/** The reads of one run of a transaction. */
export class ReadSet {
  readonly #asked = new Map<string, Asked>();
  #bytes = 0;

  /** Bytes that it takes, about. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Distinct questions asked. */
  get size(): number {
    return this.#asked.size;
  }

  /** Asks, once: a question asked before gets the answer it got then. */
  ask(
    step: Step,
    database: DatabaseCore,
    name: string,
    question: Question,
    key: string | undefined,
  ): { readonly answer: Answer } | Again {
    const id = `${database.volume.index} ${name} ${question} ${key === undefined ? "" : "=" + key}`;
    const known = this.#asked.get(id);
    if (known !== undefined) return known;
    const bytes = key === undefined ? undefined : keyBytes(key);
    const answered = answerOf(step, database, name, question, bytes);
    if (answered === AGAIN) return AGAIN;
    this.#asked.set(id, { database, name, question, key: bytes, ...answered });
    this.#bytes += QUESTION_BYTES + 2 * id.length + (answered.answer?.length ?? 0);
    return answered;
  }

  /** Whether every answer would be the same now. Throws when a database that was read is there no more. */
  stillTrue(step: Step): boolean | Again {
    let lacking = false;
    for (const asked of this.#asked.values()) {
      asked.database.admitRead();
      const same = stands(step, asked);
      if (same === false) return false;
      if (same === AGAIN) lacking = true;
    }
    return lacking ? AGAIN : true;
  }
}

function stands(step: Step, asked: Asked): boolean | Again {
  const { database, name, key } = asked;
  if (asked.leafBlock !== NO_LEAF && key !== undefined) {
    const root = findRoot(step, database.volume, name);
    if (root === MISS) return AGAIN;
    if (root !== NO_ROOT) {
      const leaf = leafOf(step, database.volume, root, key, key.length);
      if (leaf === MISS) return AGAIN;
      const base = leaf * step.pool.blockSize;
      const { bytes } = step.pool;
      if (blockNumber(bytes, base) === asked.leafBlock && blockStamp(bytes, base) === asked.leafStamp) {
        step.observe(leaf);
        return true;
      }
    }
  }
  const now = answerOf(step, database, name, asked.question, key);
  return now === AGAIN ? AGAIN : sameAnswer(now.answer, asked.answer);
}

function sameAnswer(a: Answer, b: Answer): boolean {
  if (!(a instanceof Uint8Array) || !(b instanceof Uint8Array)) return a === b;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

function answerOf(
  step: Step,
  database: DatabaseCore,
  name: string,
  question: Question,
  key: Uint8Array | undefined,
): Answered | Again {
  const { volume } = database;
  const root = findRoot(step, volume, name);
  if (root === MISS) return AGAIN;
  if (root === NO_ROOT) return { answer: undefined, leafBlock: NO_LEAF, leafStamp: 0 };
  const place = { volume, root };
  if (question === "value") return valueAnswer(step, database, root, key!);
  const found = question === "before"
    ? seekBefore(step, place, key ?? foundKey, key === undefined ? -1 : key.length, spot)
    : seekAfter(step, place, key!, key!.length, true, spot);
  if (found === MISS) return AGAIN;
  if (found !== FOUND) return { answer: undefined, leafBlock: NO_LEAF, leafStamp: 0 };
  const { bytes, blockSize } = step.pool;
  const base = spot.frame * blockSize;
  const answer = keyText(foundKey, keyInto(bytes, base, spot.index, foundKey));
  const first = key === undefined ? MISS : leafOf(step, volume, root, key, key.length);
  // Only an answer from the leaf of the question itself can be proven by that leaf's stamp.
  if (first !== spot.frame) return { answer, leafBlock: NO_LEAF, leafStamp: 0 };
  return { answer, leafBlock: blockNumber(bytes, base), leafStamp: blockStamp(bytes, base) };
}

function valueAnswer(step: Step, database: DatabaseCore, root: number, key: Uint8Array): Answered | Again {
  const leaf = leafOf(step, database.volume, root, key, key.length);
  if (leaf === MISS) return AGAIN;
  step.observe(leaf);
  const { bytes, blockSize } = step.pool;
  const base = leaf * blockSize;
  const index = search(bytes, base, key, key.length);
  const found = index < 0 ? undefined : readAt(step, database.volume, base, index);
  if (found === AGAIN) return AGAIN;
  const answer = found === undefined ? undefined : found.bytes.slice(found.from, found.to);
  return { answer, leafBlock: blockNumber(bytes, base), leafStamp: blockStamp(bytes, base) };
}
