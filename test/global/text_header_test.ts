import { test } from "#test";
import { assertEquals } from "@std/assert";
import { charsetOfLabel, formatHeader, formatOfDate } from "../../src/global/text_header.ts";

const MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];

test("formatHeader: two lines as GT.M has them", () => {
  const wallMs = Date.UTC(2026, 10, 22, 10, 36, 41, 999);
  assertEquals(formatHeader("zwr", "M", wallMs), "Cohort EXTRACT\n22-NOV-2026  10:36:41 ZWR\n");
  assertEquals(formatHeader("go", "UTF-8", wallMs), "Cohort EXTRACT UTF-8\n22-NOV-2026  10:36:41\n");
  assertEquals(formatHeader("jsonl", "UTF-8", wallMs), "");
});

test("formatHeader: every day of 400 years has its date", () => {
  for (let day = -40_000; day < 110_000; day += 13) {
    const date = new Date(day * 86_400_000);
    const month = MONTHS[date.getUTCMonth()]!;
    const wanted = `${
      String(date.getUTCDate()).padStart(2, "0")
    }-${month}-${date.getUTCFullYear()}  00:00:00`;
    assertEquals(formatHeader("go", "M", day * 86_400_000).split("\n")[1], wanted);
  }
});

test("charsetOfLabel and formatOfDate: what the two lines say", () => {
  assertEquals(["GT.M MUPIP EXTRACT", "GT.M MUPIP EXTRACT UTF-8", "UTF-8 notes"].map(charsetOfLabel), [
    "M",
    "UTF-8",
    "M",
  ]);
  assertEquals(charsetOfLabel("x UTF-8\r"), "UTF-8");
  const lines = [
    "22-NOV-2026  10:36:41 ZWR",
    "GT.M 22-NOV-2026 10:36:41",
    "01-JAN-2020  00:00:00 ZWR\r",
    "hello",
  ];
  assertEquals(lines.map(formatOfDate), ["zwr", "go", "zwr", undefined]);
});
