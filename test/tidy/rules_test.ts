/** Shows that each rule of the house can fail, and that it does not fail on what is right. */
import { test } from "#test";
import { assertEquals } from "@std/assert";
import { errorTableErrors, exportErrors, lockErrors, orphanErrors } from "./contents.ts";
import { importsOf, type SourceFile, sourceFile } from "./files.ts";
import { ambientErrors, importErrors } from "./floors.ts";
import { functionsOf, scan } from "./scan.ts";
import {
  exportDocErrors,
  fileLengthErrors,
  fileNameErrors,
  functionLengthErrors,
  lineLengthErrors,
  softSpotErrors,
  workplaceErrors,
} from "./shape.ts";

const MAP = { "#test": "./test/support/test_deno.ts" };

function file(path: string, ...lines: string[]): SourceFile {
  return sourceFile(path, lines.join("\n") + "\n");
}

/** `path:line` of each error. */
function places(errors: readonly string[]): string[] {
  return errors.map((error) => /^[^:]+:\d+/.exec(error)?.[0] ?? error);
}

test("scan() blanks comments, strings, templates and regular expressions, and keeps the lines", () => {
  const text = "a(\"x{y\"); // {\n/* {\n */ b(`p${q(`r{`)}{`) + 1 / 2 / c(/[/{]\\/{/g, '{');";
  const { code, withStrings } = scan(text);
  assertEquals(code.length, text.length);
  assertEquals(code.replace(/ +/g, " "), "a(\" \"); \n \n b(` ${q(` `)} `) + 1 / 2 / c(/ /g, ' ');");
  assertEquals(withStrings.includes('"x{y"'), true);
  assertEquals(withStrings.includes("*/"), false);
});

test("functionsOf() finds functions, methods and arrows, whatever their return type, and no blocks", () => {
  const spans = (code: string) => functionsOf(scan(code).code).map((it) => [it.firstLine, it.lastLine]);
  assertEquals(spans("function a(b: number): { c: number } {\n  if (b) {\n  }\n}"), [[1, 4]]);
  assertEquals(spans("class A {\n  #b<T>(c: Map<T, { d: T }>): Promise<Map<T, T>> {\n  }\n}"), [[2, 3]]);
  assertEquals(spans("const a = (b: X): b is Y => {\n};\nconst c = d => {\n};").sort(), [[1, 2], [3, 4]]);
  assertEquals(spans("for (const a of b) {\n}\nwhile (a(b)) {\n}\nif (a) {\n}\nswitch (a) {\n}"), []);
  assertEquals(spans("const a = b ? c(d) : { e: 1 };\ninterface F {\n  g(h: number): void;\n}"), []);
});

test("importsOf() sees imports, re-exports and dynamic imports, none in comments or strings", () => {
  const sites = importsOf(file(
    "src/a.ts",
    '// import "x"',
    "import {",
    "  a,",
    '} from "./a.ts";',
    'import type { B } from "./b.ts";',
    'export * from "./c.ts";',
    'const d = await import("./d.ts");',
    "const e = 'import \"no\"';",
    'import "./f.ts";',
    'export type { G } from "./g.ts";',
  ));
  assertEquals(sites.map((it) => `${it.line} ${it.specifier}${it.typeOnly ? " type" : ""}`), [
    "4 ./a.ts",
    "5 ./b.ts type",
    "6 ./c.ts",
    "7 ./d.ts",
    "9 ./f.ts",
    "10 ./g.ts type",
  ]);
});

test("importErrors() refuses up, sideways, adapters and runtime modules", () => {
  const errors = (path: string, specifier: string) =>
    places(importErrors([file(path, `import { a } from "${specifier}";`)], MAP)).length;
  assertEquals(errors("src/ground/a.ts", "../storage/b.ts"), 1);
  assertEquals(errors("src/cluster/a.ts", "../global/b.ts"), 1);
  assertEquals(errors("src/storage/a.ts", "../../adapters/b.ts"), 1);
  assertEquals(errors("src/node/a.ts", "../../mod.ts"), 1);
  assertEquals(errors("src/node/a.ts", "#test"), 1);
  assertEquals(errors("src/node/a.ts", "node:fs"), 1);
  assertEquals(errors("src/ports/a.ts", "../ground/b.ts"), 1);
  assertEquals(errors("adapters/a.ts", "../src/storage/b.ts"), 1);
  assertEquals(errors("src/nowhere/a.ts", "../ground/b.ts"), 1);
  assertEquals(errors("src/storage/a.ts", "../ground/b.ts"), 0);
  assertEquals(errors("src/ground/a.ts", "../ports/b.ts"), 0);
  assertEquals(errors("src/ground/a.ts", "node:zlib"), 0);
  assertEquals(errors("src/testing/sim/a.ts", "../../node/b.ts"), 0);
  assertEquals(errors("src/cli/a.ts", "../../mod.ts"), 0);
  assertEquals(errors("adapters/a.ts", "node:fs"), 0);
});

test("ambientErrors() refuses every way past the ports, in code only", () => {
  const errors = (code: string, path = "src/ground/a.ts") => ambientErrors([file(path, code)]).length;
  const ways = [
    "Date.now()",
    "new Date()",
    "performance.now()",
    "Math.random()",
    "setTimeout(f, 1)",
    "setInterval(f, 1)",
    "setImmediate(f)",
    "crypto.randomUUID()",
    "process.env",
    "Deno.pid",
    "Bun.sleep(1)",
    "Math.exp(1)",
    "Math.log2(8)",
    "Math.sin(1)",
    "new WeakRef(a)",
    "new FinalizationRegistry(f)",
    "new Intl.Collator()",
    "a.localeCompare(b)",
    "AbortSignal.timeout(5)",
    "promise.finally(f)",
  ];
  assertEquals(ways.filter((way) => errors(way) !== 1), []);
  assertEquals(
    ways.filter((way) => errors(`// ${way}`) + errors(`"${way}"`) + errors(way, "src/cli/a.ts") > 0),
    [],
  );
  assertEquals(errors("process.env", "src/testing/a.ts"), 0);
  assertEquals(errors("Date.now()", "src/testing/a.ts"), 1);
  assertEquals(errors("facts.process.id + Math.floor(this.performance) + Math.logical"), 0);
});

test("fileLengthErrors(), functionLengthErrors() and lineLengthErrors() count to the line", () => {
  const lines = (count: number) => Array.from({ length: count }, () => "a;");
  assertEquals(places(fileLengthErrors([file("a.ts", ...lines(401))])), ["a.ts:401"]);
  assertEquals(fileLengthErrors([file("a.ts", ...lines(400)), file("a.md", ...lines(401))]), []);
  const fn = (count: number) => file("a.ts", "", "function a() {", ...lines(count - 2), "}");
  assertEquals(places(functionLengthErrors([fn(71)])), ["a.ts:2"]);
  assertEquals(functionLengthErrors([fn(70)]), []);
  assertEquals(places(lineLengthErrors([file("a.ts", "", "x".repeat(111))])), ["a.ts:2"]);
  assertEquals(lineLengthErrors([file("a.ts", "x".repeat(110), "≥".repeat(110))]), []);
});

test("fileNameErrors() and exportDocErrors() name the file and the line", () => {
  assertEquals(places(fileNameErrors([file("src/ground/blockOp.ts"), file("src/a-b/c.ts")])).length, 2);
  assertEquals(fileNameErrors([file("src/ground/block_op.ts"), file("test/show/1.a.ts")]), []);
  assertEquals(places(exportDocErrors([file("src/a.ts", "", "export const a = 1;")])), ["src/a.ts:2"]);
  const overloads = [
    "/** Says a. */",
    "export function a(): void;",
    "export function a(b?: number): void {}",
  ];
  assertEquals(
    exportDocErrors([file("src/a.ts", ...overloads), file("test/a.ts", "export const a = 1;")]),
    [],
  );
});

test("softSpotErrors() and workplaceErrors() see marks, unchecked types and machine paths", () => {
  const soft = (line: string) => softSpotErrors([file("src/a.ts", line)]).length;
  const spots = [
    `// TO${"DO"} later`,
    `// FIX${"ME"}`,
    `// @ts-${"ignore"}`,
    `a as ${"any"}`,
    `test.${"skip"}("a")`,
    `  ${"<".repeat(7)} HEAD`,
    `${">".repeat(7)} 1234567 (a: b)`,
  ];
  assertEquals(spots.filter((line) => soft(line) !== 1), []);
  assertEquals(soft("const company = anything;"), 0);
  const place = (line: string) => workplaceErrors([file("README.md", line)]).length;
  assertEquals(
    [`cd /wo${"rk"}/main`, `fa${"rm"}-tool`, `/ro${"ot"}/x`].filter((line) => place(line) !== 1),
    [],
  );
  assertEquals(place("the work of a farmer, /var/work"), 0);
});

test("exportErrors() compares the manifests and misses no adapter", () => {
  const base = { name: "a", version: "1.0.0", license: "MIT" };
  const deno = { ...base, exports: { ".": "./mod.ts", "./adapters/b": "./adapters/b.ts" } };
  const door = (source: string) => ({ types: `./dist/${source}.d.ts`, default: `./dist/${source}.js` });
  const npm = { ...base, exports: { ".": door("mod"), "./adapters/b": door("adapters/b") } };
  const files = [file("mod.ts"), file("adapters/b.ts")];
  assertEquals(exportErrors(deno, npm, files), []);
  assertEquals(exportErrors(deno, { ...npm, version: "1.0.1" }, files).length, 1);
  assertEquals(exportErrors(deno, { ...npm, exports: { ".": door("mod") } }, files).length, 1);
  assertEquals(exportErrors({ ...deno, exports: { ".": "./mod.ts" } }, npm, files).length, 2);
  assertEquals(exportErrors(deno, npm, files.slice(0, 1)).length, 1);
  assertEquals(exportErrors(deno, npm, [...files, file("adapters/c.ts")]).length, 1);
});

test("lockErrors() sees a registry and a package left out", () => {
  const lock = (packages: Record<string, unknown>) => JSON.stringify({ packages }, null, 1);
  const tool = { "node_modules/a": { optionalDependencies: { "a-linux": "1.0.0" } } };
  assertEquals(lockErrors(lock({ ...tool, "node_modules/a-linux": {} })), []);
  assertEquals(lockErrors(lock(tool)).length, 1);
  assertEquals(
    lockErrors(lock({ "node_modules/a": { resolved: "https://registry.example/a.tgz" } })).length,
    1,
  );
});

test("errorTableErrors() sees a missing, a changed and a stale row", () => {
  const codes = { GONE: [true, "It is gone"] } as const;
  assertEquals(errorTableErrors(codes, "| `GONE` | yes       | It is gone |"), []);
  assertEquals(errorTableErrors(codes, "").length, 1);
  assertEquals(errorTableErrors(codes, "| `GONE` | no | It is gone |").length, 2);
  assertEquals(errorTableErrors({}, "| `GONE` | no | It is gone |").length, 1);
});

test("orphanErrors() follows imports and names in strings from the doors", () => {
  const files = [
    file("mod.ts", 'export * from "./src/a.ts";'),
    file("src/a.ts", 'new Worker(new URL("./worker.ts", import.meta.url));'),
    file("src/worker.ts"),
    file("src/lost.ts", 'import "./lost_too.ts";'),
    file("src/lost_too.ts"),
    file("test/x_test.ts", 'import { test } from "#test";', 'run("test/support/child.mjs");'),
    file("test/support/test_deno.ts"),
    file("test/support/child.mjs"),
  ];
  assertEquals(places(orphanErrors(files, new Set(["mod.ts"]), MAP)), ["src/lost.ts:1", "src/lost_too.ts:1"]);
});
