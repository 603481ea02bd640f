import { test } from "#test";
import { assert, assertThrows } from "@std/assert";
import process from "node:process";
import { findService, type Service } from "./services.ts";

test("findService() names a path or nothing, and throws for a missing one that is required", () => {
  const required = process.env.COHORT_REQUIRE_SERVICES;
  try {
    delete process.env.COHORT_REQUIRE_SERVICES;
    const path = findService("fis-gtm");
    assert(path === undefined || path.startsWith("/"));
    const nowhere = "no-such-service" as Service;
    assert(findService(nowhere) === undefined);
    process.env.COHORT_REQUIRE_SERVICES = "1";
    assertThrows(() => findService(nowhere), Error, "no-such-service is required");
  } finally {
    if (required === undefined) delete process.env.COHORT_REQUIRE_SERVICES;
    else process.env.COHORT_REQUIRE_SERVICES = required;
  }
});
