/** `#test` on Bun: `bun:test`. */
import { test as bunTest } from "bun:test";
import { DEFAULT_TIMEOUT_MS, type TestBody, type TestOptions, withDeadline } from "./deadline.ts";

/** Registers a test; it fails when it throws, rejects or outlives its deadline (60 s by default). */
export function test(name: string, fn: TestBody): void;
export function test(name: string, options: TestOptions, fn: TestBody): void;
export function test(name: string, optionsOrFn: TestOptions | TestBody, maybeFn?: TestBody): void {
  const fn = typeof optionsOrFn === "function" ? optionsOrFn : maybeFn!;
  const { timeoutMs = DEFAULT_TIMEOUT_MS } = typeof optionsOrFn === "function" ? {} : optionsOrFn;
  bunTest(name, () => withDeadline(fn, timeoutMs), timeoutMs + 5_000);
}
