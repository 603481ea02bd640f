/** Listening at an address: past what a killed process left there, or with an error that says what to do. */
import { lstatSync, unlinkSync } from "node:fs";
import { createConnection, type Server } from "node:net";
import { CohortError, type ErrorCode } from "../../src/ground/errors.ts";
import { errnoOf } from "../file/system_error.ts";
import { type SocketAddress, textOfAddress } from "./socket_address.ts";

/** Longest path of a Unix socket on Linux, in bytes. */
const PATH_BYTES_MAX = 107;
/** Longest wait for an answer at a path that is taken; a process that lives has the system accept at once. */
const KNOCK_MS = 1_000;

/** What each refusal means. */
const REMEDIES: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  EADDRINUSE: ["UNREACHABLE", "another process listens there: end it, or give another address"],
  NoSocket: ["UNREACHABLE", "a file is there that is no socket: give another path"],
  EADDRNOTAVAIL: ["UNREACHABLE", "this host has no such address"],
  ENOENT: ["UNREACHABLE", "there is no such directory"],
  EACCES: ["PERMISSION", "this user may not listen there"],
  EPERM: ["PERMISSION", "this user may not listen there"],
  EROFS: ["PERMISSION", "nothing can be made there"],
  NotCapable: ["PERMISSION", "the runtime does not allow it: run with -A, as a cluster needs"],
};

/**
 * A server of `make` that listens. Rejects `UNREACHABLE` where another process listens or the address is
 * none of this host's, `PERMISSION`, and `IO` for a path that is too long.
 */
export async function listenAt(at: SocketAddress, make: () => Server): Promise<Server> {
  try {
    try {
      return await listening(at, make());
    } catch (error) {
      if (errnoOf(error) !== "EADDRINUSE" || !("path" in at)) throw error;
      await removeLeft(at.path, error);
    }
    return await listening(at, make());
  } catch (error) {
    throw listenError(at, error);
  }
}

/** Removes the socket that a killed process left at a path. Throws `taken`, or what keeps it from that. */
async function removeLeft(path: string, taken: unknown): Promise<void> {
  const found = fileAt(path);
  if (found === undefined) return;
  // Connecting to a file that is no socket is refused just as by one that nobody listens at.
  if (!found.isSocket) throw new NoSocket();
  if (await isAnswered(path)) throw taken;
  // Only what was knocked at: another process may have begun to listen there meanwhile.
  if (fileAt(path)?.life === found.life) unlinkSync(path);
}

/** A file that is no socket is where one is to be. */
class NoSocket extends Error {
  override readonly name = "NoSocket";
  readonly code = "EADDRINUSE";
}

/** What keeps one from listening, by code, with the error number and what to do. */
export function listenError(at: SocketAddress, cause: unknown): CohortError {
  const address = textOfAddress(at);
  const errno = errnoOf(cause);
  const facts = { address, errno };
  const text = `Could not listen at ${address}: ${errno}`;
  const bytes = "path" in at ? new TextEncoder().encode(at.path).length : 0;
  if (bytes > PATH_BYTES_MAX) {
    const long =
      `the path of a socket has at most ${PATH_BYTES_MAX} bytes, this one ${bytes}: give a shorter one`;
    return new CohortError("IO", `${text}, ${long}`, facts, cause);
  }
  const [code, remedy] = REMEDIES[cause instanceof NoSocket ? cause.name : errno] ??
    ["UNREACHABLE", (cause as Error).message];
  return new CohortError(code, `${text}, ${remedy}`, facts, cause);
}

async function listening(at: SocketAddress, server: Server): Promise<Server> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    if ("path" in at) server.listen(at.path, resolve);
    else server.listen(at.port, at.host, resolve);
  });
  server.on("error", () => {});
  return server;
}

/** The file at a path, and which it is among those that were there before it; undefined where none is. */
function fileAt(path: string): { readonly isSocket: boolean; readonly life: string } | undefined {
  const found = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  return found === undefined
    ? undefined
    : { isSocket: found.isSocket(), life: `${found.ino} ${found.ctimeNs}` };
}

/** Whether a process listens at the path of a socket; true when nobody can tell. */
async function isAnswered(path: string): Promise<boolean> {
  const socket = createConnection(path);
  try {
    return await new Promise<boolean>((resolve) => {
      socket.once("connect", () => resolve(true));
      socket.once("error", (error) => resolve(errnoOf(error) !== "ECONNREFUSED"));
      socket.setTimeout(KNOCK_MS, () => resolve(true));
    });
  } finally {
    socket.destroy();
  }
}
