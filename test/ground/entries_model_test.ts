/** Entry blocks against a JS model: random puts, removes, splits, truncations and merges, at every size. */
import { test } from "#test";
import { assert } from "@std/assert";

import { BLOCK_BYTES_ALLOWED } from "../../src/ground/limits.ts";
import { Prng } from "../support/prng.ts";
import { KEY_PROFILES } from "./entry_model.ts";
import { LeafRow } from "./leaf_row.ts";

for (const size of BLOCK_BYTES_ALLOWED) {
  for (const [number, profile] of KEY_PROFILES.entries()) {
    test(`entries: ${profile} keys hold against the model at ${size} bytes`, () => {
      const row = new LeafRow(size, new Prng(size + number));
      for (let step = 0; step < size / 6; step++) {
        row.step(profile);
        row.checkStructure(`${profile} ${size} step ${step}`);
        if (step % 64 === 0) row.check(`${profile} ${size} step ${step}`);
      }
      row.check(`${profile} ${size} end`);
      assert(row.splits > 3 || profile === "shared prefix", `${row.splits} splits`);
    });
  }
}
