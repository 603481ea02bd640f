/** The courier over a network that breaks, in views that change, and its small rules. */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { test } from "#test";
import { CohortError } from "@cohort/db";
import { MemberCourier } from "../../src/cluster/courier.ts";
import { nativeDrain } from "../sim/drain.ts";
import { runCouriers } from "./courier_world.ts";

test("courier: whatever breaks, each request has its effect once at most, and all are answered", async () => {
  const sum = { answers: 0, refusals: 0, notices: 0 };
  for (let seed = 1; seed <= 12; seed++) {
    const world = await runCouriers(seed, await nativeDrain());
    assertEquals(world.problems.slice(0, 5), [], `seed ${seed}`);
    sum.answers += world.answers;
    sum.refusals += world.refusals;
    sum.notices += world.notices;
  }
  assert(sum.answers > 1_500 && sum.refusals > 300 && sum.notices > 1_500, JSON.stringify(sum));
});

test("courier: one seed is one run", async () => {
  const hashes = [await runCouriers(5, await nativeDrain()), await runCouriers(5, await nativeDrain())];
  assertEquals(hashes[0]!.trace.hash(), hashes[1]!.trace.hash());
});

const NEVER = (): void => {
  throw new Error("not expected");
};

function alone(broken: unknown[] = []): MemberCourier {
  return new MemberCourier("a", {
    clock: {
      traits: { version: 1, virtual: true },
      monotonicMs: () => 0,
      wallMs: () => 0,
      after: () => () => {},
    },
    limits: { flightBytes: 1, served: 1, keptBytes: 1 },
    stamp: () => 0,
    hear: NEVER,
    send: () => false,
    safe: () => undefined,
    onUnsafe: NEVER,
    disconnect: NEVER,
    onLaterView: NEVER,
    onBroken: (error) => broken.push(error),
  });
}

test("courier: what a member asks itself needs no view and no message", async () => {
  const broken: unknown[] = [];
  const courier = alone(broken);
  courier.serve(1, (from, body) => ({ body: new Uint8Array([from.length, ...body]) }));
  courier.serve(2, () => Promise.reject(new CohortError("FULL", "No room")));
  assertEquals([...await courier.request("a", 1, new Uint8Array([7]))], [1, 7]);
  assertEquals(
    (await assertRejects(() => courier.request("a", 2, new Uint8Array(0)), CohortError)).code,
    "FULL",
  );
  assertEquals(courier.tell("a", 1, new Uint8Array(0)), undefined);
  assertEquals(broken, []);
});

test("courier: a topic is served once, a view rises, who is no member is UNREACHABLE", async () => {
  const courier = alone();
  courier.serve(1, () => undefined);
  assertThrows(() => courier.serve(1, () => undefined), TypeError, "served already");
  assertThrows(() => courier.serve(65_536, () => undefined), RangeError, "65536");
  courier.enter(3, ["a"]);
  assertThrows(() => courier.enter(3, ["a"]), RangeError, "above 3");
  const error = await assertRejects(() => courier.request("b", 1, new Uint8Array(0)), CohortError);
  assertEquals([error.code, error.facts["view"]], ["UNREACHABLE", 3]);
});

test("courier: a view that ends, and a courier that stops, end every wait", async () => {
  const courier = alone();
  courier.enter(1, ["a", "b"]);
  const asked = [1, 2].map(() => courier.request("b", 1, new Uint8Array(9)));
  const told = courier.tell("b", 1, new Uint8Array(9));
  courier.enter(2, ["a", "b"]);
  for (const it of [...asked, told as Promise<void>]) {
    assertEquals((await assertRejects(() => it, CohortError)).code, "VIEW_CHANGED");
  }
  const aborted = new AbortController();
  const impatient = courier.request("b", 1, new Uint8Array(9), { signal: aborted.signal });
  aborted.abort(new Error("enough"));
  await assertRejects(() => impatient, Error, "enough");
  const last = courier.request("b", 1, new Uint8Array(9));
  courier.stop(new CohortError("STOPPED", "over"));
  await assertRejects(() => last, CohortError, "over");
  await assertRejects(() => courier.request("b", 1, new Uint8Array(9)), CohortError, "over");
});
