/**
 * The runtime's own "run all promise jobs now": about twice as fast as a turn of the event loop per event,
 * same order.
 */
import type { Drain } from "../../src/testing/sim/scheduler.ts";

interface DenoInternals {
  internal: string;
  [key: string]: unknown;
}

/**
 * The native drain of Deno or Bun; undefined where there is none, then the scheduler takes a turn per event.
 */
export async function nativeDrain(): Promise<Drain | undefined> {
  const globals = globalThis as unknown as { Bun?: unknown; Deno?: DenoInternals };
  if (globals.Bun !== undefined) {
    const name = "bun:jsc";
    const jsc = await import(name) as { drainMicrotasks?: () => void };
    return jsc.drainMicrotasks;
  }
  const deno = globals.Deno;
  if (deno === undefined) return undefined;
  const internals = deno[deno.internal] as { core?: { runMicrotasks?: () => void } } | undefined;
  const core = internals?.core;
  return core?.runMicrotasks === undefined ? undefined : () => core.runMicrotasks?.();
}
