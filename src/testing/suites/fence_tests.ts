/** Promises of the fence and its gates, as far as one process can see them. */
import { expect, expectEqual } from "../expect.ts";
import type { StorageCheck } from "../storage_suite.ts";

const OWN = "00112233445566778899aabbccddeeff";
const OTHER = "ffeeddccbbaa99887766554433221100";

/** Registers the tests of the fence. */
export function fenceTests(check: StorageCheck): void {
  check("fence: identify answers the same process, with the nonce given", async ({ fence }) => {
    const own = await fence.identify(OWN);
    const other = await fence.identify(OTHER);
    expectEqual(own.nonce, OWN, "nonce");
    expectEqual(other.nonce, OTHER, "nonce");
    for (const part of ["host", "boot", "pidNamespace", "pid", "startTime"] as const) {
      expectEqual(other[part], own[part], part);
    }
  });

  check("fence: examine never takes this process for gone while its gate is open", async ({ fence }, at) => {
    const own = await fence.identify(OWN);
    const gate = await fence.openGate(at("."), OWN);
    const report = await fence.examine(own);
    expect(report.state === "self" || report.state === "unproven", `state ${report.state}`);
    expect(report.reason.length > 0, "there is a reason");
    gate.close();
  });

  check("fence: a gate lets writes in until it is closed, and counts those inside", async ({ fence }, at) => {
    const gate = await fence.openGate(at("."), OWN);
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

  check("fence: a gate shut by another stays shut, and is over once all have left", async ({ fence }, at) => {
    await fence.identify(OWN);
    const gate = await fence.openGate(at("."), OWN);
    expectEqual(gate.enter(), true, "enter");
    expectEqual(await fence.shutGate(at("."), OWN), "busy", "one is inside");
    expectEqual(gate.enter(), false, "enter once shut");
    gate.leave();
    expectEqual(await fence.shutGate(at("."), OWN), "over", "none is inside");
    expectEqual(gate.enter(), false, "enter still");
  });

  check("fence: gates of other nonces and directories stay open", async ({ fence }, at) => {
    const gates = [
      await fence.openGate(at("a"), OWN),
      await fence.openGate(at("a"), OTHER),
      await fence.openGate(at("b"), OWN),
    ];
    expectEqual(await fence.shutGate(at("a"), OWN), "over", "none is inside");
    expectEqual(gates.map((gate) => gate.enter()), [false, true, true], "enter");
    for (const gate of gates.slice(1)) {
      gate.leave();
      gate.close();
    }
  });
}
