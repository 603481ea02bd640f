/** What the drivers of benches share: options, and the machine in words. */
import { readFileSync } from "node:fs";
import { arch, cpus, release, totalmem } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { ROOT } from "../../test/support/runtimes.mjs";

/** The machine and the versions, in a sentence or two. */
export function machine(records: number, ms: number): string {
  const [cpu] = cpus();
  const gigabytes = Math.round(totalmem() / 2 ** 30);
  const { lmdb, bun, deno } = versions();
  return `${cpus().length} x ${cpu?.model.trim()} ${arch()}, ${gigabytes} GiB, Linux ${
    release().split("-")[0]
  }; ` +
    `Bun ${bun}, Deno ${deno}, lmdb ${lmdb}. ${records} records of 100 characters, loops of ${ms} ms.`;
}

function versions(): Record<"lmdb" | "bun" | "deno", string> {
  const of = (name: string): string =>
    JSON.parse(readFileSync(join(ROOT, "node_modules", name, "package.json"), "utf8")).version;
  return { lmdb: of("lmdb"), bun: of("bun"), deno: of("deno") };
}

/** The words of an option; ends the process at one that is not known. */
export function words(text: string, known: readonly string[], usage: string): string[] {
  const found = text.split(",").filter((word) => word !== "");
  const unknown = found.find((word) => !known.includes(word));
  if (unknown === undefined) return found;
  console.error(`${unknown} is none of ${known.join(", ")}\n\n${usage}`);
  process.exit(2);
}

/** The whole number of an option; ends the process when it is none, or out of bounds. */
export function whole(
  name: string,
  text: string,
  [least, most]: readonly [number, number],
  usage: string,
): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= least && value <= most) return value;
  console.error(`--${name} is a whole number from ${least} to ${most}, got ${text}\n\n${usage}`);
  process.exit(2);
}
