import { test } from "#test";
import { assert } from "@std/assert";
import { createSystemClock } from "../../adapters/clock_system.ts";
import { Survivors } from "../../src/buffer/survivors.ts";
import { isCode } from "../../src/ground/errors.ts";
import type { View } from "../../src/ground/view.ts";
import { type LostWorld, recoverLost } from "../../src/node/cluster_recovery.ts";

test(
  "lost: a recovery whose view ended while it fenced waits for no reports",
  { timeoutMs: 5_000 },
  async () => {
    // The next view came before anybody waited for it, and in this one nobody reports any more.
    const world = {
      member: { world: { clock: createSystemClock() } },
      survivors: new Survivors(["0".repeat(32)]),
      nextView: () => new Promise<void>(() => {}),
      mayGoOn: () => false,
    } as unknown as LostWorld;
    const view = { number: 7, members: [], pending: [] } as unknown as View;
    const error = await recoverLost(world, view).then(() => undefined, (it) => it);
    assert(isCode(error, "VIEW_CHANGED"), String(error));
  },
);
