/** `#test` on Deno: `Deno.test` with the leak sanitizers on (they are off by default). */
import { DEFAULT_TIMEOUT_MS, type TestBody, type TestOptions, withDeadline } from "./deadline.ts";

/**
 * Registers a test; it fails when it throws, rejects, leaks a resource or outlives its deadline (60 s by
 * default).
 */
export function test(name: string, fn: TestBody): void;
export function test(name: string, options: TestOptions, fn: TestBody): void;
export function test(name: string, optionsOrFn: TestOptions | TestBody, maybeFn?: TestBody): void {
  const fn = typeof optionsOrFn === "function" ? optionsOrFn : maybeFn!;
  const { timeoutMs = DEFAULT_TIMEOUT_MS } = typeof optionsOrFn === "function" ? {} : optionsOrFn;
  Deno.test({ name, sanitizeOps: true, sanitizeResources: true, fn: () => withDeadline(fn, timeoutMs) });
}
