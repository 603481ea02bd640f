// Worker of process_gate_test: a node with a gate that writes, stalls or ends as it is told.
import { openSync, readlinkSync, writeSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import { createProcessFence } from "../../adapters/fence_process.ts";

const { directory, nonce, kind, fifo } = workerData;
const gate = await createProcessFence().openGate(directory, nonce);
const file = openSync(`${directory}/data`, "r+");
const say = (what) => parentPort.postMessage({ what, thread: readlinkSync("/proc/thread-self") });

parentPort.on("message", (message) => {
  if (message === "enter") say(gate.enter() ? "entered" : "refused");
  if (message === "leave") {
    gate.leave();
    say("left");
  }
  if (message === "close") {
    gate.close();
    say("closed");
  }
});

if (kind === "pipe") {
  // A write in flight for as long as nobody reads the pipe, which is a file of the directory too.
  gate.enter();
  if (globalThis.Deno !== undefined) {
    Deno.openSync(fifo, { read: true, write: true }).write(new Uint8Array(200_000));
  } else (await import("node:fs")).write(openSync(fifo, "r+"), new Uint8Array(200_000), () => {});
}
if (kind === "stall") {
  say("stalled");
  const stop = new Int32Array(workerData.stop);
  Atomics.wait(stop, 0, 0); // the loop is blocked, the thread lives
  const entered = gate.enter();
  if (entered) writeSync(file, new Uint8Array(1), 0, 1, 0);
  say(entered ? "entered" : "refused");
} else {
  setTimeout(() => say("ready"), 20);
}
