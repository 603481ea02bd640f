/** Promises of the fence and its gates, as far as one process can see them. */
import { createSystemClock } from "../../../adapters/clock_system.ts";
import type { StopOptions } from "../../ports/fence.ts";
import { expect, expectEqual } from "../expect.ts";
import type { StorageCheck } from "../storage_suite.ts";

let nonces = 0;

/** A nonce that no test had before: what was shut once stays so. */
function newNonce(): string {
  return (++nonces).toString(16).padStart(32, "c0");
}

/** Registers the tests of the fence. */
export function fenceTests(check: StorageCheck): void {
  check("fence: identify answers the same process, with the nonce given", async ({ fence }) => {
    const nonces = [newNonce(), newNonce()] as const;
    const own = await fence.identify(nonces[0]);
    const other = await fence.identify(nonces[1]);
    expectEqual([own.nonce, other.nonce], [...nonces], "nonces");
    for (const part of ["host", "boot", "pidNamespace", "pid", "startTime"] as const) {
      expectEqual(other[part], own[part], part);
    }
  });

  check("fence: examine never takes this process for gone while its gate is open", async ({ fence }, at) => {
    const nonce = newNonce();
    const own = await fence.identify(nonce);
    const gate = await fence.openGate(at("."), nonce);
    const report = await fence.examine(own);
    expect(report.state === "self" || report.state === "unproven", `state ${report.state}`);
    expect(report.reason.length > 0, "there is a reason");
    gate.close();
  });
  gateTests(check);
  stopTests(check);
}

function gateTests(check: StorageCheck): void {
  check("fence: a gate lets writes in until it is closed, and counts those inside", async ({ fence }, at) => {
    const gate = await fence.openGate(at("."), newNonce());
    expectEqual(gate.enter(), true, "enter");
    expectEqual(gate.enter(), true, "enter");
    expectEqual(gate.inFlight(), 2, "inside");
    gate.leave();
    expectEqual(gate.inFlight(), 1, "inside");
    gate.leave();
    gate.close();
    expectEqual(gate.enter(), false, "enter once closed");
    expectEqual(gate.inFlight(), 0, "inside");
  });

  check("fence: isOver shuts no gate whose node may live on", async ({ fence }, at) => {
    const nonce = newNonce();
    await fence.identify(nonce);
    const gate = await fence.openGate(at("."), nonce);
    expectEqual(await fence.isOver(at("."), nonce), false, "over while it is open");
    expectEqual(gate.enter(), true, "enter");
    gate.leave();
    gate.close();
  });

  check("fence: a gate shut by another stays shut, and is over once all have left", async ({ fence }, at) => {
    const nonce = newNonce();
    await fence.identify(nonce);
    const gate = await fence.openGate(at("."), nonce);
    expectEqual(gate.enter(), true, "enter");
    expectEqual(await fence.shutGate(at("."), nonce), "busy", "one is inside");
    expectEqual(gate.enter(), false, "enter once shut");
    gate.leave();
    expectEqual(await fence.shutGate(at("."), nonce), "over", "none is inside");
    expectEqual(gate.enter(), false, "enter still");
    gate.close();
  });

  check("fence: a node whose gate is open is not over", async ({ fence }, at) => {
    const nonce = newNonce();
    const gate = await fence.openGate(at("."), nonce);
    expectEqual(await fence.isOver(at("."), nonce), false, "over");
    gate.close();
  });

  check("fence: shutting one gate leaves those of other nonces open", async ({ fence }, at) => {
    const nonces = [newNonce(), newNonce()] as const;
    const first = await fence.openGate(at("."), nonces[0]);
    const second = await fence.openGate(at("."), nonces[1]);
    expectEqual(await fence.shutGate(at("."), nonces[0]), "over", "none is inside");
    expectEqual([first.enter(), second.enter()], [false, true], "enter");
    second.leave();
    first.close();
    second.close();
  });
}

/** Waits so long that a slow machine is not in the way, where an end is to come. */
function stopOptions(directory: string, patienceMs: number): StopOptions {
  return { directories: [directory], clock: createSystemClock(), patienceMs };
}

function stopTests(check: StorageCheck): void {
  check(
    "fence: stop shuts the gates of a node here, and is over once all have left",
    async ({ fence }, at) => {
      const nonce = newNonce();
      const owner = await fence.identify(nonce);
      const gate = await fence.openGate(at("."), nonce);
      expectEqual(gate.enter(), true, "enter");
      const busy = await fence.stop(owner, stopOptions(at("."), 30));
      expectEqual(busy.over ? busy.means : busy.why, "busy", "one is inside");
      expectEqual(gate.enter(), false, "enter once stopped");
      const leaving = fence.stop(owner, stopOptions(at("."), 10_000));
      gate.leave();
      const over = await leaving;
      expectEqual(over.over ? over.means : over.why, "gate", "none is inside");
      expectEqual(gate.enter(), false, "enter still");
      expectEqual((await fence.stop(owner, stopOptions(at("."), 0))).over, true, "over once more");
      expect(busy.reason.length > 0 && over.reason.length > 0, "there are reasons");
      gate.close();
    },
  );

  check("fence: stop shuts all gates it is told of, and those of no other nonce", async ({ fence }, at) => {
    const nonces = [newNonce(), newNonce()] as const;
    const owner = await fence.identify(nonces[0]);
    const gates = [
      await fence.openGate(at("a"), nonces[0]),
      await fence.openGate(at("b"), nonces[0]),
      await fence.openGate(at("a"), nonces[1]),
    ];
    const options = { ...stopOptions(at("a"), 10_000), directories: [at("a"), at("b")] };
    expectEqual((await fence.stop(owner, options)).over, true, "over");
    expectEqual(gates.map((gate) => gate.enter()), [false, false, true], "enter");
    gates[2]!.leave();
    for (const gate of gates) gate.close();
  });

  check("fence: stop lets an owner of another host be, and says so", async ({ fence }, at) => {
    const nonce = newNonce();
    const own = await fence.identify(nonce);
    const gate = await fence.openGate(at("."), nonce);
    const elsewhere = { ...own, host: "elsewhere", boot: "elsewhere", nonce: newNonce() };
    const report = await fence.stop(elsewhere, stopOptions(at("."), 0));
    expectEqual(report.over ? report.means : report.why, "unproven", "report");
    expectEqual(gate.enter(), true, "enter one's own");
    gate.leave();
    gate.close();
  });

  check("fence: stop ends its waiting with the signal's reason", async ({ fence }, at) => {
    const nonce = newNonce();
    const owner = await fence.identify(nonce);
    const gate = await fence.openGate(at("."), nonce);
    gate.enter();
    const ending = new AbortController();
    const stopping = fence.stop(owner, { ...stopOptions(at("."), 60_000), signal: ending.signal });
    ending.abort("enough");
    const told = await stopping.then(() => "over", (reason) => reason);
    expectEqual(told, "enough", "reason");
    gate.leave();
    gate.close();
  });

  check("fence: sharing says of a directory what it says of one to be made in it", async ({ fence }, at) => {
    const reports = [await fence.sharing(at(".")), await fence.sharing(at("not/made/yet"))];
    expectEqual(reports[0]!.allowed, reports[1]!.allowed, "allowed");
    for (const { reason } of reports) expect(reason.length > 0, "there is a reason");
  });
}
