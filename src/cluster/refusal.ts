/** Errors that travel: a handler's `CohortError` as the body of a refusal. Pure. */
import { ByteWriter } from "../ground/byte_writer.ts";
import { CohortError, ERROR_CODES, type ErrorCode, type ErrorFacts } from "../ground/errors.ts";
import { decodeValue, encodeValue, type Value } from "../ground/value.ts";

/** Longest message that travels, in UTF-16 units; the rest is cut. */
const MESSAGE_MAX = 4_000;

/** The body of a refusal. */
export function encodeRefusal({ code, message, facts }: CohortError): Uint8Array {
  const writer = new ByteWriter(256);
  const told = Object.entries(facts).filter(([, fact]) => fact !== undefined) as [string, Value][];
  encodeValue({ code, message: message.slice(0, MESSAGE_MAX), facts: Object.fromEntries(told) }, writer);
  return writer.bytes.slice(0, writer.length);
}

/** The error that a refusal tells; `from` is who said so. Throws `CORRUPT` for what tells none. */
export function decodeRefusal(body: Uint8Array, from: string): CohortError {
  const told = decodeValue(body, 0, body.length);
  const { code, message, facts } = (typeof told === "object" && told !== null ? told : {}) as {
    readonly code?: Value;
    readonly message?: Value;
    readonly facts?: Value;
  };
  const isCode = typeof code === "string" && Object.hasOwn(ERROR_CODES, code);
  if (!isCode || typeof message !== "string") {
    throw new CohortError("CORRUPT", "Could not read a refusal: it has no code and message", {
      member: from,
    });
  }
  const isFacts = typeof facts === "object" && facts !== null && !Array.isArray(facts);
  return new CohortError(code as ErrorCode, message, {
    ...(isFacts ? facts as unknown as ErrorFacts : {}),
    member: from,
  });
}
