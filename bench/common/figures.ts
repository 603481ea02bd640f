/** Figures as people read them, and what is reckoned of them. Pure. */

/** The median; undefined of nothing. */
export function median(values: readonly number[]): number | undefined {
  if (values.length === 0) return undefined;
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** A rate as people read it: 812, 15.3 k, 1.42 M. */
export function shownRate(rate: number): string {
  if (rate >= 1e6) return `${(rate / 1e6).toFixed(2)} M`;
  if (rate >= 1e5) return `${Math.round(rate / 1000)} k`;
  if (rate >= 1000) return `${(rate / 1000).toFixed(1)} k`;
  return rate.toFixed(0);
}

/** A ratio with two digits that count. */
export function shownRatio(ratio: number | undefined): string {
  if (ratio === undefined) return "-";
  if (ratio >= 9.95) return ratio.toFixed(0);
  return ratio.toFixed(ratio >= 0.995 ? 1 : 2);
}

/** A Markdown table whose columns stand under one another, as the formatter wants them. */
export function aligned(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(3, ...rows.map((row) => row[column]!.length)));
  const line = (cells: readonly string[]): string =>
    `| ${
      cells.map((text, i) => i === 0 ? text.padEnd(widths[i]!) : text.padStart(widths[i]!)).join(" | ")
    } |`;
  const rule = widths.map((width, i) => i === 0 ? "-".repeat(width) : "-".repeat(width - 1) + ":");
  return [line(rows[0]!), `| ${rule.join(" | ")} |`, ...rows.slice(1).map(line)].join("\n");
}

/** A text with what is between two marks replaced; unchanged without both marks. */
export function withPart(
  text: string,
  [first, last]: readonly [first: string, last: string],
  part: string,
): string {
  const begin = text.indexOf(first);
  const end = text.indexOf(last);
  if (begin < 0 || end < begin) return text;
  return `${text.slice(0, begin + first.length)}\n\n${part.trim()}\n\n${text.slice(end)}`;
}

/** A result line of `npm run show`. */
export interface Shown {
  readonly runtime: string;
  readonly result: string;
  readonly control: string;
  readonly ok: boolean;
}

/** A row of a table of rates: a subject under a runtime. */
export interface RateRow {
  readonly workload: string;
  readonly subject: string;
  readonly runtime: string;
  readonly rate: number;
  readonly ratio: number | undefined;
}

/** A column: its title, and whom it shows. */
export type RateColumn = readonly [title: string, subject: string, runtime: string];

/** The table: rates, and in brackets the median ratio to the baseline of the same round. */
export function rateTable(
  rows: readonly RateRow[],
  columns: readonly RateColumn[],
  workloads: readonly string[],
): string {
  const find = (workload: string, subject: string, runtime: string): RateRow | undefined =>
    rows.find((row) => row.workload === workload && row.subject === subject && row.runtime === runtime);
  const used = columns.filter(([, subject, runtime]) =>
    rows.some((row) => row.subject === subject && row.runtime === runtime)
  );
  const body = workloads.filter((workload) => rows.some((row) => row.workload === workload)).map((
    workload,
  ) => [workload, ...used.map(([, subject, runtime]) => rateCell(find(workload, subject, runtime)))]);
  return aligned([["", ...used.map(([title]) => title)], ...body]);
}

function rateCell(row: RateRow | undefined): string {
  return row === undefined ? "-" : `${shownRate(row.rate)} (${shownRatio(row.ratio)})`;
}
