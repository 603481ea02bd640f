/**
 * A process that writes to a volume and a stream as fast as it can, many writes in flight, until it is ended
 * from outside. Says who it is. Options: JSON, argument 1.
 */
import { randomBytes } from "node:crypto";
import process from "node:process";
import { createFileStorage } from "../../adapters/storage_file.ts";
import type { BlockWrite } from "../../src/ports/mod.ts";
import { BLOCK_BYTES, BLOCKS, say } from "./holder.ts";

const { directory } = JSON.parse(process.argv[2]!) as { readonly directory: string };
const storage = createFileStorage();
const volume = await storage.openVolume(`${directory}/cohort.dat`, {
  blockSize: BLOCK_BYTES,
  access: "write",
});
const stream = await storage.openStream(`${directory}/stream`, { access: "write", create: true });
let writes = 0;

/** Every write differs from the one before. */
async function writeOn(lane: number): Promise<never> {
  const bytes = new Uint8Array(BLOCK_BYTES);
  const set: BlockWrite[] = Array.from({ length: BLOCKS / 4 }, (_, at) => ({ block: 4 * at + lane, bytes }));
  for (;;) {
    new DataView(bytes.buffer).setUint32(0, ++writes, true);
    await volume.write(set);
    await stream.write(lane * BLOCK_BYTES, bytes);
    if (writes === 40) say({ what: "writing", owner: await storage.fence.identify(nonce) });
  }
}

const nonce = randomBytes(16).toString("hex");
await Promise.all([0, 1, 2, 3].map(writeOn));
