/** An evicted node of this very process, in a Worker: stopped by its gate, and the process lives. */
import { assertEquals } from "@std/assert";
import { Worker } from "node:worker_threads";
import { test } from "#test";
import { createSystemClock } from "../../adapters/clock_system.ts";
import { createProcessFence } from "../../adapters/fence_process.ts";
import { assertQuiet, assertWrites, outcome } from "./fence_play.ts";
import { inScene, pause, type Scene } from "./play.ts";

const fence = createProcessFence();
let nonces = 0;

/** A Worker that writes through the gate of `nonce`. */
async function startWorker(scene: Scene, nonce: string, stall?: SharedArrayBuffer): Promise<Worker> {
  const worker = new Worker(new URL("./fence_worker.ts", import.meta.url), {
    workerData: { directory: scene.directory, nonce, stall },
  });
  assertEquals(await said(worker), "writing");
  return worker;
}

function said(worker: Worker): Promise<string> {
  return new Promise((resolve, reject) => {
    worker.once("message", resolve);
    worker.once("error", reject);
  });
}

/** What became of stopping a node of this process. */
async function stop(scene: Scene, nonce: string): Promise<string> {
  const options = { directories: [scene.directory], clock: createSystemClock(), patienceMs: 10_000 };
  return outcome(await fence.stop(await fence.identify(nonce), options));
}

function newNonce(): string {
  return (++nonces).toString(16).padStart(32, "f");
}

test("fence: a Worker that writes in a loop is stopped by its gate, and told so", () =>
  inScene(async (scene) => {
    for (let round = 0; round < 5; round++) {
      const nonce = newNonce();
      const worker = await startWorker(scene, nonce);
      await assertWrites(scene);
      const told = said(worker);
      assertEquals(await stop(scene, nonce), "gate");
      await assertQuiet(scene);
      assertEquals(await told, "FENCED,FENCED,FENCED,FENCED");
      await worker.terminate();
    }
  }));

test("fence: a Worker whose loop is stalled is stopped by its gate, and writes nothing when it wakes", () =>
  inScene(async (scene) => {
    const nonce = newNonce();
    const stall = new SharedArrayBuffer(4);
    const worker = await startWorker(scene, nonce, stall);
    await pause(200);
    const told = said(worker);
    assertEquals(await stop(scene, nonce), "gate");
    Atomics.store(new Int32Array(stall), 0, 1);
    Atomics.notify(new Int32Array(stall), 0);
    assertEquals(await told, "FENCED");
    await assertQuiet(scene);
    await worker.terminate();
  }));
