import { test } from "#test";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Buffer } from "node:buffer";
import {
  CohortError,
  type Database,
  exportText,
  type ImportOptions,
  type ImportReport,
  importText,
  openNode,
  type Subscript,
  type Value,
} from "@cohort/db";
import type { ExportOptions, TextFormat } from "@cohort/db";
import { mText } from "../../src/global/m_form.ts";
import { Prng } from "../support/prng.ts";
import { randomSubscript, randomText } from "../support/subscripts.ts";
import { randomValue } from "../support/values.ts";

const HEAD = "label\n22-NOV-2026  10:36:41 ZWR\n";
const GO_HEAD = "label\n22-NOV-2026  10:36:41\n";

/** Runs `body` with a database in memory. */
async function withDatabase(body: (db: Database) => Promise<void>, poolBytes = 4 * 2 ** 20): Promise<void> {
  await using node = await openNode({ poolBytes });
  await body(await node.mount("/db", { create: true }));
}

function* cut(bytes: Uint8Array, size: number): Iterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

interface Loaded extends ImportReport {
  /** Line and message of each bad record. */
  readonly bad: string[];
}

async function load(
  db: Database,
  text: string | Uint8Array,
  options: ImportOptions = {},
  size = 65_536,
): Promise<Loaded> {
  const bad: string[] = [];
  const bytes = typeof text === "string" ? Buffer.from(text, "utf8") : text;
  const report = await importText(db, cut(bytes, size), {
    ...options,
    onBadRecord: ({ line, problem }) => bad.push(`${line} ${problem.name} ${problem.message}`),
  });
  assertEquals(report.badRecords, bad.length);
  return { ...report, bad };
}

async function bytesOf(db: Database, options: ExportOptions = {}): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of exportText(db, options)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function textOf(db: Database, options: ExportOptions = {}): Promise<string> {
  return new TextDecoder().decode(await bytesOf(db, options));
}

/** The lines behind the header. */
async function bodyOf(db: Database, options: ExportOptions = {}): Promise<string[]> {
  return (await textOf(db, options)).split("\n").slice(2, -1);
}

test("importText: ZWR in any order comes out in collation order", () =>
  withDatabase(async (db) => {
    const records = [
      '^b(2)="x"',
      '^a("a")=1',
      '^a(10)="y"',
      '^a(9)=""',
      '^%a="root"',
      '^a="own"',
      '^A(1)="cap"',
    ];
    const report = await load(db, HEAD + records.join("\n"));
    assertEquals([report.records, report.badRecords, report.format, report.charset], [7, 0, "zwr", "M"]);
    assertEquals(await bodyOf(db), [
      ...['^%a="root"', '^A(1)="cap"', '^a="own"', '^a(9)=""', '^a(10)="y"', '^a("a")="1"', '^b(2)="x"'],
    ]);
    assertEquals(await db.global("a").get(["a"]), "1");
    assertEquals(await bodyOf(db, { globals: ["b", "A", "none"] }), ['^b(2)="x"', '^A(1)="cap"']);
  }));

test("importText: bad records are told by line, the rest is loaded", () =>
  withDatabase(async (db) => {
    const long = `^a("${"x".repeat(1100)}")="x"`;
    const lines = [
      ...['^a(1)="x"', "junk", "", '^a("")="e"', '^a(2)="y"', long, '^a(3)="z', `^${"n".repeat(32)}="x"`],
      ...[`^a(${Array.from({ length: 32 }, (_, i) => i)})="deep"`, '^a(4)="end"', '{"global":"a"}'],
    ];
    const { bad, records } = await load(db, HEAD + lines.join("\n"));
    assertEquals(bad.map((it) => it.split(" ").slice(0, 2).join(" ")), [
      ...[
        "4 CohortError",
        "6 RangeError",
        "8 RangeError",
        "9 CohortError",
        "10 CohortError",
        "11 RangeError",
      ],
      "13 CohortError",
    ]);
    assertEquals(records, 3);
    assertEquals(await bodyOf(db), ['^a(1)="x"', '^a(2)="y"', '^a(4)="end"']);
  }));

test("importText: in charset M a code above 255 is no character", () =>
  withDatabase(async (db) => {
    const text = `${HEAD}^a(1)=$C(255)_"x"\n^a(2)="x"_$C(256)\n^a($C(300))="x"\n^a(4)="y"\n`;
    const { bad } = await load(db, text);
    assertEquals(bad.map((it) => it.split(" ")[0]), ["4", "5"]);
    assertEquals(await bodyOf(db, { charset: "UTF-8" }), ['^a(1)="\xffx"', '^a(4)="y"']);
    assertEquals((await load(db, text, { charset: "UTF-8" })).bad, []);
    const go = await load(db, `${GO_HEAD}^a($C(256))\nx\n^a(5)\ny\n`);
    assertEquals([go.bad.length, go.records], [1, 1]);
  }));

test("importText: GO, its bad records and its end", () =>
  withDatabase(async (db) => {
    const body = '^a(1)\nx\n\n^a(2)\n\n^a(\nits value\n^a(3)\n"q" \r\njunk\n^a("b"_$C(10))\n^a(9)\n\n\n^a(5)';
    const { bad, records, format } = await load(db, GO_HEAD + body);
    assertEquals([records, format], [4, "go"]);
    assertEquals(bad.map((it) => it.split(" ")[0]), ["8", "12", "17"]);
    const wanted = ['^a(1)="x"', '^a(2)=""', '^a(3)="""q"" "_$C(13)', '^a("b"_$C(10))="^a(9)"'];
    assertEquals(await bodyOf(db), wanted);
    const go = (await textOf(db, { format: "go" })).split("\n").slice(2);
    assertEquals(go, ["^a(1)", "x", "^a(2)", "", "^a(3)", '"q" \r', '^a("b"_$C(10))', "^a(9)", ""]);
  }));

test("importText: GO, the value of a reference that cannot be read is passed over", () =>
  withDatabase(async (db) => {
    const text =
      'label UTF-8\n22-NOV-2026  10:36:41\n^a(1)\nx\n^a("\xff")\n^a(9)\n^a(2)\ny\n^a(3)\n\xff\n^a(4)\nz\n';
    const { bad, charset } = await load(db, Buffer.from(text, "latin1"));
    assertEquals(charset, "UTF-8");
    assertEquals(bad.map((it) => it.split(" ")[0]), ["5", "9"]);
    assertEquals(await bodyOf(db), ['^a(1)="x"', '^a(2)="y"', '^a(4)="z"']);
  }));

test("importText: lines that end in CR LF", () =>
  withDatabase(async (db) => {
    await load(db, (HEAD + '^a(1)="x"\n^a(2)=5\n').replaceAll("\n", "\r\n"));
    await load(db, (GO_HEAD + "^b(1)\nx\n^b(2)\n\n").replaceAll("\n", "\r\n"));
    assertEquals(await bodyOf(db), ['^a(1)="x"', '^a(2)="5"', '^b(1)="x"', '^b(2)=""']);
  }));

test("importText: the format is told by the file", () =>
  withDatabase(async (db) => {
    const format = async (text: string): Promise<string> => {
      const { format, charset, bad } = await load(db, text);
      assertEquals(bad, []);
      return `${format} ${charset}`;
    };
    assertEquals(await format(HEAD), "zwr M");
    assertEquals(await format(GO_HEAD + "^a(1)\nx"), "go M");
    assertEquals(
      await format('GT.M MUPIP EXTRACT UTF-8\n22-NOV-2026  10:36:41 ZWR\n^a(2)="\u20ac"'),
      "zwr UTF-8",
    );
    assertEquals(await format('^a(3)="no header"\n^a(4)="x"'), "zwr M");
    assertEquals(await format('{"global":"a","subscripts":[5],"value":"\u20ac"}\n'), "jsonl UTF-8");
    assertEquals(await format("^DPT and others\n22-NOV-2026  10:36:41\n^a(6)\nx\n"), "go M");
    const ends = (await bodyOf(db)).map((it) => it.slice(6));
    assertEquals(ends, ['"x"', '"\u20ac"', '"no header"', '"x"', '"\u20ac"', '"x"']);
    for (const text of ["", "x", "one\ntwo\n^a(1)=5\n", "^a(1)\n12:30\n^a(2)\ny\n"]) {
      const error = await assertRejects(() => load(db, text), CohortError);
      assertEquals(error.code, "SYNTAX");
    }
    assertEquals((await load(db, "one\ntwo\n^a(1)=5\n", { format: "zwr" })).records, 1);
    assertEquals((await load(db, "", { format: "zwr" })).records, 0);
  }));

test("importText: of a file whose format the caller names no record is taken for a header", () =>
  withDatabase(async (db) => {
    const cases: Array<[TextFormat, string, string[], string[]]> = [
      ["zwr", '^a(1=1\n^a(2)="b"\n^a(3)="c"\n', ["1"], ['^a(2)="b"', '^a(3)="c"']],
      ["zwr", '^a(1=1\n^a(2="b"\n^a(3)="c"', ["1", "2"], ['^a(3)="c"']],
      ["zwr", '\ufeff^a(1)="a"\r\n^a(2)="b"\r\n', ["1"], ['^a(2)="b"']],
      ["zwr", '^DPT and others\n22-NOV-2026  10:36:41 ZWR\n^a(2)="b"\n', [], ['^a(2)="b"']],
      ["zwr", 'one\ntwo\n^a(2)="b"\n', [], ['^a(2)="b"']],
      ["go", "^a(1)\nx\n^a(2)\ny\n", [], ['^a(1)="x"', '^a(2)="y"']],
      ["go", "^a(1\nx\n^a(2)\ny\n", ["1"], ['^a(2)="y"']],
      ["go", "^a(1)\r\nx\r\n^a(2)\r\ny\r\n", [], ['^a(1)="x"', '^a(2)="y"']],
      ["go", "^DPT\n22-NOV-2026  10:36:41\n^a(2)\ny\n", [], ['^a(2)="y"']],
      ["go", "one\ntwo\n^a(2)\ny\n", [], ['^a(2)="y"']],
      ["go", "^a(1)\n12:30\n^a(2)\ny\n", [], ['^a(1)="12:30"', '^a(2)="y"']],
      ["zwr", '^a(1=1\n^a(2)="1:00 ZWR\n^a(3)="c"\n', ["1", "2"], ['^a(3)="c"']],
    ];
    for (const [format, text, lines, body] of cases) {
      const { bad } = await load(db, text, { format });
      assertEquals([bad.map((it) => it.split(" ")[0]!), await bodyOf(db)], [lines, body], text);
      await db.global("a").kill();
    }
  }));

test("importText: chunks of any size give the same nodes", async () => {
  const prng = new Prng(65);
  const nodes: Array<[Subscript[], string]> = [];
  for (let i = 0; i < 300; i++) {
    const subscripts = Array.from({ length: prng.below(4) }, () => randomSubscript(prng, false));
    nodes.push([subscripts, randomText(prng, prng.pick([5, 60]), false)]);
  }
  for (const charset of ["M", "UTF-8"] as const) {
    await withDatabase(async (db) => {
      const isFit = (text: Subscript): boolean => typeof text !== "string" || !/[^\0-\xff]/.test(text);
      const fit = nodes.filter(([subscripts, value]) =>
        charset === "UTF-8" || (subscripts.every(isFit) && isFit(value))
      );
      for (const [subscripts, value] of fit) await db.global("X").set(subscripts, value);
      const whole = await bytesOf(db, { charset });
      for (const format of ["zwr", "jsonl"] as const) {
        const text = await bytesOf(db, { charset, format });
        for (const size of [1, 3, 17, 1000, 1e9]) {
          await db.global("X").kill();
          const { bad } = await load(db, text, {}, size);
          assertEquals(bad, []);
          const again = Buffer.from(await bytesOf(db, { charset })).toString("latin1").split("\n").slice(2);
          assertEquals(again, Buffer.from(whole).toString("latin1").split("\n").slice(2));
        }
      }
    });
  }
});

test("exportText: numbers have an M form; what has none is refused with line and reference", () =>
  withDatabase(async (db) => {
    const global = db.global<Value>("V");
    const good: Value[] = ["text", 5, -0.5, 1e21, 2 ** 53, 12n, 10n ** 46n, 0, ""];
    for (const [i, value] of good.entries()) await global.set([i], value);
    const ten46 = "1" + "0".repeat(46);
    const texts = ["text", "5", "-.5", "1000000000000000000000", "9007199254740992", "12", ten46, "0", ""];
    assertEquals(await bodyOf(db), texts.map((it, i) => `^V(${i})="${it}"`));
    const none: Value[] = [
      -0,
      1e47,
      1e-44,
      10n ** 47n,
      1234567890123456789n,
      null,
      true,
      [],
      {},
      new Uint8Array(2),
    ];
    for (const value of none) {
      await global.set([3, "x"], value);
      for (const format of ["zwr", "go"] as const) {
        const error = await assertRejects(() => textOf(db, { format }), CohortError);
        assertEquals([error.code, error.facts.line, error.facts.reference], [
          "NO_M_FORM",
          format === "zwr" ? 7 : 11,
          '^V(3,"x")',
        ]);
      }
      assert((await textOf(db, { format: "jsonl" })).includes('"x"]'));
    }
    await global.set([3, "x"], "\u20ac");
    const error = await assertRejects(() => textOf(db, { charset: "M" }), CohortError);
    assertEquals([error.code, error.facts.line], ["NO_M_FORM", 7]);
    await global.set([3, "x"], "a\nb");
    assertEquals((await assertRejects(() => textOf(db, { format: "go" }), CohortError)).code, "NO_M_FORM");
    await global.kill([3]);
    await global.set([3, "\u20ac"], "x");
    assertEquals((await assertRejects(() => textOf(db, { charset: "M" }), CohortError)).code, "NO_M_FORM");
  }));

test("exportText: JSON lines among ZWR and GO keep what M has no form of, types and all", () =>
  withDatabase(async (db) => {
    const prng = new Prng(66);
    const values: Value[] = Array.from({ length: 60 }, () => randomValue(prng, 3));
    values.push(-0, null, "a\nb", "\u20ac", [5n, { $bytes: 1 }], new Uint8Array([0, 255]));
    const global = db.global<Value>("V");
    for (const format of ["zwr", "go", "jsonl"] as const) {
      for (const charset of ["M", "UTF-8"] as const) {
        for (const [i, value] of values.entries()) await global.set([i, "\u20ac"], value);
        const text = await bytesOf(db, { format, charset, noMForm: "jsonl" });
        await global.kill();
        const { bad, records } = await load(db, text);
        assertEquals([bad, records], [[], values.length]);
        // In M the subscript has no form, so that every record is a JSON line.
        const isTyped = format === "jsonl" || charset === "M";
        for (const [i, value] of values.entries()) {
          const back = await global.get([i, "\u20ac"]);
          assertEquals(back, isTyped ? value : mText(value) ?? value);
          assertEquals(Object.is(back, -0), Object.is(value, -0));
        }
      }
    }
  }));

test("importText: of one reference the last record wins, though its leaf is not resident", () =>
  withDatabase(async (db) => {
    const big = "x".repeat(1500);
    let text = HEAD;
    for (let i = 0; i < 3_000; i++) text += `^a(${i})="${big}"\n`;
    await load(db, text);
    const prng = new Prng(67);
    const wanted = new Map<number, string>();
    text = HEAD;
    for (let i = 0; i < 4_000; i++) {
      const key = prng.below(3_000);
      const value = String(i) + big.slice(0, prng.below(1500));
      for (const it of [`${value}!`, value]) text += `^a(${key})="${it}"\n`;
      wanted.set(key, value);
    }
    await load(db, text);
    for (const [key, value] of wanted) assertEquals(await db.global("a").get([key]), value);
  }, 40 * 8192));

test("importText: values too large for the pool are bad records, the rest is loaded", () =>
  withDatabase(async (db) => {
    const large = "x".repeat(3_600_000);
    const { bad, records } = await load(db, `${HEAD}^a(1)="y"\n^a(2)="${large}"\n^a(3)="z"\n`);
    assertEquals([bad.length, records], [1, 2]);
    assertEquals(await bodyOf(db), ['^a(1)="y"', '^a(3)="z"']);
  }, 40 * 8192));

test("importText and exportText: the largest values", () =>
  withDatabase(async (db) => {
    const values = [
      '\x01"'.repeat(50_000),
      "x".repeat(3_640_000),
      "\u20ac".repeat(1_200_000),
      "\0".repeat(2 ** 21),
    ];
    for (const [i, value] of values.entries()) await db.global("a").set([i], value);
    const bytes = await bytesOf(db);
    await db.global("a").kill();
    assertEquals((await load(db, bytes)).bad, []);
    for (const [i, value] of values.entries()) assert(await db.global("a").get([i]) === value);
  }, 16 * 2 ** 20));

test("importText: progress rises, a signal ends it with its reason", () =>
  withDatabase(async (db) => {
    const text = HEAD + Array.from({ length: 500 }, (_, i) => `^a(${i})="x"\n`).join("");
    const seen: number[] = [];
    await load(db, text, { onProgress: ({ bytes, records }) => seen.push(bytes, records) }, 1000);
    assertEquals(seen.at(-2), text.length);
    assert(seen.length > 10 && seen.at(-1)! >= 490);
    const controller = new AbortController();
    const reason = new Error("enough");
    const onProgress = (): void => controller.abort(reason);
    await db.global("a").kill();
    await assertRejects(
      () => load(db, text, { onProgress, signal: controller.signal }, 1000),
      Error,
      "enough",
    );
    const count = (await bodyOf(db)).length;
    assert(count > 0 && count < 500);
    await assertRejects(() => textOf(db, { signal: controller.signal }), Error, "enough");
    const records: number[] = [];
    await textOf(db, { onProgress: (it) => records.push(it.records) });
    assertEquals(records.at(-1), count);
  }));

test("importText and exportText: wrong arguments", () =>
  withDatabase(async (db) => {
    for (const options of [{ format: "xml" }, { charset: "utf8" }]) {
      await assertRejects(() => importText(db, [], options as ImportOptions), RangeError);
      assertThrows(() => exportText(db, options as ExportOptions), RangeError);
    }
    assertThrows(() => exportText(db, { noMForm: "drop" } as unknown as ExportOptions), RangeError);
    assertThrows(() => exportText(db, { globals: ["1x"] }), RangeError);
    await assertRejects(() => importText(db, ["text"] as unknown as Uint8Array[]), TypeError);
    await assertRejects(() => importText(db, {} as unknown as Uint8Array[], {}), TypeError);
    await db.dismount();
    assertEquals((await assertRejects(() => load(db, HEAD), CohortError)).code, "NOT_MOUNTED");
    assertEquals((await assertRejects(() => textOf(db), CohortError)).code, "NOT_MOUNTED");
  }));

test("importText: the source's own error ends it; what came before stays", () =>
  withDatabase(async (db) => {
    async function* broken(): AsyncIterable<Uint8Array> {
      yield Buffer.from(HEAD + '^a(1)="x"\n^a(2)="y', "utf8");
      await Promise.resolve();
      throw new Error("pipe broke");
    }
    await assertRejects(() => importText(db, broken()), Error, "pipe broke");
    assertEquals(await bodyOf(db), ['^a(1)="x"']);
  }));
