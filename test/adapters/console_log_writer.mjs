// Writes 2,000 lines that say who writes and their number to a small console log, a few each millisecond.
import { createConsoleLog } from "../../adapters/console_log.ts";

const [path, name] = process.argv.slice(2);
const log = createConsoleLog({ path, bytesMax: 4096, kept: 1000 });
for (let n = 0; n < 2000; n++) {
  log.event("some.thing", "info", { text: `${name} ${n} ${"x".repeat(100)}` });
  if (n % 5 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
}
await log.close();
