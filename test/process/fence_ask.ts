/** A process that tries to stop an owner, says what came of it, and ends. Options: JSON, argument 1. */
import process from "node:process";
import { createSystemClock } from "../../adapters/clock_system.ts";
import { createProcessFence } from "../../adapters/fence_process.ts";
import type { OwnerIdentity } from "../../src/ports/mod.ts";
import { say } from "./holder.ts";

const { owner, directory } = JSON.parse(process.argv[2]!) as { owner: OwnerIdentity; directory: string };
const fence = createProcessFence();
const options = { directories: [directory], clock: createSystemClock(), patienceMs: 5_000 };
say({ ...await fence.stop(owner, options), sharing: await fence.sharing(directory) });
