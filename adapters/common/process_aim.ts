/**
 * Aim: a hold on the process that has a pid now, by which a signal reaches that process and no other, whoever
 * gets the pid later (Linux: a pidfd).
 *
 * Neither runtime offers it, but both let the C library be called; where that is not to be had (Node, another
 * C library, an old kernel, a sandbox) there is no aim, and the caller signals by pid, at once after it has
 * looked.
 */

/** A hold on a process. */
export interface Aim {
  /** Sends SIGKILL; false when that was refused or the process is no more. */
  kill(): boolean;
  /** Lets go. Once. */
  close(): void;
}

/** Numbers of system calls, the same on every processor that a runtime is made for. */
const PIDFD_SEND_SIGNAL = 424;
const PIDFD_OPEN = 434;
const SIGKILL = 9;

interface Calls {
  syscall(number: bigint, a: bigint, b: bigint, c: bigint, d: bigint): bigint | number;
  close(file: number): number;
}

interface Library {
  readonly symbols: Calls;
  close(): void;
}

interface BunRuntime {
  readonly FFI: { dlopen(name: string, symbols: object): Library };
}

interface DenoRuntime {
  readonly permissions: { querySync(what: { name: "ffi" }): { readonly state: string } };
  dlopen(name: string, symbols: object): Library;
}

/** Aims at the process that has this pid; undefined when there is none, or no aiming here. */
export function aimAt(pid: number): Aim | undefined {
  let library: Library | undefined;
  try {
    library = openLibrary();
  } catch {
    return undefined; // no such library or call here
  }
  if (library === undefined) return undefined;
  const { symbols } = library;
  const file = Number(symbols.syscall(BigInt(PIDFD_OPEN), BigInt(pid), 0n, 0n, 0n));
  if (file < 0) {
    library.close();
    return undefined;
  }
  return {
    kill: () =>
      Number(symbols.syscall(BigInt(PIDFD_SEND_SIGNAL), BigInt(file), BigInt(SIGKILL), 0n, 0n)) === 0,
    close: () => {
      symbols.close(file);
      library.close();
    },
  };
}

function openLibrary(): Library | undefined {
  const { Bun: bun, Deno: deno } = globalThis as unknown as { Bun?: BunRuntime; Deno?: DenoRuntime };
  if (bun !== undefined) {
    return bun.FFI.dlopen("libc.so.6", {
      syscall: { args: ["i64", "i64", "i64", "i64", "i64"], returns: "i64" },
      close: { args: ["i32"], returns: "i32" },
    });
  }
  if (deno === undefined || deno.permissions.querySync({ name: "ffi" }).state !== "granted") return undefined;
  return deno.dlopen("libc.so.6", {
    syscall: { parameters: ["i64", "i64", "i64", "i64", "i64"], result: "i64" },
    close: { parameters: ["i32"], result: "i32" },
  });
}
