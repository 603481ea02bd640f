/** `cohort journals`: the journal files of a whole cluster, as its members' logs name them. */
import { createProcessFence } from "../../adapters/fence_process.ts";
import { createFileStorage } from "../../adapters/storage_file.ts";
import { CohortError } from "../../mod.ts";
import { ANCHOR_NAME } from "../cluster/pij.ts";
import { type LoggedJournal, segmentsInOrder } from "../cluster/journal_log_read.ts";
import { type ClusterJournals, lookAtJournals } from "../node/cluster_journals.ts";
import { segmentName } from "../storage/journal_segment.ts";
import { type Command, EXIT_FOUND, EXIT_OK, expectPositionals, type Invocation } from "./command.ts";
import { grouped } from "./terminal.ts";

/** The command. */
export const journalsCommand: Command = {
  name: "journals",
  summary: "list the journal files of a cluster in the order in which they are to be taken",
  usage: "DIR [--json]",
  help:
    `Reads the cluster journal log in the PIJ directory DIR: which journal files each member has, since when
(segment by segment, with the view its member was in and the stamps of its groups), whether recovery still
needs them, and from where each journal is needed by the last round of checkpoints. Held against the files
that are there. Changes nothing; members may go on meanwhile.

Stamps order everything that the cluster has done. Files whose stamps overlap are read side by side.

  --json   print it as JSON

Exit code 1: log and files disagree, as after a disk that refused writes.`,
  options: { json: { type: "boolean" } },
  run,
};

async function run({ positionals, values, terminal }: Invocation): Promise<number> {
  const [path] = expectPositionals(positionals, 1, 1);
  const storage = createFileStorage({ fence: createProcessFence() });
  try {
    const directory = await storage.resolve(path!);
    if (!(await storage.list(directory)).includes(ANCHOR_NAME)) {
      throw new CohortError("NOT_FOUND", `There is no cluster in ${path}`, { path });
    }
    const found = await lookAtJournals(storage, directory);
    const { journals, round, unlogged, disagreements } = found;
    const files = segmentsInOrder(found);
    await terminal.print(
      values.json === true
        ? JSON.stringify({ directory, journals, files, round, unlogged, disagreements })
        : textOf(directory, found).join("\n"),
    );
    return disagreements.length === 0 ? EXIT_OK : EXIT_FOUND;
  } finally {
    await storage.close();
  }
}

function textOf(directory: string, found: ClusterJournals): string[] {
  const { journals, round, unlogged, disagreements } = found;
  const lines = [`cluster journal log in ${directory}`];
  if (journals.length === 0) lines.push("no member has a journal: the last one left in good order");
  lines.push(...journals.map(memberText));
  if (round !== undefined) {
    lines.push(
      `round ${grouped(round.round)} of view ${
        grouped(round.view)
      }: the last in which all brought home what they had`,
    );
  }
  for (const it of segmentsInOrder(found)) {
    const end = it.end === undefined ? "not ended" : `to ${grouped(it.end)}`;
    const need = it.isDropped ? "needed no more" : "needed";
    lines.push(
      `  ${it.journal}/${segmentName(it.number)} of ${it.member}: from ${
        grouped(it.base)
      }, ${end}, stamps above ` +
        `${grouped(it.stamp)}, at most ${grouped(it.ceiling)}, begun in view ${grouped(it.view)}, ${need}`,
    );
  }
  for (const it of unlogged) lines.push(`journal ${it}: of a node that never was a member`);
  for (const { journal, segment, what } of disagreements) {
    const file = `${journal}/${segmentName(segment)}`;
    lines.push(
      what === "missing" ? `${file} is named and is not there` : `${file} is there and is not named`,
    );
  }
  return lines;
}

function memberText({ name, incarnation, joined, left, session, neededFrom }: LoggedJournal): string {
  const since = joined === 0 ? "not a member yet" : `joined in view ${grouped(joined)} of session ${session}`;
  const until = left === undefined ? "" : `, left in view ${grouped(left)}`;
  const need = neededFrom === undefined ? "" : `; needed from ${grouped(neededFrom)}`;
  return `member ${name}, incarnation ${incarnation}: ${since}${until}${need}`;
}
