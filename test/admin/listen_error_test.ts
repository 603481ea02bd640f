import { spawnSync } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { assertEquals, assertStringIncludes } from "@std/assert";
import { test } from "#test";
import { listenError } from "../../src/admin/listen_error.ts";
import { ROOT } from "../support/runtimes.mjs";

const PROBE = fileURLToPath(new URL("./serve_probe.ts", import.meta.url));

/** An error as a runtime's server throws it. */
function thrown(name: string, message: string, code?: string): Error {
  return Object.assign(new Error(message), { name }, code === undefined ? {} : { code });
}

test("listen error: what is not allowed is PERMISSION with the remedy, all else IO", () => {
  const cases: [Error, string, string][] = [
    [thrown("Error", "listen permission denied 127.0.0.1:81", "EACCES"), "PERMISSION", "below 1024"],
    [thrown("PermissionDenied", "Permission denied (os error 13)", "EACCES"), "PERMISSION", "below 1024"],
    [thrown("PermissionDenied", "Permission denied (os error 13)"), "PERMISSION", "below 1024"],
    [thrown("Error", "listen EPERM", "EPERM"), "PERMISSION", "below 1024"],
    [thrown("NotCapable", "Requires net access"), "PERMISSION", "run with --allow-net=127.0.0.1:81"],
    [thrown("Error", "Access to this API", "ERR_ACCESS_DENIED"), "PERMISSION", "run with --allow-net"],
    [thrown("AddrInUse", "Address already in use (os error 98)", "EADDRINUSE"), "IO", "already in use"],
  ];
  for (const [error, expected, said] of cases) {
    const { code, message, facts } = listenError("127.0.0.1", 81, error);
    assertEquals([code, facts.port], [expected, 81]);
    assertStringIncludes(message, `Could not listen at 127.0.0.1, port 81: ${error.message}`);
    assertStringIncludes(message, said);
  }
});

test("serveAdmin under few permissions of Deno: refused with the flag that it lacks", () => {
  // Only Deno has permissions to lack.
  if (!("Deno" in globalThis)) return;
  // Without any permission here Deno gives what it starts all that it has itself.
  const flags = ["run", "--no-prompt", "--no-check", `--config=${ROOT}/deno.json`, "--allow-read=/none"];
  const args = [...flags, PROBE];
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
  assertStringIncludes(
    `${stdout}${stderr}`,
    "PERMISSION: Could not listen at 127.0.0.1, port 0: Requires net",
  );
  assertStringIncludes(stdout, "run with --allow-net=127.0.0.1:0");
});
