/** Options of `run`. */
export interface RunOptions {
  /** Put before each line that is shown. */
  readonly prefix?: string;
  /** Takes each line in place of showing it. */
  readonly sink?: (line: string) => void;
  readonly cwd?: string | undefined;
  readonly env?: Record<string, string> | undefined;
  /** Milliseconds until it is killed with its group; ten minutes by default. */
  readonly timeoutMs?: number;
}

export function run(command: readonly string[], options?: RunOptions): Promise<number>;
