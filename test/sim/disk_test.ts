import { assert, assertEquals } from "@std/assert";
import { test } from "#test";
import { SimDisk, type SimFile } from "../../src/testing/sim/disk.ts";
import {
  applyFate,
  type Change,
  CUT_STYLES,
  DROPPED,
  enumerateSubsets,
  WHOLE,
} from "../../src/testing/sim/fates.ts";
import { PagedBytes } from "../../src/testing/sim/pages.ts";
import { Prng } from "../../src/testing/sim/prng.ts";

function fill(byte: number, length: number): Uint8Array {
  return new Uint8Array(length).fill(byte);
}

function put(disk: SimDisk, file: SimFile, position: number, bytes: Uint8Array): void {
  disk.write(file, position, bytes).answered = true;
}

function syncAll(disk: SimDisk, file: SimFile, end: Parameters<SimDisk["endSync"]>[2] = "done"): void {
  disk.endSync(file, new Set(file.unsynced), end);
}

function makeFile(): { disk: SimDisk; file: SimFile } {
  const disk = new SimDisk();
  const file = disk.create("/d/f", "journal");
  disk.keepName("/d/f");
  return { disk, file };
}

test("SimDisk.powerCut(): what was synced survives every style of cut", () => {
  for (const style of CUT_STYLES) {
    for (let seed = 0; seed < 20; seed++) {
      const { disk, file } = makeFile();
      put(disk, file, 0, fill(1, 2000));
      syncAll(disk, file);
      put(disk, file, 1500, fill(2, 3000));
      disk.powerCut(new Prng(seed), style);
      assertEquals(disk.find("/d/f")!.cache.slice(0, 1500), fill(1, 1500));
      assertEquals(file.unsynced.length, 0);
    }
  }
});

test("SimDisk.powerCut(): what was not synced survives wholly, partly or not at all", () => {
  const seen = new Set<string>();
  for (let seed = 0; seed < 200; seed++) {
    const { disk, file } = makeFile();
    put(disk, file, 0, fill(7, 1024));
    put(disk, file, 1024, fill(8, 1024));
    disk.powerCut(new Prng(seed), "mixed");
    const bytes = disk.find("/d/f")!.cache.slice(0, 2048);
    const part = (from: number, value: number) => {
      const some = bytes.slice(from, from + 1024);
      if (some.every((b) => b === value)) return some.length === 1024 ? "all" : "cut";
      return some.some((b) => b === value) ? "part" : "none";
    };
    seen.add(`${part(0, 7)}/${part(1024, 8)}`);
  }
  for (const outcome of ["all/all", "all/none", "none/all", "none/none", "part/none", "all/part"]) {
    assert(seen.has(outcome), `${outcome} never came; ${[...seen]}`);
  }
});

test("applyFate(): a torn write touches nothing outside its bytes, sectors or a prefix inside them", () => {
  const change: Change = {
    kind: "write",
    position: 700,
    bytes: fill(9, 1000),
    answered: true,
    promised: false,
  };
  const make = () => {
    const image = new PagedBytes();
    image.write(0, fill(1, 2000));
    return image;
  };
  for (let mask = 0; mask < 50; mask++) {
    for (const kind of ["sectors", "bytes", "size", "garbage"] as const) {
      const image = make();
      applyFate(image, change, { kind, mask, cut: mask * 20 });
      const bytes = image.slice(0, 2000);
      assertEquals(bytes.slice(0, 700), fill(1, 700));
      assertEquals(bytes.slice(1700), fill(1, 300));
      if (kind === "bytes") assertEquals(bytes.slice(700, 700 + mask * 20), fill(9, mask * 20));
      if (kind === "sectors") assertEquals(new Set(bytes.slice(700, 1024)).size, 1);
    }
  }
  const dropped = make();
  applyFate(dropped, change, DROPPED);
  assert(dropped.equals(make()));
  const whole = make();
  applyFate(whole, change, WHOLE);
  assertEquals(whole.slice(700, 1000), fill(9, 1000));
});

test("SimDisk: a sync that drops shows the data in the cache until the power goes", () => {
  const { disk, file } = makeFile();
  put(disk, file, 0, fill(1, 100));
  syncAll(disk, file);
  put(disk, file, 0, fill(2, 100));
  syncAll(disk, file, "drop");
  assertEquals(file.cache.slice(0, 1), fill(2, 1));
  syncAll(disk, file, "done");
  assertEquals(disk.deviations(), []);
  disk.powerCut(new Prng(1), "all");
  assertEquals(file.cache.slice(0, 1), fill(1, 1));
  assertEquals(disk.deviations(), []);
});

test("SimDisk: a failed sync that keeps the data dirty can be followed by one that works", () => {
  const { disk, file } = makeFile();
  put(disk, file, 0, fill(1, 100));
  syncAll(disk, file, "keep");
  syncAll(disk, file, "done");
  disk.powerCut(new Prng(1), "none");
  assertEquals(file.cache.slice(0, 100), fill(1, 100));
});

test("SimDisk: a sync that lied shows after the power cut; honest syncs catch up", () => {
  const lied = makeFile();
  put(lied.disk, lied.file, 0, fill(1, 100));
  syncAll(lied.disk, lied.file, "lie");
  lied.disk.powerCut(new Prng(1), "none");
  assertEquals(lied.file.cache.size, 0);
  assertEquals(lied.disk.deviations(), [lied.file]);
  assertEquals(lied.file.truth!.slice(0, 100), fill(1, 100));

  const mended = makeFile();
  put(mended.disk, mended.file, 0, fill(1, 100));
  syncAll(mended.disk, mended.file, "lie");
  syncAll(mended.disk, mended.file, "done");
  mended.disk.powerCut(new Prng(1), "none");
  assertEquals(mended.disk.deviations(), []);
});

test("SimDisk: a lost and a misdirected write are felt after their sync, and truth differs there", () => {
  const lost = makeFile();
  put(lost.disk, lost.file, 0, fill(1, 100));
  syncAll(lost.disk, lost.file);
  lost.disk.write(lost.file, 0, fill(2, 100), "lost").answered = true;
  assertEquals(lost.file.cache.slice(0, 1), fill(2, 1));
  syncAll(lost.disk, lost.file);
  assertEquals(lost.file.cache.slice(0, 100), fill(1, 100));
  assertEquals(lost.disk.deviations(), [lost.file]);

  const stray = makeFile();
  put(stray.disk, stray.file, 0, fill(1, 300));
  syncAll(stray.disk, stray.file);
  stray.disk.write(stray.file, 0, fill(2, 100), { position: 200 }).answered = true;
  syncAll(stray.disk, stray.file);
  assertEquals(stray.file.cache.slice(0, 300), new Uint8Array([...fill(1, 200), ...fill(2, 100)]));
  assertEquals(stray.file.truth!.slice(0, 100), fill(2, 100));
});

test("SimDisk: a name that was not kept may or may not survive a power cut, a kept one does", () => {
  let survived = 0;
  for (let seed = 0; seed < 100; seed++) {
    const disk = new SimDisk();
    disk.create("/d/kept", "register");
    disk.keepName("/d/kept");
    disk.create("/d/new", "register");
    disk.unlink("/d/kept");
    disk.powerCut(new Prng(seed), "mixed");
    if (disk.find("/d/new") !== undefined) survived++;
    if (disk.find("/d/kept") !== undefined) survived += 1000;
  }
  assert(survived % 1000 > 20 && survived % 1000 < 80);
  assert(survived > 20_000 && survived < 80_000);
});

test("SimDisk.clone(): the copy goes its own way", () => {
  const { disk, file } = makeFile();
  put(disk, file, 0, fill(1, 100));
  const copy = disk.clone();
  put(disk, file, 0, fill(2, 100));
  copy.powerCut(new Prng(1), "all");
  assertEquals(copy.find("/d/f")!.cache.slice(0, 1), fill(1, 1));
  assertEquals(file.cache.slice(0, 1), fill(2, 1));
  assertEquals(copy.list("/d"), ["f"]);
});

test("SimDisk.damage(): flips what is durable and cached, and truth keeps the original", () => {
  const { disk, file } = makeFile();
  put(disk, file, 0, fill(1, 100));
  syncAll(disk, file);
  disk.damage(file, 5, 0x10);
  assertEquals(file.cache.slice(5, 1), fill(0x11, 1));
  assertEquals(file.durable.slice(5, 1), fill(0x11, 1));
  assertEquals(file.truth!.slice(5, 1), fill(1, 1));
});

test("enumerateSubsets(): all of them when they are few, distinct and bounded when many", () => {
  const chance = new Prng(1);
  assertEquals(enumerateSubsets(3, 8, chance).length, 8);
  assertEquals(enumerateSubsets(0, 8, chance), [[]]);
  const many = enumerateSubsets(30, 100, chance);
  assertEquals(many.length, 100);
  assertEquals(new Set(many.map((s) => s.join())).size, 100);
});
