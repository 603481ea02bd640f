/** What all members of a cluster must have alike: gathered at the join, compared by the master. Pure. */
import { CohortError } from "../ground/errors.ts";
import type { StorageTraits } from "../ports/mod.ts";
import type { SharedSettings } from "./member_message.ts";
import type { MembershipTimings } from "./membership_world.ts";
import { PIJ_FORMAT } from "./pij_record.ts";

/** Where the settings of a member come from. */
export interface SettingsSource {
  readonly durability: "sync" | "relaxed";
  /** All but `joinMs`: who evicts waits for the lease of the evicted, by its own figure. */
  readonly timings: MembershipTimings;
  /** User, group and umask of the process, as far as they can be told. */
  readonly rights: Readonly<Record<string, string>>;
  readonly traits: StorageTraits;
  /** Settings that an operator gives to the cluster as a whole, with the version that they are of. */
  readonly cluster: { readonly version: number; readonly values: Readonly<Record<string, string>> };
}

/** The settings, by the names that a refusal gives them. */
export function sharedSettings(source: SettingsSource): SharedSettings {
  const { durability, timings, rights, traits, cluster } = source;
  const settings = new Map<string, string>([["format", String(PIJ_FORMAT)], ["durability", durability]]);
  for (const [name, value] of Object.entries(rights)) settings.set(name, value);
  if (traits.modes !== undefined) settings.set("modes", traits.modes);
  settings.set("settings version", String(cluster.version));
  for (const [name, value] of Object.entries(cluster.values)) settings.set(`setting ${name}`, value);
  for (const [name, value] of Object.entries(timings)) {
    if (name !== "joinMs") settings.set(name, String(value));
  }
  return Object.fromEntries(settings);
}

/** Why a newcomer with `theirs` does not fit members with `ours`: every difference; undefined for none. */
export function differenceOf(ours: SharedSettings, theirs: SharedSettings): CohortError | undefined {
  const names = [...new Set([...Object.keys(ours), ...Object.keys(theirs)])];
  const differing = names.map((setting) => ({
    setting,
    expected: of(ours, setting),
    found: of(theirs, setting),
  }))
    .filter(({ expected, found }) => expected !== found);
  if (differing.length === 0) return undefined;
  const text = differing.map(({ setting, expected = "none", found = "not given" }) =>
    `${setting} is ${found}, the members have ${expected}`
  ).join("; ");
  return new CohortError("PEER_REFUSED", `Could not join: ${text}`, differing[0]);
}

function of(settings: SharedSettings, name: string): string | undefined {
  return Object.hasOwn(settings, name) ? settings[name] : undefined;
}
