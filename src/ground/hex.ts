/** Identities: 16 bytes on disk, 32 hexadecimal digits everywhere else. */
import { invariant } from "./errors.ts";

/** Bytes of an identity: a volume, or an incarnation of a volume or of a node. */
export const ID_BYTES = 16;

/**
 * The two digits of each byte: ids are read and written with every slot and record, and digits one by one are
 * slow.
 */
const PAIRS: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));
/** The value of the character code of a digit. */
const VALUES: Uint8Array = Uint8Array.from({ length: 128 }, (_, code) => {
  const at = "0123456789abcdef".indexOf(String.fromCharCode(code));
  return Math.max(0, at);
});
const ID_PATTERN = /^[0-9a-f]{32}$/;

/** Whether `text` names an identity: 32 hexadecimal digits, lower case. */
export function isId(text: string): boolean {
  return ID_PATTERN.test(text);
}

/** Writes an identity as `ID_BYTES` bytes at `at`. */
export function putId(bytes: Uint8Array, at: number, id: string): void {
  invariant(isId(id), "An identity is 32 hexadecimal digits");
  for (let i = 0; i < ID_BYTES; i++) {
    bytes[at + i] = (VALUES[id.charCodeAt(i * 2)]! << 4) | VALUES[id.charCodeAt(i * 2 + 1)]!;
  }
}

/** Reads the `ID_BYTES` bytes at `at` as an identity. */
export function getId(bytes: Uint8Array, at: number): string {
  let id = "";
  for (let i = at; i < at + ID_BYTES; i++) id += PAIRS[bytes[i]!]!;
  return id;
}

/** Sixteen bytes as an identity. */
export function toHex(bytes: Uint8Array): string {
  return getId(bytes, 0);
}
