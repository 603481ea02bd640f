/**
 * 1.a: a database of VistA, imported from ZWR and exported again, gives the bytes that GT.M extracts after
 * loading it.
 *
 * The file, vista-sample.zwr.gz (34.8 MB unpacked, 807,644 records), is no part of the repository: the first
 * argument or COHORT_VISTA says where it is; else it is looked for in the folders `data` beside the checkout.
 * Control: the import of the same file with one value changed gives another hash.
 */
import type { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { createReadStream, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { createGunzip } from "node:zlib";
import { exportText, importText, openNode } from "@cohort/db";

const NAME = "vista-sample.zwr.gz";
const RECORDS = 807_644;
const BODY_IN = "4dd73154f2719e709c75aa10cbb3fd8ce323fe0f31687d1490c724399d919754";
const BODY_OUT = "acf8ac2afe4b27fe85e676bf15b9ec20571a3d5ea655e26b759cf0f272313e34";
const LINE_FEED = 0x0a;

/** Where the file is; ends the process with a word of how to name it when it is nowhere. */
function findFile(): string {
  const named = process.argv[2] ?? process.env["COHORT_VISTA"];
  const beside = fileURLToPath(new URL("../../..", import.meta.url));
  const places = named !== undefined
    ? [named]
    : readdirSync(beside).map((folder) => join(beside, folder, "data", NAME));
  const found = places.find((path) => existsSync(path));
  if (found !== undefined) return found;
  console.error(named !== undefined ? `There is no file ${named}.` : `${NAME} was not found.`);
  console.error(
    `It is no part of the repository. Name it: COHORT_VISTA=<path of ${NAME}> npm run show -- 1.a`,
  );
  process.exit(2);
}

/** SHA-256 of all that follows the second line. */
class BodyHash {
  readonly #hash = createHash("sha256");
  #lines = 0;
  bytes = 0;

  add(chunk: Uint8Array): void {
    let at = 0;
    while (this.#lines < 2 && at < chunk.length) if (chunk[at++] === LINE_FEED) this.#lines++;
    this.#hash.update(chunk.subarray(at));
    this.bytes += chunk.length - at;
  }

  digest(): string {
    return this.#hash.digest("hex");
  }
}

interface Passage {
  readonly bodyIn: string;
  readonly bodyOut: string;
  readonly bytesOut: number;
  readonly records: number;
  readonly badRecords: number;
  readonly importMs: number;
  readonly exportMs: number;
}

const file = findFile();

/** Imports the file, each chunk through `change`, and exports it. */
async function pass(change: (chunk: Buffer) => Buffer): Promise<Passage> {
  const dir = mkdtempSync(join(tmpdir(), "cohort-1a-"));
  try {
    const node = await openNode({ dir });
    await using db = await node.mount(join(dir, "vista"), { create: true });
    const bodyIn = new BodyHash();
    const chunks = async function* (): AsyncIterable<Uint8Array> {
      for await (const chunk of createReadStream(file).pipe(createGunzip())) {
        const changed = change(chunk as Buffer);
        bodyIn.add(changed);
        yield changed;
      }
    };
    let started = performance.now();
    const { records, badRecords } = await importText(db, chunks());
    const importMs = performance.now() - started;
    const bodyOut = new BodyHash();
    started = performance.now();
    for await (const chunk of exportText(db, { charset: "M" })) bodyOut.add(chunk);
    const exportMs = performance.now() - started;
    await node.close();
    return {
      bodyIn: bodyIn.digest(),
      bodyOut: bodyOut.digest(),
      bytesOut: bodyOut.bytes,
      records,
      badRecords,
      importMs,
      exportMs,
    };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

const plain = await pass((chunk) => chunk);
let isChanged = false;
const other = await pass((chunk) => {
  const at = isChanged ? -1 : chunk.indexOf("ADDICTION");
  if (at >= 0) chunk[at] = 0x61;
  isChanged ||= at >= 0;
  return chunk;
});

const ok = plain.bodyIn === BODY_IN && plain.bodyOut === BODY_OUT && plain.records === RECORDS &&
  plain.badRecords === 0 && isChanged && other.bodyOut !== BODY_OUT;
const rate = (ms: number): string => `${Math.round(plain.records / ms)}k/s`;
console.log(
  "@@" + JSON.stringify({
    runtime: "bun" in process.versions ? "bun" : "deno",
    result:
      `${plain.records} records imported (${rate(plain.importMs)}, sync), exported (${
        rate(plain.exportMs)
      }): ` +
      `SHA-256 ${plain.bodyOut} of ${plain.bytesOut} bytes`,
    control: `input ${plain.bodyIn}; with one letter changed the export is ${other.bodyOut}`,
    ok,
  }),
);
