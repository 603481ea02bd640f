import { test } from "#test";
import { assertEquals, assertThrows } from "@std/assert";
import { checkDevices, expandDirectory, isSpecification } from "../../src/ground/device_map.ts";
import { CohortError, isCode } from "../../src/ground/errors.ts";
import { Prng } from "../support/prng.ts";

/** The disks of the model's own examples. */
const SEED = checkDevices({
  "TEST$DKA100:": "/disks/100",
  "VMS1$DKA0": "/disks/vms1",
  "VMS2$DKA0": "/disks/vms2",
  "$1$DKA200:": "/controller/1/200/",
  "VMS2$SYS": "VMS2$DKA0:[SYS]",
  MGR: "VMS2$SYS:[MGR]",
});

test("device map: every example of the model", () => {
  const table: [text: string, name: string, path: string][] = [
    // "Caché expands DKA100: to TEST$DKA100:."
    ["DKA100:", "TEST$DKA100:", "/disks/100"],
    ["DKA100:[DIR]", "TEST$DKA100:[DIR]", "/disks/100/DIR"],
    ["TEST$DKA100:", "TEST$DKA100:", "/disks/100"],
    // The table that start-up displays.
    ["VMS1$DKA0:[SYSM.V6D1-9206A]", "VMS1$DKA0:[SYSM.V6D1-9206A]", "/disks/vms1/SYSM/V6D1-9206A"],
    ["VMS2$DKA0:[DIR2]", "VMS2$DKA0:[DIR2]", "/disks/vms2/DIR2"],
    // A logical name, which the model wants written alike everywhere, letters included; here all are one.
    ["VMS2$SYS:", "VMS2$DKA0:[SYS]", "/disks/vms2/SYS"],
    ["vms2$sys:", "VMS2$DKA0:[SYS]", "/disks/vms2/SYS"],
    ["MGR:[A.B]", "VMS2$DKA0:[SYS.MGR.A.B]", "/disks/vms2/SYS/MGR/A/B"],
  ];
  for (const [text, name, path] of table) assertEquals(expandDirectory(text, SEED), { name, path }, text);
});

test("device map: DKA100: on cluster controller 1 is $1$DKA100:", () => {
  const map = checkDevices({ "$1$DKA100": "/controller/1/100" });
  for (const text of ["DKA100:[DIR]", "$1$DKA100:[DIR]", "dka100:[dir]", "DKA100:[000000.DIR]"]) {
    const expanded = { name: "$1$DKA100:[DIR]", path: "/controller/1/100/DIR" };
    assertEquals(expandDirectory(text, map), expanded, text);
  }
  assertEquals(expandDirectory("$1$dka100:[000000]", map).name, "$1$DKA100:");
  assertEquals(expandDirectory("X:[A]", checkDevices({ "A$X": "/" })).path, "/A");
});

test("device map: a path stays what it is, with or without devices", () => {
  const paths = ["/data/hr", "hr", "./DKA100:[DIR]", "../x", "C:/data", "a b:[c]", "DKA100:x", ":[A]", "[A]"];
  for (const map of [SEED, checkDevices()]) {
    for (const path of paths) {
      assertEquals(isSpecification(path), false, path);
      assertEquals(expandDirectory(path, map), { name: path, path });
    }
  }
});

test("device map: a device that is missing, or more than one", () => {
  const missing = [["NONE$DKA100:[A]", "NONE$DKA100"], ["DKB1:", "DKB1"], ["100:[A]", "100"]] as const;
  for (const [text, device] of missing) {
    const error = assertThrows(() => expandDirectory(text, SEED), CohortError, `no device ${device}:`);
    assertEquals([error.code, error.facts["device"]], ["NOT_FOUND", device]);
  }
  const two = assertThrows(() => expandDirectory("DKA0:[A]", SEED), CohortError, "in full");
  assertEquals([two.code, two.message.includes("VMS1$DKA0: or VMS2$DKA0:")], ["NOT_FOUND", true]);
  // A logical name decides between them.
  const decided = checkDevices({ "A$D": "/a", "B$D": "/b", D: "B$D:" });
  assertEquals(expandDirectory("d:[x]", decided), { name: "B$D:[X]", path: "/b/X" });
});

test("device map: SYNTAX says where", () => {
  const table: [text: string, position: number][] = [
    ["DKA100:[", 8],
    ["DKA100:[]", 8],
    ["DKA100:[DIR", 11],
    ["DKA100:[DIR]CACHE.DAT", 12],
    ["DKA100:[A..B]", 10],
    ["DKA100:[.A]", 8],
    ["DKA100:[-]", 8],
    ["DKA100:[A.-.B]", 10],
    ["DKA100:[A/B]", 9],
    ["DKA100:[..]", 8],
    ["DKA100:[é]", 8],
    ["DKA100:[A]\0", 10],
    ["$:[A]", 0],
    ["1$1$DKA100:[A]", 0],
    ["$A$DKA100:[A]", 0],
  ];
  for (const [text, position] of table) {
    const error = assertThrows(() => expandDirectory(text, SEED), CohortError);
    assertEquals([error.code, error.facts["position"]], ["SYNTAX", position], error.message);
  }
});

test("device map: one name, whatever was written, and its own expansion", () => {
  const prng = new Prng(7);
  for (let round = 0; round < 2000; round++) {
    const parts = Array.from({ length: prng.below(4) }, () => prng.pick(["A", "B-1", "$X", "000000", "Z_"]));
    const text = `DKA100:${parts.length === 0 ? "" : `[${parts.join(".")}]`}`;
    const spelt = [...text].map((letter) => prng.once(2) ? letter.toLowerCase() : letter).join("");
    const expanded = expandDirectory(spelt, SEED);
    assertEquals(expanded, expandDirectory(text, SEED), spelt);
    if (parts[0] !== "000000") assertEquals(expanded.name, `TEST$${text}`);
    assertEquals(expandDirectory(expanded.name, SEED), expanded, spelt);
  }
});

test("device map: any text is a path, an answer below its device, or an error by code", () => {
  const prng = new Prng(11);
  const pieces = [
    "DKA100",
    "TEST$",
    "$1$",
    ":",
    "[",
    "]",
    ".",
    "A",
    "-",
    "..",
    "/",
    "\0",
    "é",
    "000000",
    "x",
  ];
  for (let round = 0; round < 20_000; round++) {
    const text = Array.from({ length: 1 + prng.below(7) }, () => prng.pick(pieces)).join("");
    try {
      const { name, path } = expandDirectory(text, SEED);
      const isBelow = /^\/disks\/100(\/[A-Z0-9$_-]+)*$/.test(path) && !path.includes("..");
      assertEquals(isSpecification(text) ? isBelow : name === text, true, text);
    } catch (error) {
      assertEquals(isCode(error, "SYNTAX") || isCode(error, "NOT_FOUND"), true, `${text}: ${error}`);
    }
  }
});

test("device map: a wrong option says which entry", () => {
  const wrong: [devices: unknown, kind: typeof TypeError | typeof RangeError, message: string][] = [
    [[], TypeError, "devices"],
    ["A$B", TypeError, "devices"],
    [null, TypeError, "devices"],
    [{ "A$B": 1 }, TypeError, "A$B"],
    [{ "A$B": "" }, TypeError, "A$B"],
    [{ "A$B": "/a\0" }, TypeError, "A$B"],
    [{ DKA100: "/disks/100" }, RangeError, "in full"],
    [{ "A$B$C": "/x" }, RangeError, "in full"],
    [{ "A$B": "/a", "a$b:": "/b" }, RangeError, "twice"],
    [{ "A$B": "/a", "9": "A$B:" }, RangeError, "logical name"],
    [{ "A$B": "/a", L: "A$B:[" }, RangeError, "specification for L"],
    [{ L: "NONE$D:" }, RangeError, "L to NONE$D:"],
    [{ L: "L:[A]" }, RangeError, "L to L:"],
    [{ K: "L:", L: "K:" }, RangeError, "K to L:, L to K:"],
    [{ "A$D": "/a", "B$D": "/b", L: "D:" }, RangeError, "L to D:"],
  ];
  for (const [devices, kind, message] of wrong) {
    assertThrows(() => checkDevices(devices as Record<string, string>), kind, message);
  }
});
