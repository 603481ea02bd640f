/** `cohort repl`: globals by hand. */
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import process from "node:process";
import { createInterface } from "node:readline";
import { CohortError } from "../../mod.ts";
import {
  type Command,
  EXIT_FOUND,
  EXIT_OK,
  expectPositionals,
  type Invocation,
  UsageError,
} from "./command.ts";
import { withDatabase } from "./opening.ts";
import { REPL_HELP, ReplSession } from "./repl_session.ts";

/** Lines of history that are read back. */
const HISTORY_LINES = 1000;

/** The command. */
export const replCommand: Command = {
  name: "repl",
  summary: "look at globals and change them by hand",
  usage: "DB [--create] [--read-only] [--history FILE]",
  help: `Runs lines from the terminal, or from standard input (then a line that fails makes the exit code 1):

${REPL_HELP}

  --create     make DB when it is missing
  --read-only  refuse changes
  --history    keep the lines typed in FILE, for the arrow keys of the next time`,
  options: {
    create: { type: "boolean" },
    "read-only": { type: "boolean" },
    history: { type: "string" },
  },
  run,
};

async function run({ positionals, values, terminal, signal }: Invocation): Promise<number> {
  const [directory] = expectPositionals(positionals, 1, 1);
  if (values.create === true && values["read-only"] === true) {
    throw new UsageError("--create and --read-only exclude each other");
  }
  const access = values.create === true ? "create" : values["read-only"] === true ? "read" : "write";
  const historyFile = typeof values.history === "string" ? values.history : undefined;
  const isTyped = process.stdin.isTTY === true;
  return await withDatabase(directory!, { access, signal }, terminal, async (database) => {
    signal.throwIfAborted();
    const session = new ReplSession(database);
    const lines = createInterface({
      input: process.stdin,
      ...(isTyped ? { output: process.stdout, terminal: true, prompt: "cohort> " } : { terminal: false }),
      history: readHistory(historyFile),
    });
    const close = (): void => lines.close();
    signal.addEventListener("abort", close, { once: true });
    lines.on("SIGINT", close);
    let failures = 0;
    try {
      if (isTyped) {
        terminal.note(`${database.directory}: "help" lists the verbs`);
        lines.prompt();
      }
      for await (const line of lines) {
        if (historyFile !== undefined && isTyped && line.trim() !== "") {
          appendFileSync(historyFile, line + "\n");
        }
        try {
          const answer = await session.run(line);
          if (answer === undefined) break;
          for (const it of answer) await terminal.print(it);
        } catch (error) {
          failures++;
          terminal.note(messageOf(error));
        }
        if (isTyped) lines.prompt();
      }
    } finally {
      signal.removeEventListener("abort", close);
      lines.close();
    }
    signal.throwIfAborted();
    return failures > 0 && !isTyped ? EXIT_FOUND : EXIT_OK;
  });
}

/** The lines of a history file, the latest first. */
function readHistory(file: string | undefined): string[] {
  if (file === undefined || !existsSync(file)) return [];
  return readFileSync(file, "utf8").split("\n").filter((it) => it !== "").slice(-HISTORY_LINES).reverse();
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error instanceof CohortError ? `${error.code}: ${error.message}` : `${error.name}: ${error.message}`;
}
