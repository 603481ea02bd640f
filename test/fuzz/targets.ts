/** All targets. */
import type { Target } from "./fuzz.ts";
import { makeSampleDatabases } from "./sample_databases.ts";
import { makeSampleJournals } from "./sample_journals.ts";
import { BLOCK_TARGETS } from "./targets/blocks.ts";
import { databaseTargets } from "./targets/databases.ts";
import { imageTargets } from "./targets/images.ts";
import { journalTargets } from "./targets/journals.ts";
import { TEXT_TARGETS } from "./targets/texts.ts";
import { VALUE_TARGETS } from "./targets/values.ts";

/** Makes the samples and the targets that spoil them. */
export async function makeTargets(): Promise<Target[]> {
  return [
    ...BLOCK_TARGETS,
    ...journalTargets(await makeSampleJournals()),
    ...await imageTargets(),
    ...VALUE_TARGETS,
    ...TEXT_TARGETS,
    ...databaseTargets(await makeSampleDatabases()),
  ];
}
