import { test } from "#test";
import {
  assert,
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";

test("assertEquals() tells bytes, -0 and undefined members apart", () => {
  assertEquals(new Uint8Array([1, 2]), new Uint8Array([1, 2]));
  assertEquals([NaN], [NaN]);
  assertThrows(() => assertEquals(new Uint8Array([1]), new Uint8Array([2])));
  assertThrows(() => assertEquals(-0, 0));
  assertThrows(() => assertEquals<unknown>({ a: undefined }, {}));
  assertNotEquals(1, 2);
  assertThrows(() => assertNotEquals([1], [1]));
});

test("assertThrows() judges class and message, and fails without a throw", () => {
  const error = assertThrows(
    () => {
      throw new RangeError("Read block: 7 is beyond the end");
    },
    RangeError,
    "block: 7",
  );
  assertStrictEquals(error.name, "RangeError");
  assertThrows(() => assertThrows(() => {}));
  assertThrows(() =>
    assertThrows(() => {
      throw new Error("x");
    }, RangeError)
  );
  assertThrows(() =>
    assertThrows(
      () => {
        throw new Error("x");
      },
      Error,
      "y",
    )
  );
});

test("assertRejects() judges class and message, and fails without a rejection", async () => {
  const error = await assertRejects(() => Promise.reject(new TypeError("no")), TypeError, "no");
  assertStrictEquals(error.message, "no");
  await assertRejects(() => assertRejects(() => Promise.resolve(1)));
  await assertRejects(() => assertRejects(() => Promise.reject(new Error("x")), TypeError));
});

test("assert(), assertMatch() and assertStringIncludes() fail when they should", () => {
  assert(1);
  assertThrows(() => assert(0));
  assertMatch("abc", /b/);
  assertThrows(() => assertMatch("abc", /d/));
  assertStringIncludes("abc", "bc");
  assertThrows(() => assertStringIncludes("abc", "d"));
});
