// @ts-self-types="./reports.d.mts"
// What the test tools read and write: JUnit reports, result lines, the table of recorded proofs. Pure.

const HEAD = ["id", "command", "commit", "runtime", "result", "control"].join("\t");

/** The results in a line `@@{…}`; a line that is not well formed becomes one that is not ok. */
export function parseResults(line, runtime) {
  try {
    const { runtime: named = runtime, result, control, ok } = JSON.parse(line.slice(2));
    if (typeof result !== "string" || typeof control !== "string") {
      throw new TypeError("result and control are text");
    }
    return [{ runtime: named, result, control, ok: ok === true }];
  } catch (error) {
    return [{ runtime, result: `unreadable result line: ${line}`, control: String(error), ok: false }];
  }
}

/** Why the results do not show what they should; empty when they do. */
export function shortcomings(results, codes, runtimes) {
  return [
    ...codes.filter(({ code }) => code !== 0).map(({ runtime, code }) =>
      `${runtime} ended with exit code ${code}`
    ),
    ...results.filter(({ ok }) => !ok).map(({ runtime, result }) => `${runtime}: ${result}`),
    ...runtimes.filter((it) => !results.some(({ runtime }) => runtime === it)).map((it) =>
      `${it} gave no result`
    ),
  ];
}

/**
 * The table with this id's rows of these runtimes replaced; sorted by id, then runtime, rows in the order
 * given.
 */
export function mergeRows(table, id, runtimes, rows) {
  const old = table.split("\n").slice(1).filter((line) => line !== "").map((line) => line.split("\t"));
  const replaced = new Set([...runtimes, ...rows.map((row) => row[3])]);
  const kept = old.filter((row) => row[0] !== id || !replaced.has(row[3]));
  const clean = rows.map((row) => row.map((cell) => String(cell).replace(/\s+/g, " ").trim()));
  const order = ([rowId, , , runtime]) => `${rowId}\t${runtime}`;
  const all = [...kept, ...clean].sort((a, b) => order(a) < order(b) ? -1 : order(a) > order(b) ? 1 : 0);
  return [HEAD, ...all.map((row) => row.join("\t"))].join("\n") + "\n";
}

/** Passed and failed tests of a JUnit report; a skipped test is neither. */
export function countReport(xml) {
  let passed = 0, failed = 0;
  for (
    const [, attributes, , body = ""] of xml.matchAll(/<testcase\b([^>]*?)(\/>|>([\s\S]*?)<\/testcase>)/g)
  ) {
    if (attributes === undefined || /<skipped\b/.test(body)) continue;
    if (/<(failure|error)\b/.test(body)) failed++;
    else passed++;
  }
  return { passed, failed };
}

/** Lines of a failure that are said again at the end of a run, and of all failures of one runtime. */
const LINES_OF_FAILURE = 30;
const LINES_TOLD = 150;

/**
 * Collects what a runtime says of tests that failed, for the end of a run, where it is not buried under
 * thousands of others. Bun says the trouble before the name of its test, Deno gathers all at the end.
 */
export function failuresIn(runtime) {
  const told = [];
  let recent = [];
  let gathering = false;
  const hear = (coloured) => {
    // deno-lint-ignore no-control-regex
    const line = coloured.replace(/\x1b\[[0-9;]*m/g, "");
    if (runtime === "deno") {
      gathering ||= /^ ERRORS\s*$/.test(line);
      if (gathering) told.push(line);
      return;
    }
    recent.push(line);
    if (/^\(fail\)/.test(line)) told.push(...recent);
    if (/^\((pass|fail|skip|todo)\)/.test(line)) recent = [];
    else if (recent.length > LINES_OF_FAILURE) recent.shift();
  };
  return { hear, told: () => told.slice(0, LINES_TOLD) };
}
