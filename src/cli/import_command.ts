/** `cohort import`: a file of globals into a database. */
import { type Charset, type ImportProgress, importText, type TextFormat } from "../../mod.ts";
import { CHARSETS, TEXT_FORMATS } from "../global/text_header.ts";
import {
  choiceOf,
  type Command,
  EXIT_FOUND,
  EXIT_OK,
  expectPositionals,
  type Invocation,
} from "./command.ts";
import { openInput } from "./files.ts";
import { withDatabase } from "./opening.ts";
import { bar, grouped } from "./terminal.ts";

/** Bad records that are told one by one. */
const BAD_TOLD = 20;

/** The command. */
export const importCommand: Command = {
  name: "import",
  summary: "load a file of globals (ZWR, GO or JSON Lines)",
  usage: "DB [FILE] [--format zwr|go|jsonl] [--charset M|UTF-8] [--json]",
  help:
    `Sets every node that FILE holds (standard input when it is missing or "-"; gzip is seen by itself). DB is
made when it is missing. Format and charset are told by the file's header; a file without one is ZWR or
JSON Lines, or GO if --format says so. Values of ZWR and GO are strings, quoted or not; those of JSON Lines
keep their types.

A record that cannot be read or stored is told by its line, and the rest is loaded: exit code 1.

  --format   what the file is: zwr, go or jsonl
  --charset  M: a byte is a character of U+0000 to U+00FF; or UTF-8
  --json     print what was done as JSON`,
  options: { format: { type: "string" }, charset: { type: "string" }, json: { type: "boolean" } },
  run,
};

async function run({ positionals, values, terminal, signal }: Invocation): Promise<number> {
  const [directory, file] = expectPositionals(positionals, 1, 2);
  const format = choiceOf<TextFormat>(values, "format", TEXT_FORMATS);
  const charset = choiceOf<Charset>(values, "charset", CHARSETS);
  const input = openInput(file, signal);
  const started = performance.now();
  const bad: Array<{ line: number; problem: string }> = [];
  const onBadRecord = (line: number, problem: string): void => {
    if (bad.length >= BAD_TOLD) return;
    bad.push({ line, problem });
    terminal.note(`line ${line}: ${problem}`);
  };
  // The end of the command syncs everything, so that only an import that was cut short may lose its last
  // moments.
  const opening = { access: "create", durability: "relaxed", signal } as const;
  const report = await withDatabase(
    directory!,
    opening,
    terminal,
    (database) =>
      importText(database, input.chunks, {
        ...(format === undefined ? {} : { format }),
        ...(charset === undefined ? {} : { charset }),
        signal,
        onBadRecord: (it) => onBadRecord(it.line, it.problem.message),
        onProgress: (it) => terminal.progress(() => progressOf(it, input.part(), started)),
      }),
  );
  const seconds = (performance.now() - started) / 1000;
  if (report.badRecords > bad.length) {
    terminal.note(`and ${grouped(report.badRecords - bad.length)} more bad records`);
  }
  if (values.json === true) await terminal.print(JSON.stringify({ ...report, seconds, bad }));
  else await terminal.print(summary(report, seconds));
  return report.badRecords > 0 ? EXIT_FOUND : EXIT_OK;
}

function progressOf({ bytes, records }: ImportProgress, part: number | undefined, started: number): string {
  const perSecond = Math.round(records / ((performance.now() - started) / 1000));
  const how = part === undefined ? `${grouped(bytes)} bytes` : bar(part);
  return `${how}  ${grouped(records)} records  ${grouped(perSecond)}/s`;
}

function summary(report: ImportProgress & { format: TextFormat; charset: Charset }, seconds: number): string {
  const kind = report.format === "jsonl"
    ? "JSON Lines"
    : `${report.format.toUpperCase()}, charset ${report.charset}`;
  const bad = report.badRecords === 0 ? "" : `, ${grouped(report.badRecords)} bad`;
  return `${grouped(report.records)} records${bad}, ${grouped(report.bytes)} bytes (${kind}) in ${
    seconds.toFixed(1)
  } s`;
}
