import { test } from "#test";
import { assertEquals, assertThrows } from "@std/assert";
import { createLineObserver } from "../../adapters/observer_lines.ts";
import type { Severity } from "../../src/ports/mod.ts";
import { observerSuite } from "../../src/testing/port_suites.ts";

observerSuite({
  name: "lines",
  test,
  make: () => createLineObserver({ write: () => {}, severity: "debug", measures: true }),
});

observerSuite({
  name: "lines with a broken sink",
  test,
  make: () =>
    createLineObserver({
      severity: "debug",
      write: () => {
        throw new Error("broken pipe");
      },
    }),
});

test("observer_lines: one line an event, in order, odd values quoted", () => {
  const lines: string[] = [];
  const observer = createLineObserver({ write: (line) => lines.push(line), wallMs: () => 1_700_000_000_000 });
  observer.event("journal.rotated", "info", { segment: 7, bytes: 12n, none: undefined, full: false });
  observer.event("volume.opened", "debug", { path: "/a" });
  observer.event("journal.frozen", "error", { path: "/a b/c", reason: 'line\n"two"', empty: "" });
  observer.measure("journal_sync_ms", 0.25);
  assertEquals(lines, [
    "2023-11-14T22:13:20.000Z info journal.rotated segment=7 bytes=12 full=false",
    '2023-11-14T22:13:20.000Z error journal.frozen path="/a b/c" reason="line\\n\\"two\\"" empty=""',
  ]);
});

test("observer_lines: a text says the whole event, on one line", () => {
  const lines: string[] = [];
  const observer = createLineObserver({ write: (line) => lines.push(line), wallMs: () => 0 });
  observer.event("startup.mount", "info", { text: "/data/hr        Pvt", directory: "/data/hr" });
  observer.event("startup.mount", "warn", { text: 'two\nlines\u2028 and "more"\x1b[2J é' });
  assertEquals(lines, [
    "1970-01-01T00:00:00.000Z info /data/hr        Pvt",
    '1970-01-01T00:00:00.000Z warn two\\u000alines\\u2028 and "more"\\u001b[2J é',
  ]);
});

test("observer_lines: measures are told when asked for", () => {
  const lines: string[] = [];
  const observer = createLineObserver({ write: (line) => lines.push(line), measures: true, wallMs: () => 0 });
  observer.measure("journal_sync_ms", 0.25);
  assertEquals(lines, ["1970-01-01T00:00:00.000Z measure journal_sync_ms=0.25"]);
});

test("observer_lines: an unknown severity is a RangeError", () => {
  assertThrows(
    () => createLineObserver({ write: () => {}, severity: "loud" as Severity }),
    RangeError,
    "loud",
  );
});
