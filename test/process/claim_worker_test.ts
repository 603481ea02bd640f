import { assert, assertEquals } from "@std/assert";
import { Worker } from "node:worker_threads";
import { test } from "#test";
import { CohortError } from "../../src/ground/errors.ts";
import { hold, type Holder } from "./holder.ts";
import { type Fact, inScene, livesIn, pause, type Scene } from "./play.ts";

/** Starts a Worker on the volume and waits until it holds it. */
async function startWorker(scene: Scene, life: number, more: Fact = {}): Promise<Worker> {
  const { directory, journals } = scene;
  const worker = new Worker(new URL("./worker_holder.ts", import.meta.url), {
    workerData: { directory, journals, life, ...more },
  });
  const fact = await said(worker);
  assertEquals(fact["what"], "held", JSON.stringify(fact));
  return worker;
}

function said(worker: Worker): Promise<Fact> {
  return new Promise((resolve, reject) => {
    worker.once("message", resolve);
    worker.once("error", reject);
  });
}

/** Holds the volume in this isolate; undefined when it is in use. */
async function tryHere(scene: Scene, life: number): Promise<Holder | undefined> {
  try {
    return await hold({ directory: scene.directory, journals: scene.journals, life });
  } catch (error) {
    if (error instanceof CohortError && error.code === "IN_USE") return undefined;
    throw error;
  }
}

/** Whether nobody but `life` writes any more, once it has written the whole volume. */
async function assertAlone(scene: Scene, life: number): Promise<void> {
  const begun = performance.now();
  while (livesIn(scene).size > 1 || !livesIn(scene).has(life)) {
    assert(performance.now() - begun < 5000, `lives ${[...livesIn(scene)]} where ${life} alone holds it`);
    await pause(5);
  }
  for (let look = 0; look < 20; look++) {
    assertEquals([...livesIn(scene)], [life]);
    await pause(5);
  }
}

test("claim: a Worker terminated while it writes is taken over once its writes are over, never before", () =>
  inScene(async (scene) => {
    const times: number[] = [];
    for (let round = 0; round < 10; round++) {
      const worker = await startWorker(scene, 2 * round + 1);
      await pause(round * 3);
      // Not awaited: the take-over must not depend on what `terminate` waits for.
      const ended = worker.terminate();
      const begun = performance.now();
      const mine = await tryHere(scene, 2 * round + 2);
      assert(mine !== undefined, "the Worker has ended");
      times.push(performance.now() - begun);
      assertEquals(mine.claim.predecessors.length, 1);
      await assertAlone(scene, 2 * round + 2);
      await ended;
      await mine.end();
    }
    times.sort((a, b) => a - b);
    assert(times.at(-1)! < 4000, `took over in ${times.map((ms) => ms.toFixed(0)).join(", ")} ms`);
  }));

test("claim: a Worker that lives and renews keeps the volume against the main thread", () =>
  inScene(async (scene) => {
    const worker = await startWorker(scene, 1);
    assertEquals(await tryHere(scene, 2), undefined);
    await assertAlone(scene, 1);
    await worker.terminate();
  }));

test("claim: a Worker stalled past its lease is taken over, and refused when it wakes", () =>
  inScene(async (scene) => {
    const stall = new SharedArrayBuffer(4);
    const worker = await startWorker(scene, 1, { stall });
    await pause(200);
    // Stalled in the middle of its writes, some may be inside for ever: then the volume stays its own.
    const mine = await tryHere(scene, 2);
    const woken = said(worker);
    Atomics.store(new Int32Array(stall), 0, 1);
    Atomics.notify(new Int32Array(stall), 0);
    if (mine === undefined) {
      const again = await tryHere(scene, 3); // by now its gate is shut and its writes have left
      assert(again !== undefined || (await woken)["what"] === "fenced");
      await again?.end();
    } else {
      const fact = await woken;
      assertEquals([fact["what"], fact["lost"]], ["fenced", true]);
      await assertAlone(scene, 2);
      await mine.end();
    }
    await worker.terminate();
  }));
