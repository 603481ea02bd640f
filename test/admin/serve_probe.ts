/** Serves at a port; run by listen_error_test.ts under few permissions. */
import { CohortError, openNode } from "@cohort/db";
import { serveAdmin } from "@cohort/db/admin";

await using node = await openNode();
try {
  await using admin = await serveAdmin(node, { port: 0, token: "0123456789abcdef0123456789abcdef" });
  console.log(admin.url);
} catch (error) {
  console.log(error instanceof CohortError ? `${error.code}: ${error.message}` : error);
}
