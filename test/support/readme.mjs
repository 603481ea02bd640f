// README's first programs, for whoever runs them: as they stand, and as a runtime without `using` needs them.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./runtimes.mjs";

/** What the first program prints when nobody ran it before. */
export const PRINTED = ["Ada", "1"];
/** What the private one prints, whatever quotes a runtime's console uses. */
export const PRINTED_PRIVATELY = ["Ada", "124", "[ 123, 'name' ] Ada", "[ 124, 'name' ] Grace"];

/** The first block of TypeScript behind the heading "First program": members of a cluster. */
export function firstProgram() {
  return programBehind("First program");
}

/** The same of a database that one process has. */
export function privateProgram() {
  return programBehind("A private database");
}

function programBehind(heading) {
  const readme = readFileSync(join(ROOT, "README.md"), "utf8");
  const section = readme.split(/^## /m).find((it) => it.startsWith(`${heading}\n`));
  const program = /^```ts\n([\s\S]*?)^```/m.exec(section ?? "")?.[1];
  if (program === undefined) throw new Error(`README has no program behind "${heading}"`);
  return program;
}

/** The same with `try` and `finally` in place of `await using`. */
export function withoutUsing(program) {
  const found = /^await using (\w+) = (.*);$/m.exec(program);
  if (found === null) throw new Error("The program has no line of await using");
  const [line, name, value] = found;
  const [before, after] = program.split(line);
  const body = after.trimEnd().split("\n").map((it) => it === "" ? it : `  ${it}`).join("\n");
  return `${before}const ${name} = ${value};\ntry {${body}\n} finally {\n  await ${name}.close();\n}\n`;
}

/** The lines of an output in the one spelling that is expected above. */
export function printedLines(output) {
  return output.trim().split("\n").map((line) => line.replaceAll('"', "'"));
}
