import { assert, assertEquals } from "@std/assert";
import process from "node:process";
import { test } from "#test";
import { Child, here, inScene, type Scene } from "./play.ts";

/** A holder under Deno that may touch the scene's directory, and nothing else. */
function confined(scene: Scene, options: Record<string, unknown>): Child {
  const all = JSON.stringify({ directory: scene.directory, journals: scene.journals, ...options });
  const flags = ["--no-check", "--no-prompt", `--allow-read=${scene.root}`, `--allow-write=${scene.root}`];
  return new Child([process.execPath, "run", ...flags, here("claim_child.ts"), all]);
}

test("claim under few permissions of Deno: a foreign one is refused with the remedy", async () => {
  // Only Deno has permissions to lack.
  if ("Deno" in globalThis) await inScene(play);
});

async function play(scene: Scene): Promise<void> {
  const first = confined(scene, { life: 1, once: true });
  assertEquals([(await first.hear())["what"], (await first.hear())["what"]], ["held", "released"]);
  await first.exited;
  const second = confined(scene, { life: 2 });
  try {
    assertEquals((await second.hear())["what"], "held");
    const third = confined(scene, { life: 3, once: true });
    const refused = await third.hear();
    assertEquals(refused["code"], "FOREIGN_OWNER");
    const message = String(refused["message"]);
    assert(message.includes("run with -A") && message.includes("confirmGone"), message);
    await second.kill();
    const fourth = confined(scene, { life: 4, once: true });
    assertEquals((await fourth.hear())["code"], "FOREIGN_OWNER");
    const fifth = confined(scene, { life: 5, once: true, confirmGone: refused["nonce"] });
    assertEquals((await fifth.hear())["what"], "held");
    for (const child of [third, fourth, fifth]) await child.exited;
  } finally {
    await second.kill();
  }
}
