/** Types of `reports.mjs`, which Node runs as it is. */

/** One result line of a recorded proof. */
export interface Shown {
  readonly runtime: string;
  readonly result: string;
  readonly control: string;
  readonly ok: boolean;
}

export function parseResults(line: string, runtime: string): Shown[];

export function shortcomings(
  results: readonly Shown[],
  codes: readonly { readonly runtime: string; readonly code: number }[],
  runtimes: readonly string[],
): string[];

export function mergeRows(
  table: string,
  id: string,
  runtimes: readonly string[],
  rows: readonly (readonly string[])[],
): string;

export function countReport(xml: string): { passed: number; failed: number };

export function failuresIn(runtime: string): { hear(line: string): void; told(): string[] };
