/**
 * Gated: files whose every write passes a gate, so that a node which was taken over writes nothing more
 * (DESIGN D8).
 *
 * Enter, write, leave; a shut gate refuses with `FENCED`. Reads pass freely.
 */
import { atEnd } from "../ground/at_end.ts";
import { CohortError } from "../ground/errors.ts";
import type { Answer, BlockWrite, Gate, Storage, StreamFile, VolumeFile } from "../ports/mod.ts";
import { isPending } from "../ports/mod.ts";

/** A storage whose streams write through a gate; everything else is as it was. */
export function gatedStorage(storage: Storage, gate: Gate): Storage {
  return {
    traits: storage.traits,
    fence: storage.fence,
    openVolume: (path, options) => storage.openVolume(path, options),
    openStream: (path, options) => {
      const answer = storage.openStream(path, options);
      return isPending(answer) ? answer.then((file) => gatedStream(file, gate)) : gatedStream(answer, gate);
    },
    createRegister: (path, bytes, options) =>
      through(gate, path, () => storage.createRegister(path, bytes, options)),
    readRegister: (path, options) => storage.readRegister(path, options),
    list: (directory) => storage.list(directory),
    remove: (path) => storage.remove(path),
    resolve: (path) => storage.resolve(path),
    close: () => storage.close(),
  };
}

/** A volume file whose writes pass a gate. */
export function gatedVolume(file: VolumeFile, gate: Gate): VolumeFile {
  return {
    path: file.path,
    blockSize: file.blockSize,
    read: (block, into) => file.read(block, into),
    write: (set: readonly BlockWrite[]) => through(gate, file.path, () => file.write(set)),
    sync: () => file.sync(),
    size: () => file.size(),
    grow: (blocks, isShared) => through(gate, file.path, () => file.grow(blocks, isShared)),
    close: () => file.close(),
  };
}

function gatedStream(file: StreamFile, gate: Gate): StreamFile {
  return {
    path: file.path,
    write: (position, bytes) => writeThrough(gate, file, position, bytes),
    read: (position, into) => file.read(position, into),
    sync: (lone) => file.sync(lone),
    reserve: (bytes) => through(gate, file.path, () => file.reserve(bytes)),
    size: () => file.size(),
    identity: () => file.identity(),
    close: () => file.close(),
  };
}

/** `through` without a closure: every group of a lone writer comes this way. */
function writeThrough(gate: Gate, file: StreamFile, position: number, bytes: Uint8Array): Answer<void> {
  if (!gate.enter()) throw fenced(file.path);
  let answer: Answer<void>;
  try {
    answer = file.write(position, bytes);
  } catch (error) {
    gate.leave();
    throw error;
  }
  if (isPending(answer)) return atEnd(answer, () => gate.leave());
  gate.leave();
}

function fenced(path: string): CohortError {
  return new CohortError("FENCED", `Could not write ${path}: another node has taken over`, { path });
}

function through<T>(gate: Gate, path: string, write: () => Answer<T>): Answer<T> {
  if (!gate.enter()) throw fenced(path);
  let answer: Answer<T>;
  try {
    answer = write();
  } catch (error) {
    gate.leave();
    throw error;
  }
  if (!isPending(answer)) {
    gate.leave();
    return answer;
  }
  return atEnd(answer, () => gate.leave());
}
