/** What befalls a cluster: members that die or stop, a network in parts, a slow disk, clocks that are set. */
import type { Prng } from "../prng.ts";
import type { ClusterWorld } from "./cluster_world.ts";
import type { Life } from "./life.ts";

/** Kinds of trouble. */
export type TroubleKind =
  /** A process dies: anyone's, the master's, and again whoever is master while that is recovered. */
  | "kill"
  | "kill master"
  | "kill twice"
  /** A process is stopped past its lease, alone or with its clock. */
  | "pause"
  | "suspend"
  /** All processes die, and what was not synced is lost in part. */
  | "power"
  /** Nothing gets from one member to another; to half of them from the others but by way of one; to one. */
  | "one way"
  | "bridge"
  | "isolate"
  /** A member leaves in good order, and comes back. */
  | "leave"
  /** A member's storage does not answer for a while. */
  | "stall"
  /** A member's wall clock is set. */
  | "wall clock"
  /** All but one member dismount a database, and mount it again, each after a while of its own. */
  | "alone";

/** Those that take a member, and the others. */
export const LOSSES: readonly TroubleKind[] = [
  "kill",
  "kill",
  "kill master",
  "kill twice",
  "pause",
  "suspend",
  "power",
];
/** Those that need not. */
export const OTHERS: readonly TroubleKind[] = [
  "one way",
  "bridge",
  "isolate",
  "leave",
  "leave",
  "stall",
  "wall clock",
];

/** One trouble of a seed. */
export interface Trouble {
  readonly kind: TroubleKind;
  /** In which window, and how many virtual microseconds from its beginning. */
  readonly window: number;
  readonly atUs: number;
  /** Whom it befalls, as a number that those who live are counted by. */
  readonly pick: number;
  /** Virtual milliseconds that it lasts. */
  readonly forMs: number;
  /** Port calls until a process dies; 0 for at once. */
  readonly calls: number;
}

/** Draws one. */
export function drawTrouble(chance: Prng, kind: TroubleKind, windows: number): Trouble {
  const pauses = kind === "pause" || kind === "suspend";
  return {
    kind,
    window: chance.below(Math.max(1, windows - 2)),
    atUs: chance.pick([1_000, 20_000, 200_000]) * chance.between(0, 10) / 10,
    pick: chance.next32(),
    forMs: pauses ? chance.between(2_000, 8_000) : chance.between(100, 5_000),
    calls: chance.chance(1, 2) ? chance.between(1, 80) : 0,
  };
}

/** Lets it happen. */
export function strike(world: ClusterWorld, trouble: Trouble): void {
  const { host, network, scheduler } = world;
  const life = targetOf(world, trouble);
  if (life === undefined) return;
  world.parts.trace.note("trouble", trouble.kind, life.label);
  const forUs = trouble.forMs * 1000;
  switch (trouble.kind) {
    case "kill":
    case "kill master":
      return killSoon(world, life, trouble.calls);
    case "kill twice":
      killSoon(world, life, trouble.calls);
      // The world may be healed by then: one that dies while it checks would be waited for without end.
      scheduler.after(forUs / 4, () => {
        const next = world.isHealed ? undefined : master(world);
        if (next !== undefined) killSoon(world, next, trouble.calls);
      });
      return;
    case "pause":
      world.losses++;
      return host.pause(life.process, forUs);
    case "suspend":
      world.losses++;
      return host.suspend(life.process, forUs);
    case "power":
      return world.powerCut();
    case "leave":
      return void life.leave();
    case "wall clock":
      life.process.wallOffsetMs += trouble.pick % 2 === 0 ? 1800_000 : -1800_000;
      return;
    case "stall":
      return life.stall(forUs);
    case "alone":
      for (const other of world.serving) {
        if (other !== life) {
          void other.away(trouble.pick % world.options.databases, world.chance.below(forUs));
        }
      }
      return;
    default:
      cutOff(world, trouble.kind, life);
      scheduler.after(forUs, () => network.heal());
  }
}

function targetOf(world: ClusterWorld, { kind, pick }: Trouble): Life | undefined {
  const living = world.living;
  if (kind === "kill master" || kind === "kill twice") return master(world) ?? living[0];
  return living.length === 0 ? undefined : living[pick % living.length];
}

function master(world: ClusterWorld): Life | undefined {
  return world.living.find((it) => it.node?.cluster()?.isMaster === true);
}

/** The process dies now, or in the middle of what it does. */
function killSoon(world: ClusterWorld, life: Life, calls: number): void {
  const { process } = life;
  const kill = (): void => {
    process.watch = undefined;
    world.losses++;
    world.host.kill(process);
  };
  if (calls === 0) return kill();
  const target = process.calls + calls;
  process.watch = (_, fact) => {
    if (fact.number >= target) kill();
  };
}

function cutOff({ network, options, chance }: ClusterWorld, kind: string, { station }: Life): void {
  const all = Array.from({ length: options.members }, (_, i) => `m${i + 1}`);
  const others = chance.shuffle(all.filter((it) => it !== station));
  if (kind === "one way") return network.cut(station, others[0]!);
  if (kind === "isolate") {
    const [there, back] = chance.pick([[true, true], [true, false], [false, true]] as const);
    for (const other of others) {
      if (there) network.cut(station, other);
      if (back) network.cut(other, station);
    }
    return;
  }
  // The one itself reaches both sides, which do not reach each other.
  const half = Math.ceil(others.length / 2);
  for (const left of others.slice(0, half)) {
    for (const right of others.slice(half)) {
      network.cut(left, right);
      network.cut(right, left);
    }
  }
}
