/** Golden files and error codes, for tests of formats. */
import { readFileSync } from "node:fs";
import { CohortError } from "../../src/ground/errors.ts";

/** Bytes as hexadecimal digits. */
export function hexOf(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The digits of a golden file: text behind `#` and white space are left out. */
export function readGolden(name: string): string {
  return readFileSync(new URL(`../golden/${name}`, import.meta.url), "utf8").replace(/#.*|\s/g, "");
}

/** Code of the `CohortError` that `run` throws; empty when it throws none. */
export function codeOf(run: () => unknown): string {
  try {
    run();
    return "";
  } catch (error) {
    if (error instanceof CohortError) return error.code;
    throw error;
  }
}
