import { assertEquals } from "@std/assert";
import { test } from "#test";
import { createFileStorage } from "../../adapters/storage_file.ts";
import { differenceOf, type SettingsSource, sharedSettings } from "../../src/cluster/shared_settings.ts";

const { traits } = createFileStorage();
const TIMINGS = {
  pulseMs: 1,
  networkMs: 2,
  storageMs: 3,
  settleMs: 4,
  leaseMs: 6,
  leaseMarginMs: 7,
  joinMs: 5,
};
const SOURCE: SettingsSource = {
  durability: "sync",
  timings: TIMINGS,
  rights: { user: "1000", group: "100", umask: "0027" },
  traits,
  cluster: { version: 7, values: { handover: "direct" } },
};

test("shared settings: every source counts, but how long a member tries to join is its own affair", () => {
  const ours = sharedSettings(SOURCE);
  assertEquals(ours["modes"], "files 0660, directories 0770");
  assertEquals(
    differenceOf(ours, sharedSettings({ ...SOURCE, timings: { ...TIMINGS, joinMs: 9 } })),
    undefined,
  );
  const changes: [string, Partial<SettingsSource>][] = [
    ["durability is relaxed, the members have sync", { durability: "relaxed" }],
    ["user is 0, the members have 1000", { rights: { ...SOURCE.rights, user: "0" } }],
    ["umask is not given, the members have 0027", { rights: { user: "1000", group: "100" } }],
    ["modes is files 0600, the members have files 0660, directories 0770", {
      traits: { ...traits, modes: "files 0600" },
    }],
    ["settings version is 8, the members have 7", { cluster: { ...SOURCE.cluster, version: 8 } }],
    ["setting handover is disk, the members have direct", {
      cluster: { version: 7, values: { handover: "disk" } },
    }],
    ["setting x is 1, the members have none", {
      cluster: { version: 7, values: { handover: "direct", x: "1" } },
    }],
    ["storageMs is 30, the members have 3", { timings: { ...TIMINGS, storageMs: 30 } }],
  ];
  for (const [text, change] of changes) {
    assertEquals(
      differenceOf(ours, sharedSettings({ ...SOURCE, ...change }))?.message,
      `Could not join: ${text}`,
    );
  }
  const two = differenceOf({ a: "1", b: "2" }, { a: "3", b: "2", c: "4" });
  assertEquals([two?.code, two?.message, two?.facts], [
    "PEER_REFUSED",
    "Could not join: a is 3, the members have 1; c is 4, the members have none",
    { setting: "a", expected: "1", found: "3" },
  ]);
});
