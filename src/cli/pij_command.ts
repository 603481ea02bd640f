/** `cohort pij`: what can be done with the directory of a cluster while nobody uses it. */
import { existsSync } from "node:fs";
import { createSystemClock } from "../../adapters/clock_system.ts";
import { createSystemEntropy } from "../../adapters/entropy_system.ts";
import { createFileStorage } from "../../adapters/storage_file.ts";
import { CohortError } from "../../mod.ts";
import { adoptPij } from "../cluster/pij.ts";
import { type Command, EXIT_OK, expectPositionals, type Invocation, UsageError } from "./command.ts";

/** The command. */
export const pijCommand: Command = {
  name: "pij",
  summary: "make the copied directory of a cluster a cluster of its own",
  usage: "adopt DIR [--moved] [--json]",
  help:
    `A PIJ directory is one cluster, and a copy of it is refused: two clusters that take each other for the
same would both write to one database. When the copy is what you want, adopt it.

adopt makes the copy in DIR a cluster of its own, with a new id and a new secret. Databases that were mounted
clustered in the original still belong to that one.

  --moved  DIR is the original, brought here by a tool that copies, and what it was copied from is gone for
           ever: the cluster keeps its id
  --json   print what it is now as JSON`,
  options: { moved: { type: "boolean" }, json: { type: "boolean" } },
  run,
};

async function run({ positionals, values, terminal }: Invocation): Promise<number> {
  const [verb, directory] = expectPositionals(positionals, 2, 2);
  if (verb !== "adopt") throw new UsageError(`unknown: pij ${verb}`);
  // Before anything is made in a directory that is none of ours.
  if (!existsSync(directory!)) {
    throw new CohortError("NOT_FOUND", `There is no cluster in ${directory}`, { path: directory });
  }
  const storage = createFileStorage();
  try {
    const world = { storage, clock: createSystemClock(), entropy: createSystemEntropy() };
    const pij = await adoptPij(world, directory!, { isMoved: values.moved === true });
    const { cluster, number, madeMs } = pij;
    const made = new Date(madeMs).toISOString();
    await terminal.print(
      values.json === true
        ? JSON.stringify({ directory: pij.directory, cluster, number, made })
        : `${pij.directory} is cluster ${cluster} from now on`,
    );
    return EXIT_OK;
  } finally {
    await storage.close();
  }
}
