/** Daemons: what runs for a node in the background, by the model's names. */
import { PHASE } from "../buffer/write_phase.ts";
import type { Joined } from "./joined.ts";
import type { Member } from "./member.ts";

/** One daemon. */
export interface DaemonStatus {
  /**
   * `write` and `journal` run from the first mount on; `enq` (membership) and `recovery` only on members of a
   * cluster, `master_write` (rounds of checkpoints) only on its master.
   */
  readonly name: "write" | "journal" | "enq" | "recovery" | "master_write";
  /**
   * What it does: `idle`, `working`, `waiting`, `frozen` (an I/O error is to be fixed), `stopped`; of `enq`
   * how the member stands: `joining`, `active`, `suspended`, `evicted`, `left`.
   */
  readonly state: string;
  /** Why, or what at; of `recovery` also what keeps it from its end; empty when there is nothing to say. */
  readonly detail: string;
}

/** The daemons of a node. */
export function daemonsOf(member: Member | undefined, joined: Joined | undefined): DaemonStatus[] {
  const daemons: DaemonStatus[] = [];
  if (member !== undefined) daemons.push(writeDaemon(member), journalDaemon(member));
  if (joined !== undefined) daemons.push(enq(joined), recovery(joined));
  if (joined?.membership.isMaster === true) daemons.push(masterWrite(joined));
  return daemons;
}

function writeDaemon({ daemon, engine }: Member): DaemonStatus {
  const { phase, cycle, dirty, frozen } = daemon.status;
  if (engine.stopped !== undefined) {
    return { name: "write", state: "stopped", detail: engine.stopped.message };
  }
  if (frozen !== undefined) return { name: "write", state: "frozen", detail: frozen.message };
  const detail = phase === PHASE.idle ? `${dirty} dirty blocks` : `phase ${phase} of cycle ${cycle}`;
  return { name: "write", state: phase === PHASE.idle ? "idle" : "working", detail };
}

function journalDaemon({ journal }: Member): DaemonStatus {
  const { state, cause, position, safe } = journal;
  const behind = position - safe;
  const running = behind > 0 ? "working" : "idle";
  return {
    name: "journal",
    state: state === "enabled" ? running : state === "paused" ? "waiting" : state,
    detail: cause?.message ?? (behind > 0 ? `${behind} bytes are not synced` : ""),
  };
}

function enq({ membership }: Joined): DaemonStatus {
  return { name: "enq", state: membership.state, detail: membership.why };
}

function recovery({ membership }: Joined): DaemonStatus {
  const pending = membership.view?.pending ?? [];
  if (pending.length === 0) return { name: "recovery", state: "idle", detail: "" };
  const names = pending.map((it) => it.name).join(", ");
  const { isMaster, trouble } = membership;
  if (!isMaster) return { name: "recovery", state: "waiting", detail: `the master recovers ${names}` };
  return trouble === undefined
    ? { name: "recovery", state: "working", detail: names }
    : { name: "recovery", state: "waiting", detail: `${names}: ${trouble.code}: ${trouble.message}` };
}

function masterWrite({ rounds: { last, isLeading } }: Joined): DaemonStatus {
  const detail = last === undefined
    ? "no round has ended yet"
    : `round ${last.round} of view ${last.view} left ${last.neededBytes} bytes of journals that are needed`;
  return { name: "master_write", state: isLeading ? "working" : "idle", detail };
}
