// README's first program, for whoever runs it: as it stands, and as a runtime without `using` needs it.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./runtimes.mjs";

/** What the program prints, whatever quotes a runtime's console uses. */
export const PRINTED = ["Ada", "124", "[ 123, 'name' ] Ada", "[ 124, 'name' ] Grace"];

/** The first block of TypeScript behind the heading "First program". */
export function firstProgram() {
  const readme = readFileSync(join(ROOT, "README.md"), "utf8");
  const program = /^## First program\n[\s\S]*?^```ts\n([\s\S]*?)^```/m.exec(readme)?.[1];
  if (program === undefined) throw new Error("README has no first program");
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

/** The lines of an output in the one spelling of `PRINTED`. */
export function printedLines(output) {
  return output.trim().split("\n").map((line) => line.replaceAll('"', "'"));
}
