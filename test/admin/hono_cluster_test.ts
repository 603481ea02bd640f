/** The example in three processes on both runtimes; its first instance, the master, is killed under curl. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import process from "node:process";
import { assert, assertEquals } from "@std/assert";
import { test } from "#test";
import { ROOT, scriptCommand } from "../support/runtimes.mjs";
import { curling, tokenIn } from "./rig.ts";

interface Instance {
  readonly name: string;
  readonly url: string;
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;
}

interface Answer {
  readonly at: number;
  readonly count: number;
  readonly by: string;
}

test("examples/hono_cluster: an instance is killed while curl goes on", { timeoutMs: 120_000 }, async () => {
  const pij = mkdtempSync(`${tmpdir()}/cohort-hono-`);
  const instances: Instance[] = [];
  try {
    // One after the other: the first is the master.
    for (const runtime of ["deno", "bun", "deno"]) instances.push(await start(runtime, pij));
    const [first, ...others] = instances as [Instance, ...Instance[]];
    const answers: Answer[] = [];
    const refused: string[] = [];
    let isKilled = false, isOver = false;
    // A visitor of each instance; whoever cannot answer any more is left.
    const visitors = instances.map(async ({ url, name }) => {
      while (!isOver) {
        const answer = await visit(url);
        if (answer !== undefined) answers.push(answer);
        else if (name === first.name && isKilled) return;
        else refused.push(name);
      }
    });
    await until(() => answers.length >= 60);
    const before = answers.length;
    assertEquals(new Set(answers.map((it) => it.by)).size, 3);
    isKilled = true;
    const killedAt = performance.now();
    first.child.kill("SIGKILL");
    await until(() =>
      others.every(({ name }) => answers.filter((it) => it.by === name && it.at > killedAt).length >= 20)
    );
    isOver = true;
    await Promise.all(visitors);

    const counts = answers.map((it) => it.count);
    assertEquals(new Set(counts).size, counts.length, "a visit was counted twice");
    // What the dead one counted and could not answer any more is one visit at most.
    assert(
      Math.max(...counts) - counts.length <= 1,
      `${counts.length} answered, ${Math.max(...counts)} counted`,
    );
    assertEquals(refused, []);
    assert(before >= 60);
    await watchRecovery(others, tokenIn(pij), first.name);

    // Deno tells of a child that it signalled itself that the signal ended it, however it ended.
    for (const { child } of others) process.kill(child.pid!, "SIGTERM");
    assertEquals(await Promise.all(others.map((it) => it.ended)), [0, 0]);
  } finally {
    for (const { child } of instances) child.kill("SIGKILL");
    await Promise.all(instances.map((it) => it.ended));
    rmSync(pij, { recursive: true, force: true });
  }
});

test(
  "admin app: answers for a member that sleeps, and goes on without it",
  { timeoutMs: 60_000 },
  async () => {
    const pij = mkdtempSync(`${tmpdir()}/cohort-hono-`);
    const instances: Instance[] = [];
    try {
      for (const runtime of ["bun", "deno"]) instances.push(await start(runtime, pij));
      const [first, second] = instances as [Instance, Instance];
      const headers = { Authorization: `Bearer ${tokenIn(pij)}` };
      const get = async (path: string) => {
        const { status, text } = await curling(`${first.url}/cluster`)({ method: "GET", path, headers });
        assertEquals(status, 200, text);
        return JSON.parse(text);
      };
      process.kill(second.child.pid!, "SIGSTOP");
      const begun = performance.now();
      const [{ members }, { daemons, unanswered }] = await Promise.all([get("/members"), get("/daemons")]);
      assert(performance.now() - begun < 8_000);
      assertEquals(members.map((it: { name: string }) => it.name), [first.name, second.name]);
      assertEquals([members[0].state, members[1].state], ["active", undefined]);
      const codes = ["TIMEOUT", "UNREACHABLE", "VIEW_CHANGED"];
      assert(codes.includes(members[1].error.code), JSON.stringify(members[1]));
      assertEquals(new Set(daemons.map((it: { member: string }) => it.member)), new Set([first.name]));
      assertEquals(unanswered.map((it: { member: string }) => it.member), [second.name]);
      // It is evicted, fenced and recovered.
      let after = await get("/recovery");
      while (after.recoveries.length === 0) after = await get("/recovery");
      assertEquals(after.recoveries[0].lost, [second.name]);
      assertEquals((await get("/view")).members, [first.name]);
      assertEquals((await curling(first.url)({ method: "GET", path: "/", headers: {} })).status, 200);
    } finally {
      for (const { child } of instances) child.kill("SIGKILL");
      await Promise.all(instances.map((it) => it.ended));
      rmSync(pij, { recursive: true, force: true });
    }
  },
);

/** Either survivor says who is left, and what was recovered. */
async function watchRecovery(others: readonly Instance[], token: string, lost: string): Promise<void> {
  for (const { url } of others) {
    const headers = { Authorization: `Bearer ${token}` };
    const get = async (path: string) =>
      JSON.parse((await curling(`${url}/cluster`)({ method: "GET", path, headers })).text);
    const { members } = await get("/members");
    assertEquals(members.map((it: { name: string }) => it.name), others.map((it) => it.name));
    let recovered = await get("/recovery");
    // Resumed at once, told when the last step is over.
    while (recovered.recoveries.length === 0) recovered = await get("/recovery");
    assertEquals(recovered.recoveries.map((it: { lost: string[] }) => it.lost), [[lost]]);
    assertEquals(recovered.recoveries[0].member, others[0]!.name);
  }
}

async function visit(url: string): Promise<Answer | undefined> {
  try {
    const { status, text } = await curling(url)({ method: "GET", path: "/", headers: {} });
    if (status !== 200) return undefined;
    return { ...JSON.parse(text), at: performance.now() };
  } catch {
    return undefined;
  }
}

async function start(runtime: string, pij: string): Promise<Instance> {
  const port = await freePort();
  const [file, ...args] = scriptCommand(runtime, "examples/hono_cluster.ts");
  const child = spawn(file!, args, {
    cwd: ROOT,
    env: { ...process.env, PORT: String(port), PIJ: pij, NO_COLOR: "1" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = new Promise<number | null>((done) => child.on("close", (code) => done(code)));
  await new Promise<void>((listens, fails) => {
    child.stdout!.on("data", (chunk: Uint8Array) => {
      if (new TextDecoder().decode(chunk).includes("listens")) listens();
    });
    void ended.then((code) => fails(new Error(`the example ended with ${code}`)));
  });
  return { name: `web-${port}`, url: `http://127.0.0.1:${port}`, child, ended };
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((go) => setTimeout(go, 5));
}
