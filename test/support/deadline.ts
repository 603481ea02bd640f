/** The one deadline rule of tests on both runtimes. */

/** Deadline of a test that names none. */
export const DEFAULT_TIMEOUT_MS = 60_000;

/** Body of a test. */
export type TestBody = () => void | Promise<void>;

/** Options of a test. */
export interface TestOptions {
  readonly timeoutMs?: number;
}

/** Runs `fn`; rejects when it takes longer than `timeoutMs`. Leaves no timer behind. */
export async function withDeadline(fn: TestBody, timeoutMs: number): Promise<void> {
  const answer = fn();
  if (answer === undefined) return;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Test took longer than ${timeoutMs} ms`)), timeoutMs);
  });
  try {
    await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}
