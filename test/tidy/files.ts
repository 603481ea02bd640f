/** The files that the tidy rules judge: all of the repository but what is installed, built or scratch. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Scan, scan } from "./scan.ts";

/** A text file: path from the root with `/`, its text and, when it is code, its views. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
  readonly lines: readonly string[];
  readonly scan: Scan;
}

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const SKIPPED = new Set(["node_modules", "dist", "scratch", ".git", "coverage"]);
const TEXT = /\.(ts|mjs|cjs|js|json|md|txt|sh|tsv|svg|m)$|^(LICENSE|\.gitignore|\.ci\/run)$/;

/** Wraps a text as a file (also the way fixtures are made). */
export function sourceFile(path: string, text: string): SourceFile {
  const views = /\.(ts|mjs|cjs|js)$/.test(path) ? scan(text) : { code: "", withStrings: "" };
  return { path, text, lines: text.split("\n"), scan: views };
}

/** Every text file of the repository, by path. */
export function repositoryFiles(): SourceFile[] {
  const files: SourceFile[] = [];
  const walk = (folder: string): void => {
    for (const entry of readdirSync(ROOT + folder, { withFileTypes: true })) {
      const path = folder + entry.name;
      if (entry.isDirectory() && !SKIPPED.has(entry.name)) walk(`${path}/`);
      else if (entry.isFile() && TEXT.test(path)) {
        files.push(sourceFile(path, readFileSync(ROOT + path, "utf8")));
      }
    }
  };
  walk("");
  return files.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** True for TypeScript and JavaScript. */
export function isCode(file: SourceFile): boolean {
  return /\.(ts|mjs|cjs|js)$/.test(file.path);
}

/** An import, re-export or dynamic import: what is named, whether by types only, on which line. */
export interface ImportSite {
  readonly specifier: string;
  readonly typeOnly: boolean;
  readonly line: number;
}

const STATIC = /\b(?:import|export)\s+(type\s+)?(?:[\w*{][^;"'`]*?\bfrom\s*)?["']([^"'\n]+)["']/;
const DYNAMIC = /\bimport\s*\(\s*["']([^"'\n]+)["']/;
const IMPORT = new RegExp(`${STATIC.source}|${DYNAMIC.source}`, "g");

/** What a file imports, in order. */
export function importsOf(file: SourceFile): ImportSite[] {
  const sites: ImportSite[] = [];
  for (const match of file.scan.withStrings.matchAll(IMPORT)) {
    if (file.scan.code[match.index] === " ") continue; // inside a string
    const line = file.scan.code.slice(0, match.index + match[0].length).split("\n").length;
    sites.push({ specifier: match[2] ?? match[3]!, typeOnly: match[1] !== undefined, line });
  }
  return sites;
}

/**
 * Path from the root of what `specifier` names as seen from `from`; undefined for a package or `node:`
 * module.
 */
export function resolveImport(from: string, specifier: string, map: ImportMap): string | undefined {
  const mapped = map[specifier];
  if (mapped?.startsWith("./")) return mapped.slice(2);
  if (!specifier.startsWith(".")) return undefined;
  const parts = from.split("/").slice(0, -1);
  for (const part of specifier.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== ".") parts.push(part);
  }
  return parts.join("/");
}

/** `imports` of deno.json. */
export type ImportMap = Readonly<Record<string, string>>;
