/**
 * The two header lines of ZWR and GO files: a free text, " UTF-8" at its end when the file is of UTF-8 mode;
 * then date and time, and "ZWR" when it is one. JSON Lines have no header.
 */
import type { Charset } from "../ground/reference.ts";

/** How nodes are written as text. */
export type TextFormat = "zwr" | "go" | "jsonl";

/** Every `TextFormat`. */
export const TEXT_FORMATS: readonly TextFormat[] = ["zwr", "go", "jsonl"];
/** Every `Charset`. */
export const CHARSETS: readonly Charset[] = ["M", "UTF-8"];

const LABEL = "Cohort EXTRACT";
const MONTHS = "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split(" ");
const DAY_MS = 86_400_000;

/** The header of a file written at `wallMs` (since 1970), its lines' ends included; the time is UTC. */
export function formatHeader(format: TextFormat, charset: Charset, wallMs: number): string {
  if (format === "jsonl") return "";
  const label = charset === "UTF-8" ? `${LABEL} UTF-8` : LABEL;
  return `${label}\n${dateTime(wallMs)}${format === "zwr" ? " ZWR" : ""}\n`;
}

/** The charset that line 1 names. */
export function charsetOfLabel(label: string): Charset {
  return / UTF-8\s*$/.test(label) ? "UTF-8" : "M";
}

/** The format that line 2 names: ZWR by name, GO by a time alone; undefined when it can be neither. */
export function formatOfDate(line: string): TextFormat | undefined {
  if (/\bZWR\s*$/.test(line)) return "zwr";
  return /\d:\d\d/.test(line) ? "go" : undefined;
}

/** As `formatOfDate`, of a line that is date and time as M systems write them here, and nothing else. */
export function formatOfWholeDate(line: string): TextFormat | undefined {
  return WHOLE_DATE.test(line) ? formatOfDate(line) : undefined;
}

const WHOLE_DATE = /^(?:\S+ )?\d\d-[A-Z]{3}-\d{4} +\d\d:\d\d:\d\d(?: ZWR)?\s*$/;

/** As GT.M writes it: 22-NOV-2026  10:36:41. */
function dateTime(wallMs: number): string {
  const days = Math.floor(wallMs / DAY_MS);
  const seconds = Math.floor((wallMs - days * DAY_MS) / 1000);
  const { day, month, year } = dateOf(days);
  const two = (n: number): string => String(n).padStart(2, "0");
  const time = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60].map(two).join(":");
  return `${two(day)}-${MONTHS[month]}-${String(year).padStart(4, "0")}  ${time}`;
}

/**
 * The date of a day since 1 January 1970; months from 0. Years are taken to begin in March, after the leap
 * day.
 */
function dateOf(days: number): { day: number; month: number; year: number } {
  const sinceMarch0 = days + 719_468;
  const era = Math.floor(sinceMarch0 / 146_097);
  const dayOfEra = sinceMarch0 - era * 146_097;
  const leaps = Math.floor(dayOfEra / 1460) - Math.floor(dayOfEra / 36_524) + Math.floor(dayOfEra / 146_096);
  const yearOfEra = Math.floor((dayOfEra - leaps) / 365);
  const dayOfYear = dayOfEra - 365 * yearOfEra - Math.floor(yearOfEra / 4) + Math.floor(yearOfEra / 100);
  const fromMarch = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * fromMarch + 2) / 5) + 1;
  const month = (fromMarch + 2) % 12;
  return { day, month, year: era * 400 + yearOfEra + (month < 2 ? 1 : 0) };
}
