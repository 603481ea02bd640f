/**
 * Cluster notices: what one member must not keep to itself. Its writes fail: all members' writes wait until
 * they are good again, for they share a storage (DESIGN D4). A volume could not be recovered: nobody uses it.
 */
import { CohortError } from "../ground/errors.ts";
import type { DatabaseCore } from "../global/database.ts";
import type { Courier } from "../ports/mod.ts";
import { isPending } from "../ports/mod.ts";
import type { Member } from "./member.ts";
import { FREEZE_TOPIC, QUARANTINE_TOPIC } from "./topics.ts";

/** Most characters of a cause that is told. */
const CAUSE_CHARS = 2_000;

/** What it takes. */
export interface NoticesWorld {
  readonly member: Member;
  readonly courier: Courier;
  /** Incarnations of the members of the view. */
  readonly members: () => readonly string[];
  /** Name of a member, for people. */
  readonly nameOf: (incarnation: string) => string;
  /** Something of what this node says of itself has changed. */
  readonly onChange: () => void;
}

/** Of one member. */
export class ClusterNotices {
  readonly #world: NoticesWorld;
  /** Databases that are mounted here and shared, by id of the volume. */
  readonly #shared = new Map<string, DatabaseCore>();
  /** What was told last of this member's own writes. */
  #told = "";

  constructor(world: NoticesWorld) {
    this.#world = world;
    const { courier } = world;
    courier.serve(FREEZE_TOPIC, (from, body) => void this.#frozen(from, textOf(body)));
    courier.serve(QUARANTINE_TOPIC, (_, body) => {
      const text = textOf(body);
      this.quarantined(text.slice(0, 32), text.slice(32));
      return undefined;
    });
  }

  /** A database is shared here. */
  share(core: DatabaseCore): void {
    this.#shared.set(core.volume.facts.id, core);
  }

  /** It is not any more. */
  unshare(core: DatabaseCore): void {
    this.#shared.delete(core.volume.facts.id);
  }

  /** A view is entered: all members say anew how their writes are. */
  entered(): void {
    this.#world.member.engine.freezes.thawOthers();
    this.#told = "";
    this.noticed();
  }

  /** Looks whether this member's own writes wait, and tells the others what has changed of that. */
  noticed(): void {
    const { engine, journal } = this.#world.member;
    const cause = engine.freezes.causeOf("") ?? journal.frozenBy;
    const text = cause?.message.slice(0, CAUSE_CHARS) ?? "";
    if (text === this.#told) return;
    this.#told = text;
    const { courier, members } = this.#world;
    for (const to of members()) {
      if (to === courier.self) continue;
      const sent = courier.tell(to, FREEZE_TOPIC, new TextEncoder().encode(text));
      // Who is in the next view hears it then.
      if (isPending(sent)) sent.catch(() => {});
    }
  }

  #frozen(from: string, cause: string): void {
    const { member: { engine, world: { observer } }, nameOf, onChange } = this.#world;
    const name = nameOf(from);
    engine.freezes.thaw(from);
    if (cause !== "") {
      const text = `Writes wait for ${name}, whose own fail: ${cause}`;
      engine.freezes.freeze(from, new CohortError("FROZEN", text, { member: name }));
    }
    observer.event(cause === "" ? "cluster.thawed" : "cluster.frozen", "warn", { member: name, cause });
    onChange();
  }

  /** Nobody uses a volume any more; resolves when all members have heard it. */
  async quarantine(volumeId: string, cause: string): Promise<void> {
    const { courier, members } = this.#world;
    const body = new TextEncoder().encode(volumeId + cause.slice(0, CAUSE_CHARS));
    await Promise.all(members().map((to) => courier.request(to, QUARANTINE_TOPIC, body)));
  }

  /** Nobody uses a volume here any more, if it is mounted. */
  quarantined(volumeId: string, cause: string): void {
    const core = this.#shared.get(volumeId);
    if (core === undefined || core.volume.quarantine !== undefined) return;
    core.quarantine(new CohortError("JOURNAL_GAP", cause, { path: core.volume.path }));
    // Who waits for a block of it looks again, and is told so.
    const { held } = this.#world.member.engine.coherence ?? {};
    for (const it of held?.allOf(core.volume) ?? []) it.wake();
    this.#world.onChange();
  }
}

function textOf(body: Uint8Array): string {
  return new TextDecoder().decode(body);
}
