/** Promises of the fence and its gates, as far as one process can see them. */
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
