/**
 * A few 32-bit words in memory that every isolate of the process can reach by a path: a shared mapping of a
 * file.
 *
 * Bun maps files itself. Deno is asked to call the C library (its `-A` allows it, and less cannot find a
 * foreign gate anyway). Where neither is there (Node), there is no mapping and the caller does without.
 */

/** Bytes of the mapped file: one page. */
export const MAPPED_BYTES = 4096;

/** A mapping; `release` ends it, after which its words must not be touched. */
export interface MappedWords {
  readonly words: Int32Array;
  release(): void;
}

interface BunMapping {
  mmap(path: string, options: { shared: boolean }): Uint8Array;
}

type Pointer = object | null;

/** The calls of the C library that a mapping takes. */
interface MappingCalls {
  open(path: Uint8Array, flags: number): number;
  close(file: number): number;
  mmap(at: null, bytes: bigint, protection: number, flags: number, file: number, offset: bigint): Pointer;
  munmap(at: Pointer, bytes: bigint): number;
}

interface Library {
  readonly symbols: MappingCalls;
  close(): void;
}

interface DenoForeign {
  dlopen(name: string, symbols: object): Library;
  readonly UnsafePointer: { value(pointer: Pointer): bigint | number };
  readonly UnsafePointerView: { getArrayBuffer(pointer: Pointer, bytes: number): ArrayBuffer };
}

const O_RDWR_CLOEXEC = 0o2000002;
const PROT_READ_WRITE = 3;
const MAP_SHARED = 1;
const MAP_FAILED = 0xffff_ffff_ffff_ffffn;

const SYMBOLS = {
  open: { parameters: ["buffer", "i32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  mmap: { parameters: ["pointer", "usize", "i32", "i32", "i32", "i64"], result: "pointer" },
  munmap: { parameters: ["pointer", "usize"], result: "i32" },
} as const;

/** Maps a file of `MAPPED_BYTES` for reading and writing; undefined where this runtime cannot. */
export function mapWords(path: string): MappedWords | undefined {
  const { Bun: bun, Deno: deno } = globalThis as unknown as {
    Bun?: BunMapping;
    Deno?: DenoForeign;
  };
  try {
    if (bun !== undefined) return mapByBun(bun, path);
    if (deno !== undefined) return mapByDeno(deno, path);
  } catch {
    // No such call, not allowed, or a file system that cannot map: the caller does without.
  }
  return undefined;
}

function mapByBun(bun: BunMapping, path: string): MappedWords | undefined {
  const bytes = bun.mmap(path, { shared: true });
  if (bytes.length < MAPPED_BYTES) return undefined;
  // The collector ends the mapping.
  return { words: new Int32Array(bytes.buffer, bytes.byteOffset, MAPPED_BYTES / 4), release: () => {} };
}

/** Open while there are mappings: Deno's tests take one that stays for a leak, and opening costs 3 ms. */
let library: Library | undefined;
let mappings = 0;

function mapByDeno(deno: DenoForeign, path: string): MappedWords | undefined {
  library ??= deno.dlopen("libc.so.6", SYMBOLS);
  const { symbols } = library;
  mappings++;
  const at = mapPage(deno, symbols, path);
  const release = () => {
    if (at !== null) symbols.munmap(at, BigInt(MAPPED_BYTES));
    if (--mappings > 0) return;
    library?.close();
    library = undefined;
  };
  if (at !== null) {
    return { words: new Int32Array(deno.UnsafePointerView.getArrayBuffer(at, MAPPED_BYTES)), release };
  }
  release();
  return undefined;
}

function mapPage(deno: DenoForeign, { open, close, mmap }: MappingCalls, path: string): Pointer {
  const file = open(new TextEncoder().encode(`${path}\0`), O_RDWR_CLOEXEC);
  if (file < 0) return null;
  const at = mmap(null, BigInt(MAPPED_BYTES), PROT_READ_WRITE, MAP_SHARED, file, 0n);
  close(file);
  return BigInt.asUintN(64, BigInt(deno.UnsafePointer.value(at))) === MAP_FAILED ? null : at;
}
