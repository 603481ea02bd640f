/** All targets, in two sets. */
import type { Target } from "./fuzz.ts";
import { makeSampleDatabases } from "./sample_databases.ts";
import { makeSampleJournals } from "./sample_journals.ts";
import { BLOCK_TARGETS } from "./targets/blocks.ts";
import { databaseTargets } from "./targets/databases.ts";
import { imageTargets } from "./targets/images.ts";
import { journalTargets } from "./targets/journals.ts";
import { LINK_TARGETS } from "./targets/links.ts";
import { MESSAGE_TARGETS } from "./targets/messages.ts";
import { LOG_TARGETS } from "./targets/logs.ts";
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
    ...LOG_TARGETS,
  ];
}

/** What members send each other, from the first byte on, and the records of a cluster. */
export function makeFrameTargets(): Target[] {
  return [...LINK_TARGETS, ...MESSAGE_TARGETS];
}

/** The targets of a set: `frames`, or those of what is stored. */
export async function targetsOf(set: string): Promise<Target[]> {
  if (set === "frames") return makeFrameTargets();
  if (set === "stored") return await makeTargets();
  throw new RangeError(`A set is frames or stored, got ${set}`);
}
