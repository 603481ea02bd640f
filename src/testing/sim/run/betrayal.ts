/**
 * The last phase of some seeds: the drive betrays (rot, lost, misdirected and stale blocks, a sync that
 * lies).
 *
 * One copy of the data cannot mend that, so less is asked: what is served is what was once written for that
 * very key, damage of covered bytes is loud or mended, and every refusal has its code.
 */
import { CohortError, isCode } from "../../../ground/errors.ts";
import type { Problems } from "../check/problems.ts";
import type { SimFile } from "../disk.ts";
import { type FaultKind, FaultPlan } from "../faults.ts";
import type { SimHost } from "../host.ts";
import { type AtomKey, textOfKey } from "../model/collation.ts";
import type { PagedBytes } from "../pages.ts";
import { Prng } from "../prng.ts";
import { messageOf } from "../workload/calls.ts";
import type { Region, Step } from "../workload/region.ts";
import { globalsOf, type Running } from "./world.ts";

/** What the phase needs of its scenario. */
export interface BetrayalScene {
  readonly host: SimHost;
  readonly chance: Prng;
  readonly region: Region;
  readonly problems: Problems;
  /** Draws something to do in the region. */
  readonly draw: () => Step;
  /** Ends the process (or the power) and opens a node; undefined when it cannot be opened: that is loud. */
  readonly reopen: (end: "kill" | "power") => Promise<Running | undefined>;
}

/** Values that a key may show: those it had since the phase began. */
type Ever = Map<string, Set<string>>;

/** Operations of the phase. */
const OPERATIONS = 150;

/** Plays the phase on a node that was opened after a clean close. */
export async function betray(kind: FaultKind, running: Running, scene: BetrayalScene): Promise<void> {
  if (kind === "bit_rot") await rotPhase(running, scene);
  else await drivePhase(kind, running, scene);
}

/** Works while the drive betrays, cuts the power, and looks at what is served. */
async function drivePhase(kind: FaultKind, running: Running, scene: BetrayalScene): Promise<void> {
  const { host, chance, region } = scene;
  const ever: Ever = new Map();
  for (const entry of region.model.all) note(ever, entry.key, entry.text);
  host.disk.keepsOlder = kind === "stale_read";
  const rules = [{
    kind,
    use: "any" as const,
    per10000: chance.between(20, 400),
    most: chance.between(1, 4),
  }];
  host.plan = new FaultPlan(new Prng(chance.next32(), "betrayal"), rules);
  await work(running, scene, ever);
  const after = await scene.reopen(kind === "stale_read" ? "kill" : "power");
  host.plan.active = false;
  if (after === undefined) return;
  for (const [key, value] of await served(after, scene)) {
    const known = ever.get(key);
    if (known?.has(value)) continue;
    scene.problems.add("quarantine", `after ${kind} (${key}) is ${value}, which was never written there`);
  }
}

function note(ever: Ever, key: AtomKey, value: string): void {
  const text = textOfKey(key);
  const values = ever.get(text);
  if (values === undefined) ever.set(text, new Set([value]));
  else values.add(value);
}

/** Does things one after the other until enough are done or the node refuses to go on. */
async function work(running: Running, scene: BetrayalScene, ever: Ever): Promise<void> {
  const { region } = scene;
  const global = globalsOf(running.databases);
  const face = (place: number) => global(region.places[place] as Region["places"][number]);
  for (let i = 0; i < OPERATIONS && running.process.alive; i++) {
    const step = scene.draw();
    // Whether it happens or not: from now on its value may be seen.
    for (const key of step.apply?.(region.model) ?? []) note(ever, key, region.model.text(key));
    try {
      await step.run(face);
    } catch (error) {
      judgeError(error, scene, step.name);
      if (error instanceof CohortError && error.code === "STOPPED") return;
    }
  }
}

function judgeError(error: unknown, scene: BetrayalScene, what: string): void {
  if (error instanceof CohortError) return;
  scene.problems.add("quarantine", `${what}: damage has no code: ${messageOf(error)}`);
}

/** What the node serves of the region; a refusal is as good as an answer. */
async function served(running: Running, scene: BetrayalScene): Promise<Map<string, string>> {
  try {
    return await scene.region.read(globalsOf(running.databases));
  } catch (error) {
    judgeError(error, scene, "read of all");
    return new Map();
  }
}

/** Works, ends the process, rots some bytes, and looks at what is served. */
async function rotPhase(running: Running, scene: BetrayalScene): Promise<void> {
  const { host, chance, region } = scene;
  host.plan.active = false;
  await settledWork(running, scene);
  host.kill(running.process);
  const rotten = rot(host, chance);
  if (rotten === undefined) return;
  host.plan.struck("bit_rot", rotten.file.path, host.scheduler.now);
  const after = await scene.reopen("kill");
  if (after === undefined) return;
  const found = await servedOrRefused(after, scene);
  if (found === undefined) return;
  const explained = region.explain(rotten.mustShow ? region.acknowledged : 0, found);
  if (typeof explained !== "string") return;
  scene.problems.add(
    "quarantine",
    `rot of ${rotten.file.path} at ${rotten.position} was served in silence: ${explained}`,
  );
}

async function settledWork(running: Running, scene: BetrayalScene): Promise<void> {
  const { region } = scene;
  const global = globalsOf(running.databases);
  const face = (place: number) => global(region.places[place] as Region["places"][number]);
  for (let i = 0; i < OPERATIONS / 3; i++) {
    const step = scene.draw();
    if (step.apply === undefined) continue;
    region.begin({ apply: step.apply, called: i, acknowledged: undefined, name: step.name, elements: [] });
    try {
      await step.run(face);
      region.settle(i);
    } catch (error) {
      // The small pools and segments of a world refuse some: then nothing was changed.
      if (!isCode(error, "TRANSACTION_TOO_LARGE")) throw error;
      region.fail();
    }
  }
}

async function servedOrRefused(
  running: Running,
  scene: BetrayalScene,
): Promise<Map<string, string> | undefined> {
  try {
    return await scene.region.read(globalsOf(running.databases));
  } catch (error) {
    judgeError(error, scene, "read of all");
    return undefined;
  }
}

/**
 * Flips some bits of one file; `mustShow` when what was damaged is covered, so that it may not pass
 * unnoticed.
 */
function rot(
  host: SimHost,
  chance: Prng,
): { file: SimFile; position: number; mustShow: boolean } | undefined {
  const files = host.disk.files().filter((file) => file.durable.size > 0);
  const uses = ["volume", "volume", "journal", "journal", "image", "register"] as const;
  const use = chance.pick(uses);
  const choice = files.filter((file) => file.use === use);
  if (choice.length === 0) return undefined;
  const file = chance.pick(choice);
  for (let tries = 0; tries < 60; tries++) {
    const position = chance.below(file.durable.size);
    if (file.durable.slice(position, 1)[0] === 0) continue;
    host.disk.damage(file, position, 1 << chance.below(8));
    return { file, position, mustShow: file.use !== "journal" || isNamed(file, position) };
  }
  return undefined;
}

const FRAME_MAGIC = 0x3146_4a43;
const FRAME_HEADER = 56;

/** Whether a later frame of a journal says that the bytes at a position of its file were synced. */
function isNamed(file: SimFile, position: number): boolean {
  const truth = file.truth ?? file.durable;
  let at = u32(truth, 8);
  if (position < at) return true;
  let start: number | undefined;
  for (;;) {
    const header = truth.slice(at, FRAME_HEADER);
    if (header.length < FRAME_HEADER) return false;
    const view = new DataView(header.buffer);
    const length = view.getUint32(8, true);
    if (view.getUint32(0, true) !== FRAME_MAGIC || length < FRAME_HEADER) return false;
    const synced = view.getUint32(30, true) + view.getUint16(34, true) * 2 ** 32;
    const frame = view.getUint32(24, true) + view.getUint16(28, true) * 2 ** 32;
    if (start !== undefined && synced > start) return true;
    if (position < at + length && start === undefined) start = frame;
    at += length;
  }
}

function u32(image: PagedBytes, at: number): number {
  const bytes = image.slice(at, 4);
  return bytes.length < 4 ? 0 : new DataView(bytes.buffer).getUint32(0, true);
}
