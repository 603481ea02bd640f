import { assertEquals } from "@std/assert";
import { spawnSync } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { test } from "#test";
import { processRights } from "../../adapters/common/process_rights.ts";

const CODE = `import(${
  JSON.stringify(String(new URL("../../adapters/common/process_rights.ts", import.meta.url)))
})
  .then((it) => console.log(JSON.stringify(it.processRights())))`;

test("process rights: user and group are this process's, the umask is what it was started with", () => {
  const own = processRights();
  assertEquals([own["user"], own["group"]], [String(process.geteuid!()), String(process.getegid!())]);
  const run = "bun" in process.versions ? `"$EXE" -e "$CODE"` : `"$EXE" eval --no-check "$CODE"`;
  for (const umask of ["0077", "0002"]) {
    const cwd = fileURLToPath(new URL("../..", import.meta.url));
    const { stdout, stderr } = spawnSync(
      "sh",
      ["-c", `umask ${umask}; exec ${run}`, process.execPath, CODE],
      {
        cwd,
        encoding: "utf8",
        env: { ...process.env, NO_COLOR: "1", EXE: process.execPath, CODE },
      },
    );
    const expected = process.platform === "linux" ? { ...own, umask } : own;
    assertEquals([stderr, stdout], ["", `${JSON.stringify(expected)}\n`]);
  }
});
