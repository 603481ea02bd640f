/** A Worker that writes through its gates, many writes in flight, and stalls on demand. */
import { parentPort, workerData } from "node:worker_threads";
import { createFileStorage } from "../../adapters/storage_file.ts";
import type { BlockWrite } from "../../src/ports/mod.ts";
import { gatedVolume } from "../../src/storage/gated.ts";
import { BLOCK_BYTES, BLOCKS } from "./holder.ts";

const { directory, nonce, stall } = workerData as {
  readonly directory: string;
  readonly nonce: string;
  readonly stall?: SharedArrayBuffer;
};
const port = parentPort!;
const storage = createFileStorage();
const gate = await storage.fence.openGate(directory, nonce);
const volume = gatedVolume(
  await storage.openVolume(`${directory}/cohort.dat`, { blockSize: BLOCK_BYTES, access: "write" }),
  gate,
);
let writes = 0;

async function writeOn(lane: number): Promise<void> {
  const bytes = new Uint8Array(BLOCK_BYTES);
  const set: BlockWrite[] = Array.from({ length: BLOCKS / 4 }, (_, at) => ({ block: 4 * at + lane, bytes }));
  for (;;) {
    new DataView(bytes.buffer).setUint32(0, ++writes, true);
    await volume.write(set);
    if (writes === 40) port.postMessage("writing");
    // Between two writes, with none inside: the loop is blocked, the thread lives.
    if (writes === 60 && stall !== undefined) Atomics.wait(new Int32Array(stall), 0, 0);
  }
}

const lanes = stall === undefined ? [0, 1, 2, 3] : [0];
const ends = await Promise.allSettled(lanes.map(writeOn));
port.postMessage(ends.map((it) => it.status === "rejected" ? String(it.reason.code) : "done").join());
