/** The simulated fence: whoever was stopped writes nothing more, and the fence says so no earlier. */
import { assert, assertEquals } from "@std/assert";
import { test } from "#test";
import type { StopReport } from "../../src/ports/mod.ts";
import { SimHost, type SimProcess } from "../../src/testing/sim/host.ts";
import { ALWAYS_PROMISES } from "../../src/testing/sim/latencies.ts";
import { Scheduler } from "../../src/testing/sim/scheduler.ts";
import { SimStorage } from "../../src/testing/sim/sim_storage.ts";
import { SimClock } from "../../src/testing/sim/small_ports.ts";
import { Trace } from "../../src/testing/sim/trace.ts";

const NONCE = "a".repeat(32);
const BOUNDS = { eventsMax: 1_000_000, timeMax: Number.MAX_SAFE_INTEGER };

/** A host with one who stops, and one who is to be stopped. */
async function play(
  seed: number,
  body: (host: SimHost, lost: SimProcess, stop: (patienceMs: number) => Promise<StopReport>) => Promise<void>,
): Promise<void> {
  const trace = new Trace();
  const scheduler = new Scheduler(seed, trace);
  const host = new SimHost({ seed, scheduler, trace, latencies: ALWAYS_PROMISES });
  const stopper = host.spawn(), lost = host.spawn();
  const owner = await new SimStorage(lost).fence.identify(NONCE);
  const { fence } = new SimStorage(stopper);
  const clock = new SimClock(stopper);
  const stop = (patienceMs: number) => fence.stop(owner, { directories: ["/d"], clock, patienceMs });
  let end: unknown = "open";
  scheduler.after(0, () => {
    body(host, lost, stop).then(() => (end = undefined), (error) => (end = error ?? "failed"));
  });
  await scheduler.run(() => end !== "open", BOUNDS);
  if (end !== undefined) throw end;
}

function outcome(report: StopReport): string {
  return report.over ? report.means : report.why;
}

test("SimFence: nothing of a process lands once it was stopped, and until then it is not over", async () => {
  const seen = new Set<string>();
  for (let seed = 1; seed <= 60; seed++) {
    await play(seed, async (host, lost, stop) => {
      const stream = await new SimStorage(lost).openStream("/d/s", { access: "write", create: true });
      for (let at = 0; at < 20; at++) void stream.write(at, Uint8Array.of(at + 1));
      await host.scheduler.sleep(host.chance.below(4_000));
      const early = await stop(0);
      seen.add(outcome(early));
      assertEquals(early.over, lost.isOver);
      const report = early.over ? early : await stop(60_000);
      assertEquals(report.over, true, report.reason);
      assert(lost.isOver, "something of it can still land");
      const content = () => [...host.disk.find("/d/s")!.cache.slice(0, 20)].join();
      const before = content();
      await host.scheduler.sleep(10_000_000);
      assertEquals(content(), before);
    });
  }
  assertEquals([...seen].sort(), ["ending", "kill"]);
});

test("SimFence: a stopped process is killed, one of another user or namespace is not", () =>
  play(1, async (host, lost, stop) => {
    lost.isShielded = true;
    assertEquals([outcome(await stop(0)), lost.alive], ["denied", true]);
    lost.isShielded = false;
    host.pause(lost, 60_000_000);
    assertEquals([outcome(await stop(0)), lost.alive], ["kill", false]);
    assertEquals(outcome(await stop(0)), "gone");
    const other = host.spawn();
    other.pidNamespace = 2;
    const { fence } = new SimStorage(other);
    const owner = await new SimStorage(host.spawn()).fence.identify(NONCE);
    const options = { directories: ["/d"], clock: new SimClock(other), patienceMs: 0 };
    assertEquals(outcome(await fence.stop(owner, options)), "unreachable");
  }));
