/**
 * Asking: what members ask of each other for whoever administers them, as bytes. Pure.
 *
 * Both ends are members of one cluster, proven by its secret and of one version, so that only the outline of
 * what comes is checked.
 */
import { ByteWriter } from "../ground/byte_writer.ts";
import { CohortError } from "../ground/errors.ts";
import { decodeValue, encodeValue, type Value } from "../ground/value.ts";
import type { MountMode } from "./mount_options.ts";

/** Which database to mount, and how. */
export interface MountRequest {
  /** As {@linkcode Node.mount} takes it. */
  readonly directory: string;
  /** `"private"` by default. */
  readonly mode?: MountMode;
  /** Makes the database when it is missing. */
  readonly create?: boolean;
  /** Refuses writes. */
  readonly readOnly?: boolean;
}

/** What one member asks of another. */
export type Question =
  | { readonly ask: "report" }
  | { readonly ask: "databases"; readonly from: number }
  | ({ readonly ask: "mount"; readonly timeoutMs: number } & MountRequest)
  | { readonly ask: "dismount"; readonly directory: string; readonly timeoutMs: number }
  | { readonly ask: "leave" };

const ASKS: ReadonlySet<unknown> = new Set<Question["ask"]>([
  "report",
  "databases",
  "mount",
  "dismount",
  "leave",
]);

/** The bytes of a question. */
export function encodeQuestion(question: Question): Uint8Array {
  return encoded(plain(question));
}

/** Throws `CORRUPT` for what is no question. */
export function decodeQuestion(body: Uint8Array): Question {
  const question = decodeValue(body, 0, body.length) as unknown as Question;
  if (ASKS.has(Object(question).ask)) return question;
  throw new CohortError("CORRUPT", "Could not read a question of another member: it asks for nothing known");
}

/** The bytes of an answer; of a caller's mistake the message. Rethrows what is neither. */
export async function encodeAnswer(answer: () => Promise<unknown>): Promise<Uint8Array> {
  try {
    return encoded({ answer: plain(await answer()) });
  } catch (error) {
    // The member that was asked is not broken because the one who asked was mistaken.
    if (error instanceof TypeError) return encoded({ type: error.message });
    if (error instanceof RangeError) return encoded({ range: error.message });
    throw error;
  }
}

/** What was answered; throws the caller's mistake that was found there. */
export function decodeAnswer<T>(body: Uint8Array): T {
  const { answer, type, range } = Object(decodeValue(body, 0, body.length));
  if (typeof type === "string") throw new TypeError(type);
  if (typeof range === "string") throw new RangeError(range);
  return answer as T;
}

function encoded(value: Value): Uint8Array {
  const writer = new ByteWriter(256);
  encodeValue(value, writer);
  return writer.bytes.slice(0, writer.length);
}

/** The same without what is undefined. */
function plain(value: unknown): Value {
  if (value === undefined) return null;
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value as Value;
  const members = Object.entries(value).filter(([, it]) => it !== undefined);
  return Object.fromEntries(members.map(([name, it]) => [name, plain(it)]));
}
