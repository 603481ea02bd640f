/** The end of a scenario: the bytes of closed volumes, and nodes opened on a disk damaged on purpose. */
import { CohortError } from "../../../ground/errors.ts";
import { type RawReport, walkVolume } from "../check/raw_volume.ts";
import { messageOf } from "../workload/calls.ts";
import type { Client } from "../workload/client.ts";
import type { History } from "../workload/history.ts";
import type { SharedPlaces } from "../workload/shared.ts";
import type { SideLine } from "../workload/side.ts";
import type { SharedState } from "./epoch_state.ts";
import { compareRaw, compareSide } from "./verify.ts";
import type { Running, World } from "./world.ts";

/** What closed volumes are held against. */
export interface ClosedScene {
  readonly world: World;
  readonly clients: readonly Client[];
  readonly shared: SharedState;
  readonly places: SharedPlaces;
  readonly side: SideLine | undefined;
  readonly history: History;
}

/** Walks the bytes of all volumes, which were closed, and holds them against the models. */
export function walkClosed({ world, clients, shared, places, side, history }: ClosedScene): void {
  const { options } = world.parts;
  const walk = (directory: string): RawReport => {
    const file = world.host.disk.find(`${directory}/cohort.dat`);
    if (file === undefined) throw new Error(`there is no volume in ${directory}`);
    if (!file.isDurable) {
      history.problems.add("volume", `${directory}: it was closed, not all of it is durable`);
    }
    return walkVolume(file.durable, { blockSize: 8192, extentBlocks: options.subject.extentBlocks });
  };
  const reports = Array.from({ length: options.databases }, (_, i) => walk(world.directory(i)));
  compareRaw(reports, clients, shared, places, history);
  if (side?.exists === "yes") compareSide(walk(side.directory), side.region, history);
}

/** Opens a node on a disk that may be damaged; undefined when that is refused with a code. */
export async function reopenLoud(
  world: World,
  running: Running,
  end: "kill" | "power",
): Promise<Running | undefined> {
  const { host } = world;
  const { problems, scheduler, trace } = world.parts;
  if (end === "power") host.powerCut();
  else host.kill(running.process);
  for (let tries = 0; tries < 3; tries++) {
    const opened = await world.openOnce(host.spawn());
    if (!("error" in opened)) return opened;
    if (!(opened.error instanceof CohortError)) {
      problems.add("quarantine", `open: damage has no code: ${messageOf(opened.error)}`);
      return undefined;
    }
    trace.say(messageOf(opened.error));
    await scheduler.sleep(5_000_000);
  }
  return undefined;
}
