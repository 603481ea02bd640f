/** Collation, canonical numbers, numeric prefixes and reference texts against GT.M itself. */
import { test } from "#test";
import { assert, assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import { formatDecimal, isCanonicalNumber, numericPrefix } from "../../src/ground/decimal.ts";
import { compareKeys, keyOf } from "../../src/ground/key.ts";
import {
  formatReference,
  formatString,
  formatSubscript,
  ReferenceReader,
} from "../../src/ground/reference.ts";
import type { Subscript } from "../../src/ground/subscript.ts";
import { Prng } from "../support/prng.ts";
import { EDGE_TEXTS, randomNumberText, randomSubscript } from "../support/subscripts.ts";
import { fromBytesText, toBytesText, withGtm } from "./gtm.ts";

const ROUTINES = [new URL("./collate.m", import.meta.url)];
const compare = (a: Uint8Array, b: Uint8Array): number => compareKeys(a, 0, a.length, b, 0, b.length);

/** The text of a subscript, as a quoted expression in M mode: GT.M is not told what is a number. */
function quoted(subscript: Subscript): string {
  const canonical = typeof subscript === "string" ? subscript : formatSubscript(subscript);
  return formatString(toBytesText(canonical), "M");
}

function linesOf(output: Buffer): string[] {
  return output.toString("latin1").split("\n").slice(0, -1);
}

function inputOf(lines: readonly string[]): Buffer {
  return Buffer.from(lines.map((line) => line + "\n").join(""), "latin1");
}

/** One of each key. */
function distinct(references: readonly (readonly Subscript[])[]): (readonly Subscript[])[] {
  const byKey = new Map(references.map((it) => [Buffer.from(keyOf(it)).toString("hex"), it]));
  return [...byKey.values()].toSorted((a, b) => compare(keyOf(a), keyOf(b)));
}

test("keyOf: single subscripts stand in GT.M's order", () =>
  withGtm(ROUTINES, (gtm) => {
    const prng = new Prng(51);
    const subscripts: Subscript[] = [...EDGE_TEXTS];
    const characters = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code));
    subscripts.push(...characters, ...characters.map((it) => `a${it}b`));
    for (let i = 0; i < 5_000; i++) subscripts.push(randomSubscript(prng));
    const ours = distinct(subscripts.map((it) => [it])).map((it) => it[0]!);
    const output = linesOf(gtm.run("sorted^collate", inputOf(subscripts.map(quoted))));
    assertEquals(output.length, ours.length);
    for (const [at, line] of output.entries()) {
      const theirs = fromBytesText(new ReferenceReader(line).expression());
      assertEquals(compare(keyOf([theirs]), keyOf([ours[at]!])), 0, `${at}: ${line}`);
    }
  }));

test("keyOf: references of several levels stand in GT.M's order, spelled alike", () =>
  withGtm(ROUTINES, (gtm) => {
    const prng = new Prng(52);
    const parts: Subscript[] = Array.from({ length: 60 }, () => randomSubscript(prng, true));
    const part = (): Subscript => prng.once(4) ? randomSubscript(prng) : prng.pick(parts);
    const references = Array.from({ length: 3_000 }, () => Array.from({ length: prng.below(5, 1) }, part));
    const ours = distinct(references);
    const input = inputOf(references.map((it) => it.map(quoted).join(",")));
    const output = linesOf(gtm.run("order^collate", input));
    assertEquals(output.length, ours.length);
    for (const [at, line] of output.entries()) {
      const subscripts = ours[at]!.map((it) => typeof it === "string" ? toBytesText(it) : it);
      assertEquals(line, formatReference({ name: "x", subscripts }, "M"), String(at));
    }
  }));

test("isCanonicalNumber and numericPrefix: agree with GT.M's unary +", () =>
  withGtm(ROUTINES, (gtm) => {
    const prng = new Prng(53);
    const texts = [...EDGE_TEXTS];
    for (let i = 0; i < 4_000; i++) {
      let text = randomNumberText(prng);
      if (prng.once(2)) text = prng.pick(["", "-", "+", "--", "0", "."]) + text;
      if (prng.once(2)) text += prng.pick(["E", "E1", "E+2", "E-3", "e4", "E40", "E-40", ".5", "AB", " "]);
      texts.push(text);
    }
    const output = linesOf(gtm.run("number^collate", inputOf(texts.map(quoted))));
    assertEquals(output.length, texts.length);
    let read = 0;
    for (const [at, line] of output.entries()) {
      const text = texts[at]!;
      const [number, same] = line.split(",");
      assertEquals(isCanonicalNumber(text), same === "1", `${text} ${line}`);
      const ours = prefix(text);
      // What GT.M cuts or refuses is an error here.
      if (ours === undefined) continue;
      assertEquals(ours, number!, text);
      read++;
    }
    assert(read > 2_500, String(read));
  }));

function prefix(text: string): string | undefined {
  try {
    return formatDecimal(numericPrefix(text));
  } catch {
    return undefined;
  }
}
