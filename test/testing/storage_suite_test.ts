import { test } from "#test";
import { assert, assertEquals } from "@std/assert";
import { createMemoryStorage } from "../../adapters/storage_memory.ts";
import type { Fence, StopReport, Storage, StreamFile, VolumeFile } from "../../src/ports/mod.ts";
import type { Fault, FaultOperation, FaultPlan } from "../../src/testing/fault_plan.ts";
import { withFaults } from "../../src/testing/fault_storage.ts";
import { storageSuite } from "../../src/testing/storage_suite.ts";

/** Runs the suite on what `spoil` makes of a good storage; answers the name of the first test that fails. */
async function failing(spoil: (storage: Storage) => Storage): Promise<string | undefined> {
  const tests: [name: string, run: () => Promise<void>][] = [];
  storageSuite({
    name: "spoilt",
    test: (name, run) => tests.push([name, run]),
    make: () => ({ storage: spoil(createMemoryStorage()), directory: "/d", dispose: () => {} }),
  });
  assert(tests.length > 50);
  for (const [name, run] of tests) {
    const passed = await run().then(() => true, () => false);
    if (!passed) return name;
  }
  return undefined;
}

/** An object that is `target` but for some members. */
function but<T extends object>(target: T, members: Partial<T>): T {
  return new Proxy(target, {
    get(_, name) {
      const value: unknown = Reflect.get(Object.hasOwn(members, name) ? members : target, name);
      return typeof value === "function"
        ? value.bind(Object.hasOwn(members, name) ? members : target)
        : value;
    },
  });
}

function volumesBut(storage: Storage, change: (volume: VolumeFile) => Partial<VolumeFile>): Storage {
  return but(storage, {
    openVolume: async (path, options) => {
      const volume = await storage.openVolume(path, options);
      return but(volume, change(volume));
    },
  });
}

function streamsBut(storage: Storage, change: (stream: StreamFile) => Partial<StreamFile>): Storage {
  return but(storage, {
    openStream: async (path, options) => {
      const stream = await storage.openStream(path, options);
      return but(stream, change(stream));
    },
  });
}

function always(operation: FaultOperation, fault: Fault): (storage: Storage) => Storage {
  return (storage) => {
    const plan: FaultPlan = (call) => call.operation === operation ? fault : undefined;
    return withFaults(storage, plan, { remember: true });
  };
}

const MISTAKES: Readonly<Record<string, (storage: Storage) => Storage>> = {
  "writes are lost": always("write", { kind: "lostWrite" }),
  "writes go astray": always("write", { kind: "misdirectedWrite", by: 1 }),
  "reads are short": always("read", { kind: "shortRead", bytes: 511 }),
  "reads are stale": always("read", { kind: "staleRead" }),
  "reads are damaged": always("read", { kind: "bitFlip", bit: 77 }),
  "a register is created by everyone": (storage) =>
    but(storage, {
      createRegister: async (path, bytes) => {
        await storage.createRegister(path, bytes);
        return true;
      },
    }),
  "a register for its owner alone is lost": (storage) =>
    but(storage, {
      readRegister: async (path, options) =>
        options?.ownerOnly === true ? undefined : await storage.readRegister(path),
    }),
  "a register is replaced": (storage) =>
    but(storage, {
      createRegister: async (path, bytes) => {
        if (await storage.readRegister(path) !== undefined) await storage.remove(path);
        return await storage.createRegister(path, bytes);
      },
    }),
  "a register is looked for and then made": (storage) => {
    const made = new Set<string>();
    return but(storage, {
      createRegister: async (path, bytes) => {
        if (made.has(path)) return false;
        await undefined;
        made.add(path);
        await storage.createRegister(path, bytes);
        return true;
      },
    });
  },
  "names come in reverse": (storage) =>
    but(storage, { list: async (directory) => (await storage.list(directory)).reverse() }),
  "remove answers true for nothing": (storage) =>
    but(storage, {
      remove: async (path) => {
        await storage.remove(path);
        return true;
      },
    }),
  "resolve leaves a path as it is": (storage) => but(storage, { resolve: (path) => path }),
  "a closed storage goes on": (storage) => but(storage, { close: () => {} }),
  "a volume's growth is forgotten": (storage) => volumesBut(storage, () => ({ grow: () => {} })),
  "a volume shrinks": (storage) =>
    volumesBut(storage, (volume) => ({ size: async () => Math.max(0, await volume.size() - 1) })),
  "a stream's reservation is forgotten": (storage) => streamsBut(storage, () => ({ reserve: () => {} })),
  "a reservation overwrites what is there": (storage) =>
    streamsBut(storage, (stream) => ({
      reserve: async (bytes) => await stream.write(0, new Uint8Array(bytes)),
    })),
  "a file's identity is that of its bytes": (storage) =>
    streamsBut(storage, (stream) => ({ identity: async () => `of ${await stream.size()} bytes` })),
  "a file's identity is its path as it was given": (storage) =>
    streamsBut(storage, (stream) => ({ identity: () => stream.path })),
  "a stream keeps the bytes it was given": (storage) =>
    streamsBut(storage, (stream) => ({
      write: (position, bytes) => {
        queueMicrotask(async () => {
          await undefined;
          await undefined;
          try {
            await stream.write(position, bytes);
          } catch {
            // closed by then
          }
        });
        return stream.write(position, bytes);
      },
    })),
};

const GOOD_WORD: StopReport = { over: true, means: "gate", reason: "so they say" };

/** What is wrong with a fence: its tests come last, so nothing else finds it. */
const FENCE_MISTAKES: Readonly<Record<string, (fence: Fence) => Partial<Fence>>> = {
  "stop does nothing": () => ({ stop: () => Promise.resolve(GOOD_WORD) }),
  "stop does not wait for who is inside": (fence) => ({
    stop: async (owner, options) => {
      const report = await fence.stop(owner, options);
      return report.over || report.why === "unproven" ? report : GOOD_WORD;
    },
  }),
  "stop leaves all but the first gate open": (fence) => ({
    stop: (owner, options) => fence.stop(owner, { ...options, directories: options.directories.slice(0, 1) }),
  }),
  "stop shuts whatever is there": (fence) => ({
    stop: async (owner, options) => {
      for (const nonce of identified) await fence.stop({ ...owner, nonce }, options);
      return await fence.stop(owner, options);
    },
    identify: (nonce) => {
      identified.add(nonce);
      return fence.identify(nonce);
    },
    openGate: (directory, nonce) => {
      identified.add(nonce);
      return fence.openGate(directory, nonce);
    },
  }),
  "stop takes another host's owner for gone": (fence) => ({
    stop: async (owner, options) => {
      const report = await fence.stop(owner, options);
      return !report.over && report.why === "unproven" ? { ...GOOD_WORD, means: "gone" } : report;
    },
  }),
  "stop is deaf to its signal": (fence) => ({
    stop: async (owner, { directories, clock }) =>
      await fence.stop(owner, { directories, clock, patienceMs: 30 }),
  }),
  "sharing does not look at what is to be made": (fence) => ({
    sharing: async (directory) => {
      const report = await fence.sharing(directory);
      return directory.includes("not/made") ? { ...report, allowed: !report.allowed } : report;
    },
  }),
};
const identified = new Set<string>();

test("storageSuite: a good storage passes", async () => {
  assertEquals(await failing((storage) => storage), undefined);
});

for (const [mistake, spoil] of Object.entries(MISTAKES)) {
  test(`storageSuite: finds that ${mistake}`, async () => {
    assert(await failing(spoil) !== undefined, "no test fails");
  });
}

for (const [mistake, spoil] of Object.entries(FENCE_MISTAKES)) {
  test(`storageSuite: finds that ${mistake}`, async () => {
    const found = await failing((storage) =>
      but(storage, { fence: but(storage.fence, spoil(storage.fence)) })
    );
    assert(found?.includes("fence: s"), String(found));
  });
}
