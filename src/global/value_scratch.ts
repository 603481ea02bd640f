/** Value scratch: where values are encoded that are copied at once into a block or a list. */
import { ByteWriter } from "../ground/byte_writer.ts";
import { encodeValue, type Value } from "../ground/value.ts";

const valueScratch: ByteWriter = new ByteWriter(4096);
/** The scratch a big value leaves behind is not kept above this. */
const SCRATCH_KEPT_BYTES = 1 << 20;

/** True while an object is being encoded into the scratch: its getters may set other values. */
let isScratchBusy = false;

/** A value in the scratch, or in one of its own while the scratch is in use. */
export function encodedValue(value: Value): ByteWriter {
  const writer = isScratchBusy ? new ByteWriter(256) : valueScratch;
  writer.length = 0;
  if (typeof value !== "object" || isScratchBusy) {
    encodeValue(value, writer);
    return writer;
  }
  isScratchBusy = true;
  try {
    encodeValue(value, writer);
  } finally {
    isScratchBusy = false;
  }
  return writer;
}

/** An encoded value, its own copy; a big scratch is let go. */
export function taken(writer: ByteWriter): Uint8Array {
  const value = writer.bytes.slice(0, writer.length);
  letGo(writer);
  return value;
}

/** Gives back the memory that a big value left behind in a scratch. */
export function letGo(writer: ByteWriter): void {
  if (writer.bytes.length > SCRATCH_KEPT_BYTES) writer.restart(4096);
}
