/**
 * `npm start`, whole: three members of both runtimes; the master is killed; everything acknowledged is there.
 */
import { assertEquals } from "@std/assert";
import { spawn } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { test } from "#test";

const SCRIPT = fileURLToPath(new URL("../../examples/start.mjs", import.meta.url));
const isDeep = process.env["CI"] === "true";
/** Once is enough: it is the same processes whoever looks on. */
const isHere = isDeep && "Deno" in globalThis;

if (isHere) {
  test(
    "npm start: the demonstration comes to its end, with nothing lost",
    { timeoutMs: 180_000 },
    async () => {
      const child = spawn("node", [SCRIPT], { stdio: ["ignore", "pipe", "pipe"] });
      let text = "";
      for (const stream of [child.stdout!, child.stderr!]) stream.on("data", (bytes) => text += bytes);
      const code = await new Promise((done) => child.once("close", done));
      assertEquals(code, 0, text);
      assertEquals(text.includes("all left in good order"), true, text);
    },
  );
}
