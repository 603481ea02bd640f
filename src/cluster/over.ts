/**
 * Over: what a process says of a node of its own that ended without a word, while the process lives on: its
 * program was reloaded in place, or its Worker terminated (DESIGN D8).
 *
 * Others can only see that the process lives; they would take the node for silent, and kill the process with
 * all that came after it. Within the process the kernel shows that the gates of the node are shut and that
 * nothing of it writes any more. A register in the PIJ directory says so to all; it goes with the views that
 * name the node.
 */
import type { View } from "../ground/view.ts";
import { isSameProcess } from "./fencing.ts";
import type { Storage } from "../ports/mod.ts";
import type { MembershipWorld } from "./membership_world.ts";

const NAME = /^over\.([0-9a-f]{32})$/;

/** Name of the register that says that an incarnation is over. */
export function overName(incarnation: string): string {
  return `over.${incarnation}`;
}

/** Incarnation that a register of this name says is over; undefined for another file. */
export function overIn(name: string): string | undefined {
  return NAME.exec(name)?.[1];
}

/** Whether its process has said that an incarnation is over. One read. */
export async function isSaidOver(storage: Storage, directory: string, incarnation: string): Promise<boolean> {
  return await storage.readRegister(`${directory}/${overName(incarnation)}`) !== undefined;
}

/**
 * Ends what is left of those who are pending and were nodes of this process: from outside nobody could,
 * without ending this member with them. Tried again while it does not come about; nothing for others.
 */
export async function endOwn(world: MembershipWorld, { pending }: View): Promise<void> {
  const { storage, clock, directory, owner: self, directoriesOf, timings, observer } = world;
  for (const { name, incarnation, owner, journal } of pending) {
    if (!isSameProcess(owner, self)) continue;
    const directories = [journal, ...await directoriesOf(journal)];
    const report = await storage.fence.stop(owner, { directories, clock, patienceMs: timings.pulseMs });
    if (!report.over) continue;
    const bytes = new TextEncoder().encode(self.nonce);
    if (!await storage.createRegister(`${directory}/${overName(incarnation)}`, bytes)) continue;
    observer.event("cluster.over", "warn", { name, incarnation, pid: owner.pid });
  }
}

/**
 * Says so of each in a view that was a node of this process, or of a program that this one has replaced in it
 * (`exec`), and is over. Shuts the gates of those whose
 * program a reload has put another in the place of. Costs a look at each that is of this process.
 */
export async function sayOver(world: MembershipWorld, view: View): Promise<void> {
  const { storage, directory, owner: self, directoriesOf, observer } = world;
  for (const { name, incarnation, owner, journal } of [...view.members, ...view.pending]) {
    if (incarnation === self.nonce) continue;
    const { state } = await storage.fence.examine(owner);
    // Another program runs in the process since: of the one before nothing is left.
    let isOver = state === "gone" && owner.pid === self.pid && owner.startTime === self.startTime;
    if (state === "self") {
      isOver = true;
      for (const path of [journal, ...await directoriesOf(journal)]) {
        isOver &&= await storage.fence.isOver(path, incarnation);
      }
    }
    if (!isOver) continue;
    const bytes = new TextEncoder().encode(self.nonce);
    if (!await storage.createRegister(`${directory}/${overName(incarnation)}`, bytes)) continue;
    observer.event("cluster.over", "warn", { name, incarnation, pid: owner.pid });
  }
}
