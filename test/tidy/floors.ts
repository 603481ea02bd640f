/** Floors: who may import whom, and what may touch the world (ARCHITECTURE, "Floors"). */
import { type ImportMap, importsOf, resolveImport, type SourceFile } from "./files.ts";

/** From low to high; each may import itself, what is before it, and `ports`. */
const FLOORS: readonly string[] = [
  "ground",
  "ports",
  "storage",
  "buffer",
  "lock",
  "global",
  "cluster",
  "node",
  "service",
  "admin",
  "cli",
  "testing",
];
/** Floors that stay strangers though one is above the other: `node` brings them together. */
const STRANGERS: readonly (readonly [string, string])[] = [["cluster", "global"]];
/** Modules that every floor may use: pure, and the same on every runtime. */
const PURE_MODULES = new Set(["node:zlib", "node:buffer"]);
/** Floors beside the engine, which may use the runtime's own modules. */
const OUTER = new Set(["admin", "cli", "testing"]);

/** Imports that go up, sideways, out to an adapter, or past the ports. */
export function importErrors(files: readonly SourceFile[], map: ImportMap): string[] {
  const errors: string[] = [];
  for (const file of files) {
    if (!/^(src|adapters)\//.test(file.path)) continue;
    for (const site of importsOf(file)) {
      const target = resolveImport(file.path, site.specifier, map);
      const reason = target === undefined
        ? moduleError(file.path, site.specifier)
        : directionError(file.path, target);
      if (reason !== undefined) errors.push(`${file.path}:${site.line}: ${reason}`);
    }
  }
  return errors;
}

function floorOf(path: string): string {
  return path.startsWith("src/") ? path.split("/")[1]! : path.split("/")[0]!;
}

function moduleError(from: string, specifier: string): string | undefined {
  if (from.startsWith("adapters/") || OUTER.has(floorOf(from)) || PURE_MODULES.has(specifier)) {
    return undefined;
  }
  return `${specifier} is not for ${floorOf(from)}/: time, chance and I/O come through src/ports`;
}

function directionError(from: string, to: string): string | undefined {
  const here = floorOf(from), there = floorOf(to);
  if (here === there) return undefined;
  const refusal = `${here}/ may not import ${to}`;
  if (here === "adapters") return there === "ground" || there === "ports" ? undefined : refusal;
  if (!to.startsWith("src/")) {
    const doors = here === "cli" ? ["mod.ts", "adapters"] : here === "testing" ? ["adapters"] : [];
    return doors.includes(there) ? undefined : refusal;
  }
  const rank = FLOORS.indexOf(here);
  if (rank < 0) return `${here}/ is no floor`;
  if (STRANGERS.some(([a, b]) => a === here && b === there)) return `${refusal}: they do not know each other`;
  if (here === "ports") return refusal;
  return there === "ports" || (FLOORS.indexOf(there) >= 0 && FLOORS.indexOf(there) < rank)
    ? undefined
    : refusal;
}

const MATH = "a?(?:sin|cos|tan)h?|atan2|cbrt|exp|expm1|hypot|log|log10|log1p|log2|pow";
/** Words that take time, chance or I/O past the ports, or differ between runtimes. */
const AMBIENT: readonly RegExp[] = [
  /(?<![.\w#$])(?:Date|performance|crypto|Temporal|globalThis|navigator|console)\b(?!\??:)/g,
  /(?<![.\w#$])(?:fetch|WebSocket|Worker)\b(?!\??:)/g,
  /(?<![.\w#$])(?:setTimeout|setInterval|setImmediate|requestAnimationFrame)\b/g,
  /(?<![.\w#$])process\b(?=[.[?])/g,
  /(?<![.\w#$])(?:Deno|Bun)\b(?=[.[?])/g,
  new RegExp(`(?<![.\\w#$])Math\\s*\\.\\s*(?:random|${MATH})\\b`, "g"),
  /(?<![.\w#$])(?:WeakRef|FinalizationRegistry|Intl|eval)\b/g,
  /\b(?:localeCompare|toLocale\w+)\b/g,
  /\bAbortSignal\s*\.\s*timeout\b/g,
  // Bun takes fewer turns for it than the language says: `atEnd` of src/ground takes its place.
  /(?<=\.)finally\b(?=\()/g,
];
/**
 * The outer floors may look at the process they run in; `testing` may also let the real loop turn, no more.
 */
const TESTING_MAY = /^(?:process|Deno|Bun|console|globalThis|Worker|setImmediate)$/;

/** Ambient time, chance or I/O in `src/` outside `admin/` and `cli/`. */
export function ambientErrors(files: readonly SourceFile[]): string[] {
  const errors: string[] = [];
  for (const file of files) {
    const floor = floorOf(file.path);
    if (!file.path.startsWith("src/") || floor === "admin" || floor === "cli") continue;
    for (const [at, line] of file.scan.code.split("\n").entries()) {
      for (const word of AMBIENT.flatMap((pattern) => line.match(pattern) ?? [])) {
        if (floor === "testing" && TESTING_MAY.test(word)) continue;
        errors.push(
          `${file.path}:${at + 1}: ${word} is not for src/: it comes through src/ports or not at all`,
        );
      }
    }
  }
  return errors;
}
