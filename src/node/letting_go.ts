/**
 * Letting go of a volume: the pool forgets its blocks, so that no later mount meets old ones, and writes that
 * are under way end before its claim does.
 */
import type { Pool } from "../buffer/pool.ts";
import type { Clock, Gate } from "../ports/mod.ts";

/** Drops the frames of a volume that nobody holds: true when none are left. */
export function dropFrames(pool: Pool, index: number): boolean {
  let isEmpty = true;
  for (const frame of [...pool.framesOf(index)]) {
    if (pool.pinsOf(frame) > 0 || pool.isLoading(frame)) isEmpty = false;
    else pool.drop(frame);
  }
  return isEmpty;
}

/**
 * Drops all frames of a volume; those that work still holds, once it lets go of them. Gives up after
 * `msMax` milliseconds, and rejects with the signal's reason.
 */
export async function forgetFrames(
  pool: Pool,
  index: number,
  clock: Clock,
  msMax: number,
  signal?: AbortSignal,
): Promise<void> {
  for (let ms = 0; ms < msMax && !dropFrames(pool, index); ms++) {
    signal?.throwIfAborted();
    await new Promise<void>((done) => void clock.after(1, done));
  }
}

/** Waits for writes under way: operations that will be refused may still have the volume grow. */
export async function writesEnded(gate: Gate, clock: Clock): Promise<void> {
  while (gate.inFlight() > 0) await new Promise<void>((done) => void clock.after(1, done));
}
