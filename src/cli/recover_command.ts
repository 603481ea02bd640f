/** `cohort recover`: what became of a cluster that nobody runs any more, and its recovery. */
import { existsSync } from "node:fs";
import { createSystemClock } from "../../adapters/clock_system.ts";
import { createSystemEntropy } from "../../adapters/entropy_system.ts";
import { createProcessFence } from "../../adapters/fence_process.ts";
import { createFileStorage } from "../../adapters/storage_file.ts";
import { CohortError, type Node, openNode } from "../../mod.ts";
import { ANCHOR_NAME } from "../cluster/pij.ts";
import {
  type PlannedJournal,
  type PlannedVolume,
  planRecovery,
  type RecoveryPlan,
} from "../node/recovery_plan.ts";
import { type Command, EXIT_FOUND, EXIT_OK, expectPositionals, type Invocation } from "./command.ts";

/** Milliseconds between two looks whether it is done. */
const LOOK_MS = 100;
/** Milliseconds for which what keeps the recovery from its end may go on. */
const TROUBLE_MS = 3_000;

/** The command. */
export const recoverCommand: Command = {
  name: "recover",
  summary: "recover a cluster whose members have ended, or tell what that would do",
  usage: "PIJ [--dry-run] [--json] [--confirm-gone INCARNATION|all]",
  help: `Becomes a member of the cluster in the directory PIJ, which recovers what members that ended without
leaving have left, and leaves again. Where others run the cluster they have recovered it already. What it
does is written to cconsole.log in PIJ.

  --dry-run       change nothing: tell how the last members stand, which volumes they have left, and what
                  their journals hold of each. Exit code 1 when there is something to recover
  --json          print what was found as JSON
  --confirm-gone  a person's word that a member is gone which nobody here can prove so. Where a member lives,
                  its own option confirmGone is what counts: the master recovers, and not this command`,
  options: {
    "dry-run": { type: "boolean" },
    json: { type: "boolean" },
    "confirm-gone": { type: "string" },
  },
  run,
};

async function run({ positionals, values, terminal, signal }: Invocation): Promise<number> {
  const [directory] = expectPositionals(positionals, 1, 1);
  // Before anything is made in a directory that is none of ours.
  if (!existsSync(`${directory}/${ANCHOR_NAME}`)) {
    throw new CohortError("NOT_FOUND", `There is no cluster in ${directory}`, { path: directory });
  }
  if (values["dry-run"] !== true) {
    const said = values["confirm-gone"];
    // Its members had blocks of the size of theirs.
    const blockSize = (await look(directory!)).volumes.find((it) => it.blockSize !== undefined)?.blockSize;
    const node = await openNode({
      ...(blockSize === undefined ? {} : { blockSize }),
      // It tells its console log in the directory what it recovers, and by whose word.
      pij: directory!,
      ...(said === undefined ? {} : { confirmGone: said === "all" ? true : String(said) }),
    });
    try {
      await node.join();
      await untilRecovered(node, directory!, signal);
    } finally {
      await node.close();
    }
  }
  const plan = await look(directory!);
  await terminal.print(values.json === true ? JSON.stringify(plan) : textOf(plan).join("\n"));
  return isDone(plan) ? EXIT_OK : EXIT_FOUND;
}

/** Waits until nobody is pending, and no journal is kept for a volume of the cluster. */
async function untilRecovered(node: Node, directory: string, signal: AbortSignal): Promise<void> {
  for (let troubled = 0;;) {
    signal.throwIfAborted();
    const { cluster } = node.status;
    if (cluster === undefined) throw new CohortError("STOPPED", node.status.cause ?? "The node has stopped");
    const { trouble } = cluster;
    // Some pass by themselves.
    troubled = trouble === undefined ? 0 : troubled + LOOK_MS;
    if (trouble !== undefined && troubled > TROUBLE_MS) throw new CohortError(trouble.code, trouble.message);
    const isRecovered = cluster.pending.length === 0;
    // Where others are members they may go on to use what they have recovered.
    if (isRecovered && (cluster.members.length > 1 || isAllHome(await look(directory)))) return;
    await new Promise((done) => setTimeout(done, LOOK_MS));
  }
}

/** What was set aside, or has a journal that cannot be read, stays, and is told. */
function isAllHome({ volumes }: RecoveryPlan): boolean {
  const isAside = (it: PlannedVolume): boolean => it.quarantined !== undefined && !it.isOwed;
  return volumes.every((it) =>
    !it.isRecovered || isAside(it) || it.journals.some(({ problem }) => problem !== undefined)
  );
}

async function look(directory: string): Promise<RecoveryPlan> {
  const storage = createFileStorage({ fence: createProcessFence() });
  try {
    return await planRecovery(
      { storage, clock: createSystemClock(), entropy: createSystemEntropy() },
      directory,
    );
  } finally {
    await storage.close();
  }
}

/** Whether nobody has left anything that the cluster must recover. */
function isDone({ members, volumes }: RecoveryPlan): boolean {
  const isAnyLost = members.some(({ as, state }) => as === "pending" || state === "gone");
  return !isAnyLost &&
    volumes.every(({ quarantined, journals }) =>
      quarantined === undefined && journals.every(({ problem }) => problem === undefined)
    );
}

function textOf({ directory, cluster, view, members, volumes }: RecoveryPlan): string[] {
  const lines = [`cluster ${cluster} in ${directory}, view ${view}`];
  if (members.length === 0) lines.push("no members: the last one left in good order");
  for (const { name, as, state, reason } of members) {
    lines.push(`${as} ${name}: ${state} (${reason})`);
  }
  if (volumes.length === 0) lines.push("no journal names a volume: there is nothing to recover");
  for (const volume of volumes) lines.push(...volumeText(volume));
  return lines;
}

function volumeText({ directory, claim, isRecovered, quarantined, journals }: PlannedVolume): string[] {
  const what = quarantined ?? (isRecovered ? "the cluster recovers it" : "left to whoever mounts it next");
  return [`volume ${directory}: held by ${claim}; ${what}`, ...journals.map((it) => `  ${journalText(it)}`)];
}

function journalText({ directory, groups, blocks, behind, images, problem }: PlannedJournal): string {
  const name = directory.slice(directory.lastIndexOf("/") + 1);
  if (problem !== undefined) return `journal ${name}: ${problem}`;
  return `journal ${name}: ${groups} groups name ${blocks} blocks, ${behind} of them not home; ` +
    `last write cycle ${images}`;
}
