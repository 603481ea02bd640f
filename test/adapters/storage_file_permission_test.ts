import { test } from "#test";
import { assertEquals, assertStringIncludes } from "@std/assert";
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const PROBE = fileURLToPath(new URL("./permission_probe.ts", import.meta.url));
const CONFIG = fileURLToPath(new URL("../../deno.json", import.meta.url));

/** Runs the probe under Deno with these flags, in a directory of its own; answers what it printed. */
function probe(flags: (directory: string) => readonly string[], inside: string): string {
  const directory = fs.mkdtempSync(join(tmpdir(), "cohort-permission-"));
  try {
    const { stdout, stderr } = spawnSync(
      process.execPath,
      [
        "run",
        "--no-prompt",
        "--no-check",
        `--config=${CONFIG}`,
        ...flags(directory),
        PROBE,
        directory + inside,
      ],
      { encoding: "utf8", env: { ...process.env, NO_COLOR: "1" } },
    );
    return `${stdout}${stderr}`.replaceAll(directory, "DIR");
  } finally {
    fs.rmSync(directory, { recursive: true });
  }
}

/** Only Deno has permissions to lack. */
function denoTest(name: string, run: () => void): void {
  test(`file storage under Deno's permissions: ${name}`, () => "Deno" in globalThis ? run() : undefined);
}

denoTest("reading and writing its directory are enough", () => {
  assertEquals(
    probe((directory) => [`--allow-read=${directory}`, `--allow-write=${directory}`], ""),
    "done\n",
  );
});

denoTest("reading and writing a directory are enough for those made in it", () => {
  assertEquals(
    probe((directory) => [`--allow-read=${directory}`, `--allow-write=${directory}`], "/a/b"),
    "done\n",
  );
});

denoTest("a directory that is to be made needs its parent", () => {
  const flags = (directory: string) => [`--allow-read=${directory}/a`, `--allow-write=${directory}/a`];
  const said = probe(flags, "/a");
  assertStringIncludes(said, "PERMISSION: ");
  assertStringIncludes(said, "run with --allow-read=DIR: DIR");
});

denoTest("without reading it says which flag", () => {
  const said = probe((directory) => [`--allow-write=${directory}`], "");
  assertStringIncludes(said, "PERMISSION: ");
  assertStringIncludes(said, "run with --allow-read=DIR");
});

denoTest("without writing it says which flag", () => {
  const said = probe((directory) => [`--allow-read=${directory}`], "");
  assertStringIncludes(said, "PERMISSION: ");
  assertStringIncludes(said, "run with --allow-write=DIR: DIR/.cohort-");
});

denoTest("the type of the file system needs a flag of its own, and says which", () => {
  const said = probe(
    (directory) => [`--allow-read=${directory}`, `--allow-write=${directory}`],
    " --type",
  );
  assertStringIncludes(said, "run with --allow-sys=statfs");
});
