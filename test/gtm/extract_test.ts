/**
 * ZWR and GO files between Cohort and GT.M, both directions: what each loads of the other's, and the bytes.
 */
import { test } from "#test";
import { assert, assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  type Charset,
  type Database,
  exportText,
  importText,
  openNode,
  type Subscript,
  type TextFormat,
} from "@cohort/db";
import { Prng } from "../support/prng.ts";
import { EDGE_TEXTS, randomSubscript, randomText } from "../support/subscripts.ts";
import { type Gtm, withGtm } from "./gtm.ts";

/** Everything behind the two header lines. */
function bodyOf(bytes: Uint8Array): string {
  const text = Buffer.from(bytes).toString("latin1");
  return text.slice(text.indexOf("\n", text.indexOf("\n") + 1) + 1);
}

async function exported(db: Database, format: TextFormat, charset: Charset): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of exportText(db, { format, charset })) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Exports `nodes` from Cohort. */
async function cohortFile(
  nodes: readonly (readonly [string, readonly Subscript[], string])[],
  format: TextFormat,
  charset: Charset,
): Promise<Uint8Array> {
  await using node = await openNode();
  const db = await node.mount("/db", { create: true });
  for (const [name, subscripts, value] of nodes) await db.global(name).set(subscripts, value);
  return await exported(db, format, charset);
}

/** Imports a file into Cohort, and exports it again. */
async function throughCohort(bytes: Uint8Array, format: TextFormat, charset: Charset): Promise<Uint8Array> {
  await using node = await openNode();
  const db = await node.mount("/db", { create: true });
  const report = await importText(db, [bytes], {
    onBadRecord: ({ line, problem }) => assert(false, `${line} ${problem}`),
  });
  assertEquals([report.format, report.charset], [format, charset]);
  return await exported(db, format, charset);
}

/** Has GT.M load a file, and extract it again. */
function throughGtm(gtm: Gtm, bytes: Uint8Array, format: TextFormat): Uint8Array {
  const [theirs, ours] = [join(gtm.folder, `theirs.${format}`), join(gtm.folder, `ours.${format}`)];
  writeFileSync(ours, bytes);
  gtm.mupip("load", `-format=${format}`, ours);
  gtm.mupip("extract", `-format=${format}`, theirs);
  return readFileSync(theirs);
}

/** Nodes at every edge of the format; without controls that GO cannot hold when `lines` is false. */
function edgeNodes(charset: Charset, lines: boolean): [string, Subscript[], string][] {
  const prng = new Prng(71);
  const isM = charset === "M";
  const clean = (text: string): string => {
    // GT.M calls U+FFFE and U+FFFF no characters, and code points without a meaning unprintable.
    const known = text.replace(/[\uffff\u07ff\ud7ff\ue000\u{10ffff}]/gu, "\u20ac");
    return lines ? known : known.replaceAll("\n", " ");
  };
  const nodes: [string, Subscript[], string][] = [];
  for (let code = 0; code < 256; code++) {
    const it = String.fromCharCode(code);
    nodes.push(["a", [code], clean(it)], ["b", [it], clean(`x${it}y${it}${it}`)], [
      "c",
      [`${it}q`, code],
      clean(`"${it}"`),
    ]);
  }
  for (const [i, text] of EDGE_TEXTS.entries()) nodes.push(["d", [text], String(i)], ["e", [i], text]);
  for (let i = 0; i < 1_500; i++) {
    const subscripts = Array.from({ length: prng.below(5) }, () => randomSubscript(prng, isM)).map((it) =>
      typeof it === "string" ? clean(it) : it
    );
    const value = prng.once(9) ? "" : clean(randomText(prng, prng.pick([3, 30, 300]), isM));
    nodes.push([prng.pick(["%x", "Z", "zz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ12345"]), subscripts, value]);
  }
  return nodes;
}

for (const charset of ["M", "UTF-8"] as const) {
  test(`exportText: GT.M loads ZWR of ${charset} and extracts the same; importText reads it`, async () => {
    const ours = await cohortFile(edgeNodes(charset, true), "zwr", charset);
    let theirs: Uint8Array | undefined;
    withGtm([], (gtm) => void (theirs = throughGtm(gtm, ours, "zwr")), charset);
    if (theirs === undefined) return;
    assertEquals(bodyOf(theirs), bodyOf(ours));
    assertEquals(bodyOf(await throughCohort(theirs, "zwr", charset)), bodyOf(ours));
  });
}

test("exportText: GT.M loads GO and extracts the same; importText reads it", async () => {
  const ours = await cohortFile(edgeNodes("M", false), "go", "M");
  let theirs: Uint8Array | undefined;
  withGtm([], (gtm) => void (theirs = throughGtm(gtm, ours, "go")));
  if (theirs === undefined) return;
  assertEquals(bodyOf(theirs), bodyOf(ours));
  assertEquals(bodyOf(await throughCohort(theirs, "go", "M")), bodyOf(ours));
});
