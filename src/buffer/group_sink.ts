/** What a change needs of the redo journal: one group at a time, appended in memory (types only). */
import type { ByteWriter } from "../ground/byte_writer.ts";

/** The appending side of a journal. */
export interface GroupSink {
  /** Position after everything appended so far. */
  readonly position: number;
  readonly writer: ByteWriter;
  /** `admitted` is the space reserved by an admission for this group. */
  beginGroup(stamp: number, admitted: number): void;
  /** `kind` of the journal's records; that of a block's change by default. */
  beginRecord(volumeIndex: number, block: number, before: number, kind?: number): void;
  endRecord(): void;
  endGroup(): number;
}
