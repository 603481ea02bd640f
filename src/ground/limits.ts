/** Every bound with its unit, and the assertions between them. */
import { invariant } from "./errors.ts";

/** Default block size in bytes. */
export const BLOCK_BYTES_DEFAULT = 8192;
/** Block sizes a volume may have. */
export const BLOCK_BYTES_ALLOWED: readonly number[] = [8192, 16384, 32768];
/** Blocks per extent (one space map block each) unless a volume says otherwise. */
export const EXTENT_BLOCKS_DEFAULT = 1024;
/** Most subscripts in a reference. */
export const SUBSCRIPTS_MAX = 31;
/** Most encoded bytes of all subscripts of a key; a 511-byte reference always fits. */
export const KEY_BYTES_MAX = 1019;
/** Most characters of a global name. */
export const NAME_CHARS_MAX = 31;
/** Most encoded bytes of a value kept in its leaf. */
export const INLINE_VALUE_BYTES_MAX = 1836;
/** Most encoded bytes of a value (3.6 MB). */
export const VALUE_BYTES_MAX = 3_641_344;
/** Most bytes of the magnitude of a bigint value. */
export const BIGINT_BYTES_MAX = 65_536;
/** Deepest nesting of an array or object value. */
export const VALUE_DEPTH_MAX = 64;
/** Most significant digits of a numeric subscript. */
export const NUMBER_DIGITS_MAX = 18;
/** Largest stamp: 48 bits. */
export const STAMP_MAX: number = 2 ** 48 - 1;
/** Most levels of a tree. */
export const TREE_LEVELS_MAX = 12;

invariant(VALUE_BYTES_MAX <= 3_641_144 + 200, "A value holds the longest M string and its tag");
