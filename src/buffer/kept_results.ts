/**
 * Kept results: what this member has done for others that asked it to, until they are known to have the
 * answer (DESIGN D11). A request that comes again is answered from here; and the journal stays from where
 * such an answer is in it, for should this member be lost, recovery tells the one who asked by what it finds
 * there.
 */

import { RECORD_RESULT } from "../storage/journal_frame.ts";
import type { GroupSink } from "./group_sink.ts";

/** A request of another member. */
export interface RequestOf {
  /** Incarnation of who asks, and the same as bytes. */
  readonly requester: string;
  readonly id: Uint8Array;
  /** Its number of the request: they rise. */
  readonly sequence: number;
}

/**
 * Journals, in the open group, which request it answers by what encoded value, beside the block it changed.
 */
export function journalResult(
  sink: GroupSink,
  volumeIndex: number,
  block: number,
  { id, sequence }: RequestOf,
  value: Uint8Array,
  length: number,
): void {
  sink.beginRecord(volumeIndex, block, sequence, RECORD_RESULT);
  sink.writer.append(id);
  sink.writer.append(value, 0, length);
  sink.endRecord();
}

/** One answer. */
export interface KeptResult {
  readonly value: number | bigint;
  /** Positions before and behind the group that did it. */
  readonly from: number;
  readonly after: number;
  /** Number of the volume that it changed. */
  readonly volume: number;
}

/** The answers of one member. */
export class KeptResults {
  /** By who asked, and in the order in which they were asked for. */
  readonly #of = new Map<string, Map<number, KeptResult>>();

  /** What was answered to a request, if it was done here and may be asked for again. */
  find(requester: string, sequence: number): KeptResult | undefined {
    return this.#of.get(requester)?.get(sequence);
  }

  /** How many are kept for a member. */
  countOf(requester: string): number {
    return this.#of.get(requester)?.size ?? 0;
  }

  /** A request was done. */
  keep(requester: string, sequence: number, result: KeptResult): void {
    let results = this.#of.get(requester);
    if (results === undefined) this.#of.set(requester, results = new Map());
    results.set(sequence, result);
  }

  /** All up to a sequence are known to whoever asked. */
  acknowledge(requester: string, upTo: number): void {
    const results = this.#of.get(requester);
    if (results === undefined) return;
    // Who asks asks in order, and asks again in order: what is refused once may be done later, behind others.
    for (const sequence of [...results.keys()]) if (sequence <= upTo) results.delete(sequence);
    if (results.size === 0) this.#of.delete(requester);
  }

  /** Nobody else will ask again: who is in no view any more is gone. */
  keepOnly(members: readonly string[]): void {
    for (const requester of this.#of.keys()) {
      if (!members.includes(requester)) this.#of.delete(requester);
    }
  }

  /** Whether one is of a volume. */
  has(volume: number): boolean {
    for (const results of this.#of.values()) {
      for (const result of results.values()) if (result.volume === volume) return true;
    }
    return false;
  }

  /** Lowest position that one of them needs; `otherwise` when there is none. */
  oldest(otherwise: number): number {
    let oldest = otherwise;
    for (const results of this.#of.values()) {
      for (const { from } of results.values()) {
        oldest = Math.min(oldest, from);
        // They were done in the order of the journal.
        break;
      }
    }
    return oldest;
  }
}
