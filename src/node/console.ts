/** Console: where a node's console log lies. */
import type { Settings } from "./options.ts";

/** Name of the console log. */
export const CONSOLE_LOG_NAME = "cconsole.log";

/** Path of the console log; undefined for a node that keeps none. */
export function consoleLogPath(settings: Settings): string | undefined {
  const { dir, cluster, consoleLog } = settings;
  const directory = cluster?.pij ?? dir;
  return directory === undefined || !consoleLog ? undefined : `${directory}/${CONSOLE_LOG_NAME}`;
}
