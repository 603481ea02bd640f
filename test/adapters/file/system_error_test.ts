import { test } from "#test";
import { assertEquals, assertStrictEquals } from "@std/assert";
import { syncError, systemError } from "../../../adapters/file/system_error.ts";
import { CohortError } from "../../../src/ground/errors.ts";

function failure(fields: Record<string, unknown>): Error {
  return Object.assign(new Error(String(fields["message"] ?? "")), fields);
}

const CASES: readonly (readonly [fields: Record<string, unknown>, code: string, errno: string])[] = [
  [{ code: "ENOENT" }, "NOT_FOUND", "ENOENT"],
  [{ code: "ENOSPC" }, "FULL", "ENOSPC"],
  [{ code: "EDQUOT" }, "FULL", "EDQUOT"],
  [{ code: "EACCES" }, "PERMISSION", "EACCES"],
  [{ code: "EPERM" }, "PERMISSION", "EPERM"],
  [{ code: "EROFS" }, "PERMISSION", "EROFS"],
  [{ code: "EIO" }, "IO", "EIO"],
  [{ code: "EISDIR" }, "IO", "EISDIR"],
  [{ code: "EMFILE" }, "IO", "EMFILE"],
  [{ message: "No space left on device (os error 28)" }, "FULL", "ENOSPC"],
  [{ message: "Quota exceeded (os error 122)" }, "FULL", "EDQUOT"],
  [{ message: "odd (os error 77)" }, "IO", "errno 77"],
  [{ name: "BadResource", message: "Bad resource ID" }, "IO", "BadResource"],
];

test("systemError: each error number has its code", () => {
  for (const [fields, code, errno] of CASES) {
    const cause = failure(fields);
    const error = systemError("read blocks", "/d/v", cause, 4096);
    assertEquals(error.code, code);
    assertEquals(error.facts, { operation: "read blocks", path: "/d/v", position: 4096, errno });
    assertStrictEquals(error.cause, cause);
    assertEquals(error.message, `read blocks failed with ${errno} at byte 4096: /d/v`);
  }
});

test("systemError: a refusal by the runtime names the flag that would allow it", () => {
  const cases = [
    [
      { name: "NotCapable", message: 'Requires read access to "/d/v", run again with the --allow-read flag' },
      "--allow-read=/d",
    ],
    [
      {
        name: "NotCapable",
        message: 'Requires write access to "/d/v", run again with the --allow-write flag',
      },
      "--allow-write=/d",
    ],
    [
      { name: "NotCapable", message: 'Requires sys access to "statfs", run again with the --allow-sys flag' },
      "--allow-sys=statfs",
    ],
    [{ code: "ERR_ACCESS_DENIED", permission: "FileSystemWrite", resource: "/d/v" }, "--allow-fs-write=/d"],
    [{ code: "ERR_ACCESS_DENIED", permission: "FileSystemRead", resource: "/d/v" }, "--allow-fs-read=/d"],
  ] as const;
  for (const [fields, flag] of cases) {
    const error = systemError("open a volume", "/d/v", failure(fields));
    assertEquals(error.code, "PERMISSION");
    assertEquals(error.facts["flag"], flag);
    assertEquals(
      error.message,
      `open a volume was refused by the runtime's permissions, run with ${flag}: /d/v`,
    );
  }
});

test("systemError: an error that has a code already stays as it is", () => {
  const error = new CohortError("FULL", "grow a volume failed");
  assertStrictEquals(systemError("write", "/d/v", error), error);
});

test("syncError: a failed sync is for good, even for want of space", () => {
  const error = syncError("sync a volume", "/d/v", failure({ code: "ENOSPC" }));
  assertEquals(error.code, "SYNC_FAILED");
  assertEquals(error.retryable, false);
  assertEquals(error.facts, { operation: "sync a volume", path: "/d/v", errno: "ENOSPC" });
});
