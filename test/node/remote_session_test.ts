/** One requester's calls: each begun once, in order, remembered as long as it may be asked again. */
import { assertEquals, assertThrows } from "@std/assert";
import { test } from "#test";
import { CohortError } from "@cohort/db";
import type { WaitOptions } from "../../src/global/patience.ts";
import type { CourierReply } from "../../src/ports/mod.ts";
import { decodeResult, encodeResult } from "../../src/node/remote_answer.ts";
import type { RemoteCall } from "../../src/node/remote_call.ts";
import { RemoteSession } from "../../src/node/remote_session.ts";

/** A database that begins what it is told, and ends it when the test says so. */
class Work {
  readonly begun: string[] = [];
  readonly ends: Array<(value: number) => void> = [];
  readonly signals: Array<AbortSignal | undefined> = [];
  position = 100;
  /** Whether an effect is applied as it begins. */
  isAtHand = false;
  readonly session: RemoteSession = new RemoteSession({
    run: (call, options) => this.#run(call, options),
    position: () => this.position,
  });

  #run(call: RemoteCall, options: WaitOptions | undefined): Promise<Uint8Array> {
    this.begun.push(call.what);
    this.signals.push(options?.signal);
    if (this.isAtHand) this.position++;
    return new Promise((resolve, reject) => {
      this.ends.push((value) => resolve(encodeResult(value)));
      options?.signal?.addEventListener("abort", () => reject(options.signal!.reason));
    });
  }

  call(
    sequence: number,
    what: "get" | "zkill" | undefined,
    floor = 1,
    settled: readonly number[] = [],
  ): Promise<CourierReply> | undefined {
    const call = what && { what, directory: "/d", name: "X", subscripts: [1] };
    return this.session.heard({ sequence, floor, settled, mayEnd: true, timeoutMs: Infinity, call });
  }
}

const answerOf = async (reply: Promise<CourierReply> | undefined): Promise<unknown> =>
  decodeResult((await reply!).body, "b");

test("remote session: an effect asked again is answered from memory, under way or done", async () => {
  const work = new Work();
  const first = work.call(1, "zkill");
  const again = work.call(1, "zkill");
  work.position = 107;
  work.ends[0]!(5);
  assertEquals([await answerOf(first), await answerOf(again), (await again!).after], [5, 5, 107]);
  assertEquals([await answerOf(work.call(1, "zkill")), work.begun.length, work.session.size], [5, 1, 1]);
  // Its requester has the answer.
  const next = work.call(2, "get", 2);
  assertEquals(work.session.size, 1);
  assertThrows(() => work.call(1, "zkill", 2), CohortError, "all below 2");
  work.ends[1]!(6);
  assertEquals([await answerOf(next), work.session.size], [6, 0]);
});

test("remote session: effects begin one behind the other, at once where they are at hand", async () => {
  const work = new Work();
  const calls = [work.call(1, "zkill"), work.call(2, "zkill"), work.call(3, "get")];
  assertEquals(work.begun, ["zkill"]);
  work.ends[0]!(1);
  await calls[0];
  await Promise.resolve();
  assertEquals(work.begun, ["zkill", "zkill"]);
  work.isAtHand = true;
  work.ends[1]!(2);
  await calls[1];
  await Promise.resolve();
  work.call(4, "zkill");
  work.call(5, "zkill");
  assertEquals(work.begun, ["zkill", "zkill", "get", "zkill", "zkill"]);
});

test("remote session: a call given up ends, begun or not, and so do those of the gone", async () => {
  const work = new Work();
  const calls = [1, 2, 3, 4].map((sequence) => work.call(sequence, "zkill"));
  const codes = calls.map((it) => answerOf(it).catch((error) => error.code));
  assertEquals(work.call(2, undefined), undefined);
  assertEquals(await codes[1], "ABORTED");
  work.call(1, undefined);
  assertEquals(await codes[0], "ABORTED");
  await Promise.resolve();
  assertEquals(work.begun.length, 2);
  work.session.end();
  assertEquals(await Promise.all(codes), ["ABORTED", "ABORTED", "UNREACHABLE", "UNREACHABLE"]);
  assertEquals(work.signals.map((it) => it?.aborted), [true, true]);
});

test("remote session: of more than it can remember nothing is begun", async () => {
  const work = new Work();
  work.isAtHand = true;
  for (let sequence = 1; sequence <= 256; sequence++) work.call(sequence, "zkill");
  const code = await answerOf(work.call(257, "zkill")).catch((error) => error.code);
  assertEquals([code, work.begun.length, work.session.size], ["FULL", 256, 256]);
});

test("remote session: what is settled above the floor is forgotten, when it is over", async () => {
  const work = new Work();
  work.isAtHand = true;
  const calls = [1, 2, 3].map((sequence) => work.call(sequence, "zkill"));
  work.ends[1]!(2);
  assertEquals([await answerOf(calls[1]), work.session.size], [2, 3]);
  work.call(4, "zkill", 1, [2, 3, 9]);
  assertEquals(work.session.size, 3);
  work.ends[2]!(3);
  await calls[2];
  await Promise.resolve();
  assertEquals(work.session.size, 2);
});
