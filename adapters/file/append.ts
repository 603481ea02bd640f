/** Zeros behind the end of a file that others write to and lengthen at the same time. */
import * as fs from "node:fs";
import * as calls from "./calls.ts";
import type { LaneFile } from "./lanes.ts";
import { systemError } from "./system_error.ts";

/** What appends to a file, and is closed. */
interface Appender {
  readonly write: (bytes: Uint8Array) => Promise<number>;
  readonly close: () => Promise<void> | void;
}

/**
 * Puts zeros behind the end of a file, piece by piece, until it is `bytes` long. The system chooses where
 * each piece goes in the same step as it writes it (`O_APPEND`), so no byte that anybody wrote is touched,
 * whoever else lengthens the file meanwhile: it may then become longer than either wanted. What has been
 * added stays when it fails.
 */
export async function appendZeros(
  operation: string,
  file: LaneFile,
  bytes: number,
  zeros: Uint8Array,
): Promise<void> {
  const appender = await openAppender(operation, file);
  try {
    for (;;) {
      const { size } = await calls.status(operation, file.path, file.fd);
      if (size >= bytes) return;
      const count = await appender.write(
        bytes - size < zeros.length ? zeros.subarray(0, bytes - size) : zeros,
      );
      if (count <= 0) throw new Error("wrote nothing");
    }
  } catch (error) {
    throw systemError(operation, file.path, error);
  } finally {
    await appender.close();
  }
}

/** Opens the file a second time, to append: another one that bears its name by now is refused. */
async function openAppender(operation: string, file: LaneFile): Promise<Appender> {
  const appender = calls.deno === undefined ? await openHere(operation, file.path) : openOnDeno(file.path);
  if (appender.dev === file.dev && appender.ino === file.ino) return appender;
  await appender.close();
  const gone = Object.assign(new Error("another file bears its name"), { code: "ESTALE" });
  throw systemError(operation, file.path, gone);
}

interface OpenAppender extends Appender {
  readonly dev: number | null;
  readonly ino: number | null;
}

async function openHere(operation: string, path: string): Promise<OpenAppender> {
  const { O_APPEND, O_WRONLY } = fs.constants;
  const fd = await calls.open(operation, path, O_WRONLY | O_APPEND);
  const { dev, ino } = await calls.status(operation, path, fd);
  const write = (bytes: Uint8Array): Promise<number> =>
    new Promise((resolve, reject) => {
      fs.write(fd, bytes, 0, bytes.length, null, (error, count) => error ? reject(error) : resolve(count));
    });
  return { dev, ino, write, close: () => calls.close(operation, path, fd) };
}

/** Deno's own file object, whose writes alone leave the loop free there. */
function openOnDeno(path: string): OpenAppender {
  const own = calls.deno!.openSync(path, { append: true });
  const { dev, ino } = own.statSync();
  return { dev, ino, write: (bytes) => own.write(bytes), close: () => own.close() };
}
