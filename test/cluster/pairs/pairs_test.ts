/** A whole cluster on every pair of storage and interconnect. */
import { test } from "#test";
import { PLAYS } from "./pair_plays.ts";
import { INTERCONNECTS, STORAGES } from "./pairs.ts";

for (const storage of STORAGES) {
  for (const interconnect of INTERCONNECTS) {
    for (const [name, play] of PLAYS) {
      test(
        `cluster on ${storage} and ${interconnect}: ${name}`,
        { timeoutMs: 120_000 },
        () => play({ storage, interconnect }),
      );
    }
  }
}
