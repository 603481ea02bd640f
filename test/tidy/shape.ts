/** Size, names, comments and words: what a reader meets before any idea. */
import { isCode, type SourceFile } from "./files.ts";
import { functionsOf } from "./scan.ts";

const FILE_LINES_MAX = 400;
const FUNCTION_LINES_MAX = 70;
const LINE_COLUMNS_MAX = 110;

/** Code files that are too long to hold one idea. */
export function fileLengthErrors(files: readonly SourceFile[]): string[] {
  return files.filter(isCode).flatMap((file) => {
    const count = file.lines.length - (file.text.endsWith("\n") ? 1 : 0);
    return count > FILE_LINES_MAX ? [`${file.path}:${count}: ${count} lines, at most ${FILE_LINES_MAX}`] : [];
  });
}

/** Functions that are too long to be read at once. */
export function functionLengthErrors(files: readonly SourceFile[]): string[] {
  return files.filter(isCode).flatMap((file) =>
    functionsOf(file.scan.code).flatMap(({ firstLine, lastLine }) => {
      const count = lastLine - firstLine + 1;
      if (count <= FUNCTION_LINES_MAX) return [];
      return [`${file.path}:${firstLine}: function of ${count} lines, at most ${FUNCTION_LINES_MAX}`];
    })
  );
}

/** Code lines beyond the last column. */
export function lineLengthErrors(files: readonly SourceFile[]): string[] {
  return files.filter(isCode).flatMap((file) =>
    file.lines.flatMap((line, at) => {
      const columns = [...line].length;
      return columns > LINE_COLUMNS_MAX
        ? [`${file.path}:${at + 1}: ${columns} columns, at most ${LINE_COLUMNS_MAX}`]
        : [];
    })
  );
}

/** Source names that are not snake_case. */
export function fileNameErrors(files: readonly SourceFile[]): string[] {
  return files
    .filter((file) => isCode(file) && !/^(?:[a-z0-9_]+\/|\.ci\/|test\/show\/)*[a-z0-9_.]+$/.test(file.path))
    .map((file) => `${file.path}:1: file and folder names are snake_case`);
}

const EXPORT =
  /^export (?:declare )?(?:abstract )?(?:async )?(?:const|let|function\*?|class|interface|type|enum) (\w+)/;

/** Exported symbols of `src/` and `adapters/` without a doc comment. */
export function exportDocErrors(files: readonly SourceFile[]): string[] {
  return files.filter((file) => /^(mod\.ts$|src\/|adapters\/)/.test(file.path)).flatMap((file) => {
    const documented = new Set<string>();
    return file.lines.flatMap((line, at) => {
      const name = EXPORT.exec(line)?.[1];
      if (name === undefined || documented.has(name)) return [];
      documented.add(name); // overloads share the comment of the first
      const before = file.lines.slice(0, at).findLast((it) => !/^\/\/ deno-|^@/.test(it)) ?? "";
      return before.trimEnd().endsWith("*/") ? [] : [`${file.path}:${at + 1}: ${name} has no doc comment`];
    });
  });
}

/** Marks of unfinished work, in two halves so that this file does not hold them. */
const UNFINISHED = new RegExp(`\\b(?:${["TO" + "DO", "FIX" + "ME", "X" + "XX", "HA" + "CK"].join("|")})\\b`);
/** What a merge leaves where it could not tell, indented by a formatter or not. */
const UNMERGED = /^\s*(?:<{7}|>{7})\s/;
/** Ways around the type checker, in comments and in code. */
const SILENCED = /@ts-(?:ignore|nocheck|expect-error)/;
const UNCHECKED = new RegExp(
  `@ts-(?:ignore|nocheck|expect-error)|\\bas ${"any"}\\b|: ${"any"}\\b|<${"any"}>`,
);
/** Tests that are there but do not run. */
const UNRUN = new RegExp(`\\b(?:test|it|describe)\\.(?:skip|only|to${"do"})\\b|\\bignore: ${"true"}\\b`);

/** Unfinished work, unchecked types and tests that do not run. */
export function softSpotErrors(files: readonly SourceFile[]): string[] {
  return files.flatMap((file) => {
    const code = file.scan.code.split("\n");
    return file.lines.flatMap((line, at) => {
      const found: string[] = [];
      if (UNFINISHED.test(line)) found.push("unfinished");
      if (UNMERGED.test(line)) found.push("unmerged");
      if (isCode(file) && SILENCED.test(line)) found.push("silenced type check");
      if (UNCHECKED.test(code[at] ?? "")) found.push("unchecked type");
      if (UNRUN.test(code[at] ?? "")) found.push("test not run");
      return found.map((what) => `${file.path}:${at + 1}: ${what}: ${line.trim()}`);
    });
  });
}

/** Paths of one machine and names of one workplace, in halves. */
const WORKPLACE = new RegExp(
  [
    "/wo" + "rk/(?:main|tmp|shared|\\.)",
    "/ro" + "ot/",
    "/ho" + "me/\\w",
    "\\bfa" + "rm-",
    "r-se" + "ed-",
    "\\bissues sh" + "ow\\b",
    "before-" + "stop",
    "CONTR" + "ACT\\.md",
  ].join("|"),
);

/** Places that only exist on the machine of one author. */
export function workplaceErrors(files: readonly SourceFile[]): string[] {
  return files.flatMap((file) =>
    file.lines.flatMap((line, at) => {
      const found = WORKPLACE.exec(line)?.[0];
      return found === undefined ? [] : [`${file.path}:${at + 1}: names a workplace: ${found}`];
    })
  );
}
