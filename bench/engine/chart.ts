/**
 * Bar charts as SVG: some workloads under one another, a bar a subject, lengths in ratios to the baseline.
 *
 * Forty lines of rectangles and texts need no chart library, and those that draw without a browser weigh 60
 * MB.
 */
import { shownRate, shownRatio } from "../common/figures.ts";
import type { Row } from "./summary.ts";
import { BASELINE } from "./plan.ts";
import type { Workload } from "./job.ts";

const WIDTH = 760;
const LABEL_WIDTH = 150;
const VALUE_WIDTH = 150;
const BAR_HEIGHT = 16;
const BAR_STEP = 21;
const PANEL_HEAD = 34;
const PANEL_GAP = 14;
const COLORS: Readonly<Record<string, string>> = { "Cohort": "#1f77b4", [BASELINE]: "#444444" };
const OTHER_COLOR = "#a9b4bd";

/** A chart of some workloads. */
export function chart(title: string, rows: readonly Row[], workloads: readonly Workload[]): string {
  const panels: string[] = [];
  let y = 40;
  for (const workload of workloads) {
    const bars = rows.filter((row) => row.workload === workload && row.ratio !== undefined);
    if (bars.length === 0) continue;
    panels.push(panel(workload, bars, y));
    y += PANEL_HEAD + bars.length * BAR_STEP + PANEL_GAP;
  }
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${y}" viewBox="0 0 ${WIDTH} ${y}" ` +
    `font-family="sans-serif" font-size="12" fill="#222">`,
    `<title>${escape(title)}</title>`,
    `<rect width="100%" height="100%" fill="#ffffff"/>`,
    `<text x="12" y="24" font-size="16" font-weight="bold">${escape(title)}</text>`,
    ...panels,
    "</svg>",
    "",
  ].join("\n");
}

function panel(workload: string, bars: readonly Row[], top: number): string {
  const longest = Math.max(...bars.map((row) => row.ratio!));
  const scale = (WIDTH - LABEL_WIDTH - VALUE_WIDTH) / longest;
  const parts = [`<text x="12" y="${top + 20}" font-weight="bold">${escape(workload)}</text>`];
  const from = top + PANEL_HEAD;
  bars.forEach((row, i) => {
    const y = from + i * BAR_STEP;
    const width = Math.max(1, row.ratio! * scale);
    const middle = y + BAR_HEIGHT - 4;
    const name = row.runtime === "own" ? row.subject : `${row.subject} (${nameOf(row.runtime)})`;
    const text = `${shownRate(row.rate)}/s, ${shownRatio(row.ratio)} x`;
    parts.push(
      `<text x="${LABEL_WIDTH - 8}" y="${middle}" text-anchor="end">${escape(name)}</text>`,
      `<rect x="${LABEL_WIDTH}" y="${y}" width="${width.toFixed(1)}" height="${BAR_HEIGHT}" ` +
        `fill="${COLORS[row.subject] ?? OTHER_COLOR}"/>`,
      `<text x="${(LABEL_WIDTH + width + 6).toFixed(1)}" y="${middle}">${escape(text)}</text>`,
    );
  });
  const one = (LABEL_WIDTH + scale).toFixed(1);
  const to = from + bars.length * BAR_STEP;
  parts.push(
    `<line x1="${one}" y1="${from - 4}" x2="${one}" y2="${to}" stroke="#222" stroke-dasharray="3 3"/>`,
  );
  return parts.join("\n");
}

function nameOf(runtime: string): string {
  return runtime === "bun" ? "Bun" : runtime === "deno" ? "Deno" : runtime;
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
