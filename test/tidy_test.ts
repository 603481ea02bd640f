/**
 * The rules of the house, each over the whole repository. That each can fail is shown in
 * `tidy/rules_test.ts`.
 */
import { test } from "#test";
import { assert, assertEquals } from "@std/assert";
import { ERROR_CODES } from "../src/ground/errors.ts";
import {
  type DenoManifest,
  errorTableErrors,
  exportErrors,
  lockErrors,
  orphanErrors,
  type PackageManifest,
} from "./tidy/contents.ts";
import { isCode, repositoryFiles } from "./tidy/files.ts";
import { ambientErrors, importErrors } from "./tidy/floors.ts";
import {
  exportDocErrors,
  fileLengthErrors,
  fileNameErrors,
  functionLengthErrors,
  lineLengthErrors,
  softSpotErrors,
  workplaceErrors,
} from "./tidy/shape.ts";

const files = repositoryFiles();
const deno: DenoManifest = JSON.parse(textOf("deno.json"));
const npm: PackageManifest = JSON.parse(textOf("package.json"));
const map = deno.imports ?? {};

function textOf(path: string): string {
  const file = files.find((it) => it.path === path);
  assert(file !== undefined, `${path} is not there`);
  return file.text;
}

/** Fails with one error a line. */
function assertNone(errors: readonly string[]): void {
  assert(errors.length === 0, `${errors.length} found:\n  ${errors.join("\n  ")}`);
}

test("tidy: the rules see the repository", () => {
  assert(files.filter(isCode).length > 20);
  assertEquals(files.some((file) => file.path.startsWith("node_modules")), false);
});

test("tidy: imports go down the floors", () => assertNone(importErrors(files, map)));

test("tidy: no time, chance or I/O past the ports in src/", () => assertNone(ambientErrors(files)));

test("tidy: files have at most 400 lines", () => assertNone(fileLengthErrors(files)));

test("tidy: functions have at most 70 lines", () => assertNone(functionLengthErrors(files)));

test("tidy: lines have at most 110 columns", () => assertNone(lineLengthErrors(files)));

test("tidy: names are snake_case", () => assertNone(fileNameErrors(files)));

test("tidy: every export is documented", () => assertNone(exportDocErrors(files)));

test("tidy: nothing unfinished, unchecked or not run", () => assertNone(softSpotErrors(files)));

test("tidy: no path of one machine, no name of one workplace", () => assertNone(workplaceErrors(files)));

test("tidy: deno.json and package.json publish the same", () => assertNone(exportErrors(deno, npm, files)));

test("tidy: the lock is complete and names no registry", () =>
  assertNone(lockErrors(textOf("package-lock.json"))));

test("tidy: README explains every error code", () => {
  assertNone(errorTableErrors(ERROR_CODES, textOf("README.md")));
});

test("tidy: no orphan file", () => {
  const bins = Object.values(npm.bin ?? {}).map((path) => path.replace("dist/", "").replace(/\.js$/, ".ts"));
  const tsconfig: { compilerOptions: { paths: Record<string, string[]> } } = JSON.parse(
    textOf("tsconfig.json"),
  );
  const aliases = Object.values(tsconfig.compilerOptions.paths).flat();
  const doors = [...Object.values(deno.exports ?? {}), ...bins, ...aliases].map((path) =>
    path.replace(/^\.\//, "")
  );
  assertNone(orphanErrors(files, new Set(doors), map));
});
