// Builds what is published into dist/ (or the folder named by the first argument): ESM JavaScript with source
// maps by esbuild, declarations by tsc.
//
// One entry per export and bin, shared code in chunks. `using` is lowered, so that Node 22 runs it. Nothing
// of other packages goes in: what is not our own stays an import of a dependency.
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const DIST = resolve(process.argv[2] ?? join(ROOT, "dist"));

const manifest = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
const targets = [
  ...Object.values(manifest.exports).map((target) => target.default),
  ...Object.values(manifest.bin ?? {}),
];
const entries = targets.map((target) => target.replace(/^(\.\/)?dist\//, "").replace(/\.js$/, ".ts"));

rmSync(DIST, { recursive: true, force: true });
mkdirSync(DIST, { recursive: true });
await bundle();
declare();
for (const target of Object.values(manifest.bin ?? {})) chmodSync(join(DIST, "..", target), 0o755);
console.log(`built ${entries.length} entries into ${DIST}`);

/** JavaScript and source maps. */
async function bundle() {
  const result = await build({
    absWorkingDir: ROOT,
    entryPoints: entries,
    outdir: DIST,
    outbase: ROOT,
    bundle: true,
    splitting: true,
    chunkNames: "chunks/[name]-[hash]",
    format: "esm",
    platform: "node",
    target: "node22",
    supported: { using: false },
    // Less to read at every start; names stay, and the maps lead to the source.
    minifyWhitespace: true,
    minifySyntax: true,
    sourcemap: true,
    sourcesContent: true,
    packages: "external",
    legalComments: "inline",
    metafile: true,
    logLevel: "warning",
  });
  const stray = Object.keys(result.metafile.inputs).filter((path) => path.includes("node_modules/"));
  if (stray.length > 0) throw new Error(`dist/ would hold unlicensed code: ${stray.join(", ")}`);
  checkImports(result.metafile);
}

/** A bare import that is neither a node module nor a dependency would fail at the consumer. */
function checkImports(metafile) {
  const allowed = new Set([
    ...Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies }),
  ]);
  for (const [path, output] of Object.entries(metafile.outputs)) {
    for (const { path: name, external } of output.imports) {
      const base = name.split("/").slice(0, name.startsWith("@") ? 2 : 1).join("/");
      if (external && !/^(?:node|bun):/.test(name) && !allowed.has(base)) {
        throw new Error(`${path} imports ${name}`);
      }
    }
  }
}

/** Declarations of everything the entries reach, with `.js` endings. */
function declare() {
  const config = join(DIST, "tsconfig.json");
  const compilerOptions = {
    noEmit: false,
    emitDeclarationOnly: true,
    rootDir: ROOT,
    outDir: DIST,
    types: [join(ROOT, "node_modules/bun-types")],
  };
  const files = entries.map((entry) => join(ROOT, entry));
  const settings = { extends: join(ROOT, "tsconfig.json"), compilerOptions, files, include: [], exclude: [] };
  writeFileSync(config, JSON.stringify(settings));
  const tsc = join(ROOT, "node_modules/typescript/bin/tsc");
  const { status } = spawnSync(process.execPath, [tsc, "-p", config], { stdio: "inherit" });
  rmSync(config);
  if (status !== 0) throw new Error(`tsc ended with ${status}`);
  for (const path of readdirSync(DIST, { recursive: true })) {
    if (path.endsWith(".d.ts")) rewriteDeclaration(join(DIST, path));
  }
}

/** `./x.ts` becomes `./x.js`. A declaration may lean on nothing that a consumer has not installed. */
function rewriteDeclaration(path) {
  const text = readFileSync(path, "utf8")
    .replace(/(\bfrom\s*|\bimport\s*\(?\s*)(["'])(\.{1,2}\/[^"']+)\.ts\2/g, "$1$2$3.js$2");
  const code = text.replace(/\/\*[\s\S]*?\*\//g, "");
  const found = code.matchAll(/(?<!["'])\b(?:from\s*|import\s*\(?\s*)["']([^."'][^"']*)["']/g);
  const bare = [...found].map(([, name]) => name).find((name) =>
    !name.startsWith("node:") && manifest.dependencies?.[name] === undefined &&
    manifest.peerDependencies?.[name] === undefined
  );
  if (bare !== undefined) throw new Error(`${path} imports the types of ${bare}`);
  writeFileSync(path, text);
}
