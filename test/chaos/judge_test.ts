import { assert, assertEquals } from "@std/assert";
import { test } from "#test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { checkRegister, type RegisterOp } from "../../src/testing/sim/check/registers.ts";
import { Prng } from "../support/prng.ts";
import { type Final, judge } from "./judge.ts";
import { type Asked, type Record, RecordFile } from "./record.ts";
import { checkKey } from "./zones.ts";

test("zones find the same histories wrong as a search of all orders", () => {
  const random = new Prng(7);
  const found = { right: 0, wrong: 0 };
  for (let run = 0; run < 4_000; run++) {
    const instants = Array.from({ length: 14 }, (_, at) => at);
    random.shuffle(instants);
    const writes = [1, 2, 3].map((value) => {
      const [called, returned] = instants.splice(0, 2).sort((a, b) => a - b) as [number, number];
      return { value: `${value}`, called, returned: random.once(4) ? Infinity : returned };
    });
    const reads = [1, 2, 3, 4].map(() => {
      const [called, returned] = instants.splice(0, 2).sort((a, b) => a - b) as [number, number];
      return { value: `${random.below(4)}`, called, returned };
    });
    const ops: RegisterOp[] = [
      ...writes.map(({ value, called, returned }) => ({
        kind: "write" as const,
        value,
        called,
        returned: returned === Infinity ? undefined : returned,
      })),
      ...reads.map((read) => ({ kind: "read" as const, ...read })),
    ];
    const isRight = checkRegister("0", ops) === undefined;
    found[isRight ? "right" : "wrong"]++;
    assertEquals(checkKey("k", "0", writes, reads).length === 0, isRight, JSON.stringify(ops));
  }
  assert(found.right > 200 && found.wrong > 200, JSON.stringify(found));
});

/** What a judge says of some lives' records and a last look. */
function judged(lives: readonly (readonly Record[])[], final: Final): readonly string[] {
  const root = mkdtempSync(`${tmpdir()}/cohort-judge-`);
  try {
    lives.forEach((records, at) => {
      const file = new RecordFile(`${root}/m${at}.records`);
      for (const record of records) file.write(record);
      file.close();
    });
    writeFileSync(`${root}/final.json`, JSON.stringify(final));
    return judge(root).problems;
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

let number = 0;
/** One operation, called and answered. */
function done(called: number, asked: Asked, given?: unknown): Record[] {
  const id = `${++number}`;
  return [{ at: "call", id, ms: called, asked }, { at: "return", id, ms: called + 1.5, given }];
}

function read(called: number, value: string): Record {
  return { at: "read", key: "Hot 1", value, called, ms: called + 1.5 };
}

test("a judge finds each thing that was lost, and nothing where nothing was", () => {
  const set = (ms: number, value: string): Record[] => done(ms, { op: "set", key: "Hot 1", value });
  const count = (ms: number, value: number): Record[] => done(ms, { op: "increment", counter: "0" }, value);
  const append = (ms: number, element: string): Record[] =>
    done(ms, { op: "lists", steps: [{ kind: "append", key: "4", element }] }, [{
      kind: "append",
      key: "4",
      element,
    }]);
  const good = [[...set(10, "a"), ...count(20, 1), ...append(30, "x")], [...count(40, 2), read(50, "a")]];
  const final: Final = { counters: [2], lists: [["4", ["x"]]] };
  assertEquals(judged(good, final), []);
  const wrong: readonly (readonly [string, Record[], Final])[] = [
    ["a set that a later read does not see", [...set(60, "b"), read(70, "a")], final],
    ["a value that nobody wrote", [read(60, "c")], final],
    ["a set that was undone", [...set(60, "b"), read(70, "b"), read(80, "a")], final],
    ["a value handed out twice", count(60, 2), final],
    ["a counter that went back", count(60, 3), final],
    ["an append that is lost", append(60, "y"), final],
    ["an append out of order", append(60, "y"), { counters: [2], lists: [["4", ["y", "x"]]] }],
  ];
  for (const [what, records, end] of wrong) {
    assert(judged([...good, records], end).length > 0, `${what} was not found`);
  }
});
