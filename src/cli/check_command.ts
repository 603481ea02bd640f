/** `cohort check`: the full walk through a database. */
import { type Command, EXIT_FOUND, EXIT_OK, expectPositionals, type Invocation } from "./command.ts";
import { withDatabase } from "./opening.ts";
import { grouped } from "./terminal.ts";

/** The command. */
export const checkCommand: Command = {
  name: "check",
  summary: "walk through a whole database and tell what is wrong",
  usage: "DB [--json]",
  help:
    `Reads every block of DB: checksums, addresses, order of keys, fences, levels, values, and that each is
either reached once or free. Problems are listed by block: exit code 1.

A database that was not closed cleanly is recovered first. Nobody may have it mounted for writing.

  --json  print the report as JSON`,
  options: { json: { type: "boolean" } },
  run,
};

async function run({ positionals, values, terminal, signal }: Invocation): Promise<number> {
  const [directory] = expectPositionals(positionals, 1, 1);
  return await withDatabase(directory!, { access: "read", signal }, terminal, async (database) => {
    const report = await database.check({ signal });
    const { problems, ...counts } = report;
    if (values.json === true) {
      await terminal.print(JSON.stringify(report));
    } else {
      for (const { block, problem } of problems) await terminal.print(`block ${block}: ${problem}`);
      await terminal.print(
        Object.entries(counts).map(([name, count]) => `${words(name)} ${grouped(count)}`).join(", "),
      );
      await terminal.print(problems.length === 0 ? "no problem" : `${grouped(problems.length)} problems`);
    }
    return problems.length === 0 ? EXIT_OK : EXIT_FOUND;
  });
}

/** `valueBlocks` as "value blocks". */
function words(name: string): string {
  return name.replace(/[A-Z]/g, (it) => ` ${it.toLowerCase()}`);
}
