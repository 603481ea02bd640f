/** `cohort export`: globals of a database into a file. */
import { type Charset, exportText, type TextFormat } from "../../mod.ts";
import { checkName } from "../ground/name.ts";
import { CHARSETS, TEXT_FORMATS } from "../global/text_header.ts";
import {
  choiceOf,
  type Command,
  EXIT_OK,
  expectPositionals,
  type Invocation,
  UsageError,
} from "./command.ts";
import { writeOutput } from "./files.ts";
import { withDatabase } from "./opening.ts";
import { grouped } from "./terminal.ts";

/** The command. */
export const exportCommand: Command = {
  name: "export",
  summary: "write globals as ZWR, GO or JSON Lines",
  usage: "DB [FILE] [--format zwr|go|jsonl] [--charset M|UTF-8] [--global NAME,...] [--refuse|--jsonl]",
  help: `Writes the globals of DB in collation order to FILE (standard output when it is missing or "-";
packed when its name ends in .gz). FILE appears when it is complete.

Strings, numbers and bigints of up to 18 digits have a form in M. Of other values (arrays, bytes, -0 ...)
the first one ends the export, with its line and reference, unless --jsonl is given.

  --format   zwr, go or jsonl; told by the name of FILE, else zwr
  --charset  UTF-8 (default), or M: characters of U+0000 to U+00FF as bytes
  --global   names of globals, without "^", separated by commas; all by default
  --refuse   a value without a form in M ends the export (default)
  --jsonl    a value without a form in M is written as a JSON line in its place, which import reads`,
  options: {
    format: { type: "string" },
    charset: { type: "string" },
    global: { type: "string" },
    refuse: { type: "boolean" },
    jsonl: { type: "boolean" },
  },
  run,
};

async function run({ positionals, values, terminal, signal }: Invocation): Promise<number> {
  const [directory, file] = expectPositionals(positionals, 1, 2);
  if (values.refuse === true && values.jsonl === true) {
    throw new UsageError("--refuse and --jsonl exclude each other");
  }
  const format = choiceOf<TextFormat>(values, "format", TEXT_FORMATS) ?? formatOfName(file);
  const charset = choiceOf<Charset>(values, "charset", CHARSETS) ?? "UTF-8";
  const globals = typeof values.global === "string" ? values.global.split(",").map(nameOf) : undefined;
  await withDatabase(directory!, { access: "read", signal }, terminal, async (database) => {
    for (const name of globals ?? []) {
      if (!await database.has(name)) terminal.note(`there is no global ^${name}`);
    }
    const chunks = exportText(database, {
      format,
      charset,
      noMForm: values.jsonl === true ? "jsonl" : "refuse",
      ...(globals === undefined ? {} : { globals }),
      signal,
      onProgress: (it) =>
        terminal.progress(() => `^${it.global}  ${grouped(it.records)} records  ${grouped(it.bytes)} bytes`),
    });
    await writeOutput(file, chunks, terminal);
  });
  return EXIT_OK;
}

function nameOf(text: string): string {
  const name = text.startsWith("^") ? text.slice(1) : text;
  try {
    checkName(name);
  } catch (error) {
    throw new UsageError(`--global: ${(error as Error).message}`);
  }
  return name;
}

function formatOfName(file: string | undefined): TextFormat {
  const [, ending] = /\.(\w+)(?:\.gz)?$/.exec(file ?? "") ?? [];
  return TEXT_FORMATS.find((it) => it === ending?.toLowerCase()) ?? "zwr";
}
