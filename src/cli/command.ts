/** A command of `cohort`: its name, its help, its options, and what it does. */
import type { ParseArgsOptionsConfig } from "node:util";
import type { Terminal } from "./terminal.ts";

/** Done, and nothing was found. */
export const EXIT_OK = 0;
/** Done, and something was found: bad records, problems of a volume, a failed line of `repl`. */
export const EXIT_FOUND = 1;
/** Wrong arguments; nothing was done. */
export const EXIT_USAGE = 2;
/** Could not be done; the message begins with the error's code. */
export const EXIT_FAILED = 3;
/** Interrupted by a signal. */
export const EXIT_INTERRUPTED = 130;

/** What a command is called with. */
export interface Invocation {
  /** Arguments that are no options. */
  readonly positionals: readonly string[];
  /** Options by name. */
  readonly values: Readonly<Record<string, string | boolean | undefined>>;
  /** Where it writes. */
  readonly terminal: Terminal;
  /** Aborted by SIGINT and SIGTERM. */
  readonly signal: AbortSignal;
}

/** One command. */
export interface Command {
  readonly name: string;
  /** Half a line, for the list of commands. */
  readonly summary: string;
  /** Arguments, without the names of program and command. */
  readonly usage: string;
  /** What the help says below the usage. */
  readonly help: string;
  readonly options: ParseArgsOptionsConfig;
  /** Resolves to the exit code. */
  run(invocation: Invocation): Promise<number>;
}

/** Arguments that make no sense: shown with the usage, exit code 2. */
export class UsageError extends Error {
  /** `UsageError`. */
  override readonly name = "UsageError";
}

/** The value of an option that has one of `choices`; undefined when it was not given. */
export function choiceOf<T extends string>(
  values: Invocation["values"],
  name: string,
  choices: readonly T[],
): T | undefined {
  const value = values[name];
  if (value === undefined) return undefined;
  const choice = choices.find((it) => it.toLowerCase() === String(value).toLowerCase());
  if (choice === undefined) throw new UsageError(`--${name} is one of ${choices.join(", ")}, got ${value}`);
  return choice;
}

/** The positional arguments, when there are at least `least` and at most `most`. */
export function expectPositionals(
  positionals: readonly string[],
  least: number,
  most: number,
): readonly string[] {
  if (positionals.length < least) throw new UsageError("an argument is missing");
  if (positionals.includes("")) throw new UsageError("an argument is empty");
  if (positionals.length > most) throw new UsageError(`unexpected argument: ${positionals[most]}`);
  return positionals;
}
