/** Import and export of globals as text: the public calls over a mounted database. */
import type { DatabaseCore } from "../global/database.ts";
import { exportFrom, type ExportOptions } from "../global/export.ts";
import { importInto, type ImportOptions, type ImportReport } from "../global/import.ts";
import { Database } from "./database.ts";

/**
 * Sets every node of a file of globals (ZWR, GO or JSON Lines), streamed in bounded memory. What cannot be
 * read or stored is told to `onBadRecord` by its line, counted, and the rest is loaded; a value of ZWR or GO
 * is always a string.
 *
 * Resolves when all is acknowledged. Rejects `SYNTAX` for a file that is none of the formats, `READ_ONLY`,
 * and what else ends a `set`; what was set by then stays. TypeError and RangeError for wrong options.
 */
export async function importText(
  database: Database,
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  options: ImportOptions = {},
): Promise<ImportReport> {
  return await importInto(coreOf(database), source, options);
}

/**
 * Writes globals as ZWR, GO or JSON Lines, in collation order, streamed in bounded memory. Each leaf is
 * written as it is when it is reached. RangeError at once for wrong options; rejects `NO_M_FORM` with line
 * and reference for what M has no form of, unless `noMForm` is `"jsonl"`.
 */
export function exportText(
  database: Database,
  options: ExportOptions = {},
): AsyncIterableIterator<Uint8Array> {
  return exportFrom(coreOf(database), options);
}

function coreOf(database: Database): DatabaseCore {
  if (database instanceof Database) return database.core;
  throw new TypeError(`A mounted database is needed, got ${database === null ? "null" : typeof database}`);
}
