/**
 * `cohort`: the tools for databases that no program has open.
 *
 * Exit codes: 0 done; 1 done, but something was found (bad records, problems); 2 wrong usage; 3 could not be
 * done; 130 interrupted. SIGINT and SIGTERM end a command cleanly: the database is let go as by any other
 * end.
 */
import { readFileSync } from "node:fs";
import process from "node:process";
import { parseArgs } from "node:util";
import { CohortError } from "../../mod.ts";
import {
  type Command,
  EXIT_FAILED,
  EXIT_INTERRUPTED,
  EXIT_OK,
  EXIT_USAGE,
  type Invocation,
  UsageError,
} from "./command.ts";
import { checkCommand } from "./check_command.ts";
import { dumpCommand } from "./dump_command.ts";
import { exportCommand } from "./export_command.ts";
import { importCommand } from "./import_command.ts";
import { journalsCommand } from "./journals_command.ts";
import { pijCommand } from "./pij_command.ts";
import { recoverCommand } from "./recover_command.ts";
import { replCommand } from "./repl_command.ts";
import { sizeCommand } from "./size_command.ts";
import { Terminal } from "./terminal.ts";

const COMMANDS: readonly Command[] = [
  importCommand,
  exportCommand,
  checkCommand,
  dumpCommand,
  sizeCommand,
  replCommand,
  pijCommand,
  recoverCommand,
  journalsCommand,
];
const HELP = { help: { type: "boolean", short: "h" } } as const;

/** Runs the program with its arguments; resolves to the exit code once all output was handed over. */
export async function main(args: readonly string[]): Promise<number> {
  const terminal = new Terminal();
  const controller = new AbortController();
  const interrupt = (): void => controller.abort(new Interrupted());
  // The second signal of a kind ends the process as usual.
  for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, interrupt);
  try {
    const code = await dispatch(args, terminal, controller.signal);
    await terminal.flush();
    return code;
  } catch (error) {
    const code = failed(error, args[0], terminal);
    await terminal.flush().catch(() => {});
    return code;
  }
}

/** Reason of a command that a signal ends. */
class Interrupted extends Error {}

async function dispatch(args: readonly string[], terminal: Terminal, signal: AbortSignal): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined) throw new UsageError("a command is missing");
  if (name === "--help" || name === "-h" || name === "help") {
    const command = rest[0] === undefined ? undefined : commandOf(rest[0]);
    await terminal.print(command === undefined ? overview() : helpOf(command));
    return EXIT_OK;
  }
  if (name === "--version") {
    await terminal.print(version());
    return EXIT_OK;
  }
  const command = commandOf(name);
  const { values, positionals } = parsed(command, rest);
  if (values.help === true) {
    await terminal.print(helpOf(command));
    return EXIT_OK;
  }
  return await command.run({ values, positionals, terminal, signal });
}

function commandOf(name: string): Command {
  const command = COMMANDS.find((it) => it.name === name);
  if (command === undefined) throw new UsageError(`unknown command: ${name}`);
  return command;
}

function parsed(command: Command, args: string[]): Pick<Invocation, "values" | "positionals"> {
  try {
    const { values, positionals } = parseArgs({
      args,
      options: { ...command.options, ...HELP },
      allowPositionals: true,
      strict: true,
    });
    return { values: values as Invocation["values"], positionals };
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message.split(/\. To specify|\n/)[0] : String(error));
  }
}

function failed(error: unknown, name: string | undefined, terminal: Terminal): number {
  terminal.endProgress();
  if (error instanceof Interrupted) {
    terminal.note("interrupted");
    return EXIT_INTERRUPTED;
  }
  if (error instanceof UsageError) {
    terminal.note(`cohort: ${error.message}`);
    const command = COMMANDS.find((it) => it.name === name);
    terminal.note(command === undefined ? overview() : usageOf(command));
    return EXIT_USAGE;
  }
  if (terminal.isGone) return EXIT_OK;
  terminal.note(`cohort: ${describe(error)}`);
  return EXIT_FAILED;
}

/** The code and message of an error, and of its causes. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = error instanceof CohortError ? `${error.code}: ` : "";
  const cause = error.cause === undefined ? "" : ` (${describe(error.cause)})`;
  return code + error.message + cause;
}

function overview(): string {
  const rows = COMMANDS.map((it) => `  ${it.name.padEnd(8)} ${it.summary}`);
  return [
    "usage: cohort COMMAND ...",
    "",
    ...rows,
    "",
    "cohort help COMMAND tells more; DB is the directory of a database.",
    "Exit codes: 0 done, 1 something was found, 2 wrong usage, 3 could not be done.",
  ].join("\n");
}

function usageOf(command: Command): string {
  return `usage: cohort ${command.name} ${command.usage}`;
}

function helpOf(command: Command): string {
  return `${usageOf(command)}\n\n${command.help}`;
}

/** Version of the package this file belongs to, wherever it was built to. */
function version(): string {
  for (const up of ["../../package.json", "../../../package.json"]) {
    try {
      const { version } = JSON.parse(readFileSync(new URL(up, import.meta.url), "utf8")) as {
        version: string;
      };
      return version;
    } catch {
      continue;
    }
  }
  return "unknown";
}
