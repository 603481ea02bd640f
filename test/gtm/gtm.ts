/** A GT.M database in a folder of its own, to compare with: in M mode (one byte a character) or UTF-8. */
import { spawnSync } from "node:child_process";
import { Buffer } from "node:buffer";
import { copyFileSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { findService } from "../support/services.ts";

/** A running oracle; its disposal removes the folder. */
export interface Gtm extends Disposable {
  /** Runs `label^routine` with `input` on its standard input and returns what it prints, byte for byte. */
  run(entry: string, input: Buffer): Buffer;
  /** Runs `mupip` with these arguments in `folder`; returns what it prints. */
  mupip(...args: string[]): string;
  /** Its folder; files of one's own may lie there. */
  readonly folder: string;
}

/** GT.M's two modes. */
export type GtmMode = "M" | "UTF-8";

/**
 * Runs `body` with a new database and the routines in `sources` (paths of .m files), and removes it again.
 * Without GT.M on this machine nothing runs and the test says so, or fails where services are required.
 */
export function withGtm(sources: readonly URL[], body: (gtm: Gtm) => void, mode: GtmMode = "M"): void {
  using gtm = openGtm(sources, mode);
  if (gtm === undefined) console.log("not compared: fis-gtm is not installed");
  else body(gtm);
}

/** A new database with the routines in `sources`; undefined where GT.M is not installed. */
export function openGtm(sources: readonly URL[], mode: GtmMode): Gtm | undefined {
  const base = findService("fis-gtm");
  if (base === undefined) return undefined;
  const dist = mode === "M" ? base : join(base, "utf8");
  const folder = mkdtempSync(join(tmpdir(), "cohort-gtm-"));
  const env = {
    ...process.env,
    gtm_dist: dist,
    gtmgbldir: join(folder, "g.gld"),
    gtmroutines: `${folder} ${dist}/libgtmutil.so ${dist}`,
    gtm_log: folder,
    gtm_tmp: folder,
    gtm_chset: mode,
    LC_ALL: mode === "M" ? "C" : "C.utf8",
    gtm_icu_version: icuVersion(),
  };
  const call = (program: string, args: string[], input: Buffer): Buffer => {
    // From a file: Deno writes all of a pipe before it reads what the program prints, and both would wait.
    writeFileSync(join(folder, "input"), input);
    const command = ["-c", 'exec "$@" < input', "sh", join(dist, program), ...args];
    const done = spawnSync("sh", command, { env, cwd: folder, maxBuffer: 2 ** 28 });
    if (done.status === 0) return done.stdout;
    throw new Error(`${program} ${args.join(" ")} ended with ${done.status}: ${done.stdout} ${done.stderr}`);
  };
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  try {
    for (const source of sources) copyFileSync(source, join(folder, source.pathname.split("/").at(-1)!));
    const settings = [
      `change -segment DEFAULT -block_size=4096 -allocation=2000 -file=${join(folder, "g.dat")}`,
      "change -region DEFAULT -key_size=1019 -record_size=1048576 -null_subscripts=never -stdnullcoll",
      "exit",
    ];
    call("mumps", ["-run", "GDE"], Buffer.from(settings.join("\n") + "\n"));
    call("mupip", ["create"], Buffer.alloc(0));
  } catch (error) {
    remove();
    throw error;
  }
  return {
    folder,
    run: (entry, input) => call("mumps", ["-run", entry], input),
    mupip: (...args) => call("mupip", args, Buffer.alloc(0)).toString("latin1"),
    [Symbol.dispose]: remove,
  };
}

/** The installed ICU's version as GT.M wants it: "7.2" for libicuuc.so.72. */
function icuVersion(): string {
  const names = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib"]
    .flatMap((folder) => existsSync(folder) ? readdirSync(folder) : []);
  const [, tens, ones] = names.map((it) => /^libicuuc\.so\.(\d+)(\d)$/.exec(it)).find((it) => it !== null) ??
    [];
  return tens === undefined ? "" : `${tens}.${ones}`;
}

/** A text as M mode sees it: its UTF-8, one character a byte. */
export function toBytesText(text: string): string {
  return Buffer.from(text, "utf8").toString("latin1");
}

/** The text of which M mode saw the bytes. */
export function fromBytesText(text: string): string {
  return Buffer.from(text, "latin1").toString("utf8");
}
