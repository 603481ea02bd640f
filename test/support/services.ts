/**
 * Services of the host that some tests compare with (GT.M) or inject faults by (strace).
 *
 * Where one is missing such a test has nothing to show and ends at once; with `COHORT_REQUIRE_SERVICES=1`
 * (CI) it fails instead, so that a missing service cannot pass for a green run.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import process from "node:process";

/** Where a service was looked for and found. */
export type Service = "fis-gtm" | "setpriv" | "strace" | "unshare";

/** Path of the service's program (for `fis-gtm`: its directory), or undefined; throws when it is required. */
export function findService(service: Service): string | undefined {
  const path = service === "fis-gtm" ? findGtm() : findProgram(service);
  if (path === undefined && process.env.COHORT_REQUIRE_SERVICES === "1") {
    throw new Error(`${service} is required here and was not found`);
  }
  return path;
}

function findGtm(): string | undefined {
  for (
    const base of [
      "/usr/lib/x86_64-linux-gnu/fis-gtm",
      "/usr/lib/aarch64-linux-gnu/fis-gtm",
      "/usr/lib/fis-gtm",
    ]
  ) {
    const versions = existsSync(base) ? readdirSync(base).sort().reverse() : [];
    const found = versions.find((version) => existsSync(`${base}/${version}/mumps`));
    if (found !== undefined) return `${base}/${found}`;
  }
  return undefined;
}

function findProgram(name: string): string | undefined {
  const { status, stdout } = spawnSync("sh", ["-c", `command -v ${name}`], { encoding: "utf8" });
  return status === 0 ? stdout.trim() : undefined;
}
