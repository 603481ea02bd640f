/**
 * Increment publication: a step of recovery that tells the living which of the increments that the lost did
 * for them are in the journals they left (DESIGN D11). Before anybody is granted anything: so what was not
 * done is done again only behind what was. Nothing is read where nobody waits.
 */
import { isCode } from "../ground/errors.ts";
import type { View, ViewMember } from "../ground/view.ts";
import type { Courier } from "../ports/mod.ts";
import { scanImages } from "../storage/image_scan.ts";
import { makeDurable } from "../storage/journal_durable.ts";
import { scanJournal } from "../storage/journal_scan.ts";
import { isHopeless } from "./cluster_quarantine.ts";
import type { RecoveryStep } from "./cluster_recovery.ts";
import {
  decodeWaiting,
  encodeIncrementMessage,
  type IncrementMessage,
  numberOf,
  type Published,
} from "./increment_message.ts";
import { imagePath, type Member } from "./member.ts";
import { INCREMENT_TOPIC } from "./topics.ts";

/** The step, by way of the courier of whoever recovers. */
export function publicationOf(courier: Courier): RecoveryStep {
  return {
    name: "increments",
    run: async ({ member }, view) => {
      for (const lost of view.pending) await publish(courier, member, view, lost);
    },
  };
}

async function publish(courier: Courier, member: Member, view: View, lost: ViewMember): Promise<void> {
  const ask = (to: string, message: IncrementMessage): Promise<Uint8Array> =>
    courier.request(to, INCREMENT_TOPIC, encodeIncrementMessage(message));
  const { incarnation } = lost;
  const waiting = new Map<string, number>();
  await Promise.all(view.members.map(async ({ incarnation: to }) => {
    const first = decodeWaiting(await ask(to, { kind: "waiting", lost: incarnation }));
    if (first > 0) waiting.set(to, first);
  }));
  if (waiting.size === 0) return;
  const { storage, observer } = member.world;
  const found = await resultsOf(storage, lost, waiting);
  await Promise.all([...waiting.keys()].map((to) => {
    const results = found === undefined ? undefined : found.get(to) ?? [];
    return ask(to, { kind: "published", lost: incarnation, results });
  }));
  const results = found && [...found.values()].reduce((sum, { length }) => sum + length, 0);
  observer.event("cluster.increments_published", results === undefined ? "error" : "info", {
    member: lost.name,
    waiting: waiting.size,
    results: results ?? "unknown",
  });
}

/** What a journal of the lost says was done for those who wait; undefined when it cannot be read. */
async function resultsOf(
  storage: Member["world"]["storage"],
  { journal, incarnation }: ViewMember,
  waiting: ReadonlyMap<string, number>,
): Promise<ReadonlyMap<string, Published[]> | undefined> {
  const found = new Map<string, Published[]>();
  try {
    const { header } = await scanImages(storage, imagePath(journal), incarnation);
    const verifyNames = [header?.position ?? 0];
    await makeDurable(storage, journal, { verifyNames });
    for await (const group of scanJournal(storage, journal, { incarnation, verifyNames })) {
      for (const { requester, sequence, value } of group.results) {
        const first = waiting.get(requester);
        if (first === undefined || sequence < first) continue;
        const results = found.get(requester);
        const result = { sequence, value: numberOf(value) };
        if (results === undefined) found.set(requester, [result]);
        else results.push(result);
      }
    }
  } catch (error) {
    // Without a segment nothing was ever done.
    if (isCode(error, "NOT_FOUND")) return new Map();
    if (isHopeless(error)) return undefined;
    throw error;
  }
  return found;
}
