/** References and records of ZWR, GO and JSON Lines. */
import type { ErrorCode } from "../../../src/ground/errors.ts";
import { keyOf } from "../../../src/ground/key.ts";
import { type Charset, formatReference, parseReference } from "../../../src/ground/reference.ts";
import type { Subscript } from "../../../src/ground/subscript.ts";
import { formatGo, hasGoForm, parseGoReference } from "../../../src/global/go.ts";
import { formatJsonLine, parseJsonLine } from "../../../src/global/json_line.ts";
import { TextLines } from "../../../src/global/text_lines.ts";
import { formatZwr, parseZwr } from "../../../src/global/zwr.ts";
import { Prng } from "../../support/prng.ts";
import { randomSubscript, randomText } from "../../support/subscripts.ts";
import { randomValue } from "../../support/values.ts";
import type { Outcome, Target } from "../fuzz.ts";
import { answerOf, find } from "../judge.ts";
import { garbage, garbageText, mutate, mutateText } from "../mutate.ts";

const CODES: readonly ErrorCode[] = ["SYNTAX"];
const TOKENS = [
  ...[
    "^",
    "(",
    ")",
    ",",
    '"',
    '""',
    "=",
    "_",
    "|",
    "$C(",
    "$CHAR(1)",
    "$c(0)",
    "$ZCH(1)",
    "-",
    "+",
    ".",
    "E",
    "E47",
  ],
  ...[
    "0",
    "1",
    "007",
    "12345678901234567",
    ".5",
    "1E3",
    "-0",
    "^X",
    "%",
    "^%",
    "A".repeat(32),
    "\0",
    "\r",
    "\n",
    " ",
  ],
  ...[
    "\ud800",
    "\udc00",
    "\u{1f600}",
    "é",
    "\u2028",
    "\ufeff",
    "$C(1114112)",
    "$C(55296)",
    "$C(-1)",
    "1e400",
  ],
];
const JSON_TOKENS = [
  ...[
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    '"',
    "null",
    "true",
    "1e999",
    "-0",
    "1E400",
    "[".repeat(40),
    '{"a":'.repeat(70),
  ],
  ...[
    '"$bigint"',
    '"$bytes"',
    '"$number"',
    '"$object"',
    '"__proto__"',
    '"global"',
    '"value"',
    '"subscripts"',
  ],
  ...[
    '{"$bigint":"12"}',
    '{"$bytes":"AQI="}',
    '{"$number":"-0"}',
    "\\ud800",
    "\\u0000",
    '""',
    "\ud800",
    "0.1",
  ],
];

/** A node of random content. */
function node(prng: Prng): { name: string; subscripts: Subscript[] } {
  const name = prng.pick(["X", "Patient", "%ZOSF", "A".repeat(31)]);
  return { name, subscripts: Array.from({ length: prng.below(4) }, () => storable(prng)) };
}

/** A subscript that a key takes. */
function storable(prng: Prng): Subscript {
  for (;;) {
    const subscript = randomSubscript(prng);
    try {
      keyOf([subscript]);
      return subscript;
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
    }
  }
}

function make(seed: number, line: (prng: Prng, charset: Charset) => string): string[] {
  const prng = new Prng(seed);
  return Array.from({ length: 200 }, () => line(prng, prng.once(2) ? "M" : "UTF-8"));
}

const REFERENCES = make(
  1,
  (prng, charset) =>
    formatReference(
      { ...node(prng), ...(prng.once(4) ? { member: "beta", database: "/data/hr" } : {}) },
      charset,
    ),
);
const ZWR_LINES = make(2, (prng, charset) => {
  const { name, subscripts } = node(prng);
  return formatZwr(name, subscripts, prng.once(5) ? "" : randomText(prng, 60, true), charset);
});
const JSON_LINES = make(3, (prng) => {
  const { name, subscripts } = node(prng);
  return formatJsonLine(name, subscripts, randomValue(prng));
});

/** Of so many tokens a reader that looks at everything again and again would never come to an end. */
const LONG = 60_000;

function spoiled(prng: Prng, samples: readonly string[], tokens: readonly string[]): string {
  if (prng.once(5000)) return prng.pick(samples) + (prng.pick(tokens) + prng.pick(tokens)).repeat(LONG);
  return prng.once(6) ? garbageText(prng, tokens) : mutateText(prng, prng.pick(samples), samples, tokens);
}

/** What is written of something read is read as the same again. */
function roundTrip<T>(
  what: string,
  value: T,
  format: (value: T) => string,
  parse: (text: string) => T,
): Outcome {
  const answer = answerOf(CODES, () => {
    const text = format(value);
    return format(parse(text)) === text;
  });
  if ("code" in answer || !answer.value) find(`${what} does not come back as it was`);
  return "read";
}

/** An empty subscript or a lone surrogate can be read, and no key takes it. */
function isStorable(subscripts: readonly Subscript[]): boolean {
  return subscripts.every((it) => typeof it !== "string" || it.isWellFormed());
}

function reference(prng: Prng): Outcome {
  const text = spoiled(prng, REFERENCES, TOKENS);
  const answer = answerOf(CODES, () => parseReference(text));
  if ("code" in answer) return "refused";
  const { member, database, subscripts } = answer.value;
  const texts = [...subscripts, member ?? "", database ?? ""];
  if (!isStorable(texts)) return "read";
  return roundTrip("a reference", answer.value, formatReference, parseReference);
}

function zwr(prng: Prng): Outcome {
  const text = spoiled(prng, ZWR_LINES, TOKENS);
  const answer = answerOf(CODES, () => parseZwr(text));
  if ("code" in answer) return "refused";
  const { subscripts, value } = answer.value;
  if (!isStorable([...subscripts, value])) return "read";
  const charset = prng.once(2) ? "M" : "UTF-8";
  return roundTrip(
    "a record",
    answer.value,
    (it) => formatZwr(it.name, it.subscripts, it.value, charset),
    parseZwr,
  );
}

function go(prng: Prng): Outcome {
  const text = spoiled(prng, REFERENCES, TOKENS);
  const answer = answerOf(CODES, () => parseGoReference(text));
  if ("code" in answer) return "refused";
  if (!isStorable(answer.value.subscripts)) return "read";
  if (!hasGoForm("x")) find("a plain value has no form in GO");
  const format = ({ name, subscripts }: { name: string; subscripts: readonly Subscript[] }): string =>
    formatGo(name, subscripts, "", "UTF-8").split("\n")[0]!;
  return roundTrip("a reference line", answer.value, format, parseGoReference);
}

const DEEP = 100_000;

function json(prng: Prng): Outcome {
  const text = prng.once(1500) ? deepJson(prng) : spoiled(prng, JSON_LINES, JSON_TOKENS);
  const answer = answerOf(CODES, () => parseJsonLine(text));
  if ("code" in answer) return "refused";
  return roundTrip(
    "a JSON line",
    answer.value,
    ({ name, subscripts, value }) => formatJsonLine(name, subscripts, value),
    parseJsonLine,
  );
}

/** Nested far deeper than a stack reaches, in every place of a line. */
function deepJson(prng: Prng): string {
  const depth = prng.below(DEEP, 1);
  const deep = prng.once(2)
    ? "[".repeat(depth) + "]".repeat(depth)
    : '{"$object":'.repeat(depth) + "1" + "}".repeat(depth);
  return prng.pick([
    deep,
    `{"global":"X","subscripts":[],"value":${deep}}`,
    `{"global":"X","subscripts":[${deep}],"value":1}`,
    `{"global":${deep},"subscripts":[],"value":1}`,
    `{"global":"X","subscripts":[],"value":{"$bytes":${deep}}}`,
  ]);
}

const LINE_BYTES = [...ZWR_LINES, ...JSON_LINES].map((line) => new TextEncoder().encode(line + "\n"));

/** Bytes of any kind cut anywhere: as many lines as line feeds, whatever the cuts. */
function lines(prng: Prng): Outcome {
  const bytes = prng.once(4) ? garbage(prng, 2000) : mutate(prng, prng.pick(LINE_BYTES), LINE_BYTES);
  const charset = prng.once(2) ? "M" : "UTF-8";
  const whole = linesOf(bytes, [bytes.length], charset);
  const cuts = [prng.below(bytes.length + 1), prng.below(bytes.length + 1)].sort((a, b) => a - b);
  const parts = linesOf(bytes, [...cuts, bytes.length], charset);
  if (whole.join("\n") !== parts.join("\n")) find("where the bytes are cut makes a difference");
  return whole.some((line) => line.includes("fault")) ? "refused" : "read";
}

function linesOf(bytes: Uint8Array, cuts: readonly number[], charset: Charset): string[] {
  const reader = new TextLines();
  reader.charset = charset;
  const found: string[] = [];
  const take = (): void => {
    while (reader.next()) {
      found.push(`${reader.number} ${reader.fault === undefined ? reader.line : "fault"}`);
    }
  };
  let from = 0;
  for (const cut of cuts) {
    reader.feed(bytes.slice(from, cut));
    take();
    from = cut;
  }
  reader.end();
  take();
  return found;
}

/** The targets of this file. */
export const TEXT_TARGETS: readonly Target[] = [
  { name: "reference", weight: 12, run: reference },
  { name: "ZWR record", weight: 12, run: zwr },
  { name: "GO reference line", weight: 6, run: go },
  { name: "JSON line", weight: 12, run: json },
  { name: "lines of a stream", weight: 6, run: lines },
];
