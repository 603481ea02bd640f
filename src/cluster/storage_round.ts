/**
 * A round over the shared storage: this member's slot written, the others' read, and a look for a newer view.
 * What fails is noted, not thrown: the round goes on with what can still be done.
 */
import { CohortError } from "../ground/errors.ts";
import { quorumOf, type View, votesOf } from "../ground/view.ts";
import type { HostStatus } from "./host_status.ts";
import type { Lease } from "./lease.ts";
import type { MembershipWorld } from "./membership_world.ts";
import type { Peers } from "./peers.ts";
import type { Slots } from "./slots.ts";
import type { StorageWatch } from "./storage_watch.ts";
import type { ViewChain } from "./view_chain.ts";

/** What rounds are made with. */
export interface RoundParts {
  readonly world: MembershipWorld;
  readonly slots: Slots;
  readonly peers: Peers;
  readonly chain: ViewChain;
  readonly watch: StorageWatch;
  readonly lease: Lease;
  readonly status: HostStatus;
}

/** One round; answers a view newer than this one, when there is one. */
export async function storageRound(parts: RoundParts, view: View): Promise<View | undefined> {
  const { world: { clock }, watch } = parts;
  const begun = clock.monotonicMs();
  const isTold = await attempt(watch, "write its slot", () => tell(parts, view));
  await readOthers(parts);
  let newer: View | undefined;
  const isLooked = await attempt(watch, "look for a newer view", async () => newer = await look(parts, view));
  if (isTold && isLooked) watch.good(begun);
  return newer;
}

async function tell({ world, slots, peers, status }: RoundParts, view: View): Promise<void> {
  status.flush();
  const hears = peers.hears(world.clock.monotonicMs());
  await slots.write({ view: view.number, hears, message: status.mail.outgoing() });
}

/** Reads the slots of the others; one that cannot be read is neither seen nor missed. */
async function readOthers({ world, slots, peers, watch, status }: RoundParts): Promise<void> {
  const { clock } = world;
  const { members } = peers;
  await slots.keep(new Set(members.map((it) => it.incarnation)));
  for (const member of members) {
    const { incarnation, name } = member;
    watch.doing(`read the slot of ${name}`);
    try {
      const slot = await slots.read(member);
      peers.looked(incarnation, slot, clock.monotonicMs());
      const letter = slot === undefined ? undefined : status.mail.incoming(incarnation, slot.message);
      if (letter !== undefined) status.letter(incarnation, letter);
    } catch (error) {
      if (!(error instanceof CohortError)) throw error;
      if (error.code === "NOT_FOUND") peers.looked(incarnation, undefined, clock.monotonicMs());
    }
  }
}

/** Looks for a newer view; that there is none renews the lease, when there are votes enough to go on. */
async function look({ world, peers, chain, lease }: RoundParts, view: View): Promise<View | undefined> {
  const from = lease.now();
  const newer = await chain.newest(view.number);
  if (newer !== undefined) return newer;
  const present = new Set([world.owner.nonce, ...peers.hears(from.monotonicMs)]);
  if (votesOf(view, present, true) >= quorumOf(view)) lease.renew(from);
  return undefined;
}

async function attempt(watch: StorageWatch, step: string, task: () => Promise<unknown>): Promise<boolean> {
  watch.doing(step);
  try {
    await task();
    return true;
  } catch (error) {
    if (!(error instanceof CohortError)) throw error;
    watch.failed(error.message);
    return false;
  }
}
