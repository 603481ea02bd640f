/** What must agree between files: exports, lock, error codes, and that nothing lies about unused. */
import { type ImportMap, importsOf, resolveImport, type SourceFile } from "./files.ts";

/** What the rules read of package.json. */
export interface PackageManifest {
  readonly name?: string;
  readonly version?: string;
  readonly license?: string;
  readonly bin?: Readonly<Record<string, string>>;
  readonly exports?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly dependencies?: Readonly<Record<string, string>>;
}

/** What the rules read of deno.json. */
export interface DenoManifest {
  readonly name?: string;
  readonly version?: string;
  readonly license?: string;
  readonly exports?: Readonly<Record<string, string>>;
  readonly imports?: ImportMap;
}

/** Built JavaScript file of a source. */
function built(source: string): string {
  return source.replace(/^\.\//, "./dist/").replace(/\.ts$/, ".js");
}

/** Differences between what the two manifests publish, and adapters that neither does. */
export function exportErrors(
  deno: DenoManifest,
  npm: PackageManifest,
  files: readonly SourceFile[],
): string[] {
  const errors: string[] = [];
  for (const field of ["name", "version", "license"] as const) {
    if (deno[field] !== npm[field]) errors.push(`package.json:1: ${field} is not that of deno.json`);
  }
  const sources = deno.exports ?? {}, targets = npm.exports ?? {};
  for (const [key, source] of Object.entries(sources)) {
    const want = { types: built(source).replace(/\.js$/, ".d.ts"), default: built(source) };
    if (JSON.stringify(targets[key]) !== JSON.stringify(want)) {
      errors.push(`package.json:1: exports[${JSON.stringify(key)}] must be ${JSON.stringify(want)}`);
    }
    if (!files.some((file) => `./${file.path}` === source)) {
      errors.push(`deno.json:1: exports[${JSON.stringify(key)}] is not there: ${source}`);
    }
  }
  for (const key of Object.keys(targets)) {
    if (!(key in sources)) errors.push(`deno.json:1: exports lacks ${JSON.stringify(key)} of package.json`);
  }
  const published = new Set(Object.values(sources));
  for (const { path } of files) {
    const isDoor = /^adapters\/\w+\.ts$/.test(path) || path === "src/testing/mod.ts";
    if (isDoor && !published.has(`./${path}`)) errors.push(`deno.json:1: exports lacks ${path}`);
  }
  return errors;
}

/** What would keep the lock from working elsewhere: addresses of one registry, packages left out. */
export function lockErrors(lockText: string): string[] {
  const errors = lockText.split("\n").flatMap((line, at) =>
    /"resolved": "https?:/.test(line) ? [`package-lock.json:${at + 1}: names a registry: ${line.trim()}`] : []
  );
  const lock: { packages: Record<string, { optionalDependencies?: Record<string, string> }> } = JSON.parse(
    lockText,
  );
  for (const [at, entry] of Object.entries(lock.packages)) {
    for (const name of Object.keys(entry.optionalDependencies ?? {})) {
      const there = [`node_modules/${name}`, `${at}/node_modules/${name}`].some((path) =>
        path in lock.packages
      );
      if (!there) errors.push(`package-lock.json:1: lacks ${name}; run node .ci/complete_lock.mjs`);
    }
  }
  return errors;
}

/** Row of README's table for an error code. */
export function errorRow(code: string, [retryable, meaning]: readonly [boolean, string]): string {
  return `| \`${code}\` | ${retryable ? "yes" : "no"} | ${meaning} |`;
}

/** Rows that README lacks or has too many. */
export function errorTableErrors(
  codes: Readonly<Record<string, readonly [boolean, string]>>,
  readme: string,
): string[] {
  const rows = readme.split("\n").map((line) => line.replace(/\s+/g, " ").trim());
  const wanted = Object.entries(codes).map(([code, row]) => errorRow(code, row));
  const missing = wanted.filter((row) => !rows.includes(row));
  const extra = rows.flatMap((row, at) =>
    /^\| `[A-Z][A-Z_]+` \| (?:yes|no) \|/.test(row) && !wanted.includes(row)
      ? [`README.md:${at + 1}: ${row}`]
      : []
  );
  return [...missing.map((row) => `README.md:1: row missing: ${row}`), ...extra];
}

/** True for a file that someone starts by name: a door, a test, a tool. */
function isRoot(path: string, doors: ReadonlySet<string>): boolean {
  return doors.has(path) ||
    /^(?:examples|bench|\.ci)\/|^test\/[\w/.]*(?:_test\.ts|\.mjs)$|^test\/show\//.test(path);
}

/** Sources that no door, test, example or tool leads to, by import or by name. */
export function orphanErrors(
  files: readonly SourceFile[],
  doors: ReadonlySet<string>,
  map: ImportMap,
): string[] {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const reached = new Set([...byPath.keys()].filter((path) => isRoot(path, doors)));
  for (const path of reached) { // grows while it is walked
    for (const target of targetsOf(byPath.get(path)!, map)) {
      if (byPath.has(target)) reached.add(target);
    }
  }
  return files
    .filter(({ path }) => /^(?:src|adapters|test)\/.*\.(?:ts|mjs)$/.test(path) && !reached.has(path))
    .map(({ path }) => `${path}:1: nothing leads here`);
}

/** What a file imports, and what it names in a string (a worker, a child process), from the root. */
function targetsOf(file: SourceFile, map: ImportMap): string[] {
  const named = [...file.scan.withStrings.matchAll(/["'`]((?:\.{0,2}\/)?[\w./-]+\.(?:ts|mjs))["'`]/g)].map((
    it,
  ) => it[1]!);
  const beside = named.map((name) =>
    resolveImport(file.path, name.startsWith(".") ? name : `./${name}`, map)
  );
  const imported = importsOf(file).map((site) => resolveImport(file.path, site.specifier, map));
  return [...named.map((name) => name.replace(/^\.\//, "")), ...beside, ...imported].filter((it) =>
    it !== undefined
  );
}
