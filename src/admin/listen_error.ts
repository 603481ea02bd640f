/** Listen error: why a server could not listen, by code. */
import { CohortError } from "../ground/errors.ts";

/** The fields that an error of a runtime's server may carry. */
interface ServerError {
  readonly name?: string;
  readonly code?: unknown;
  readonly message?: string;
}

/** Codes by which a system refuses a port to who may not have it. */
const REFUSALS: ReadonlySet<unknown> = new Set(["EACCES", "EPERM"]);

/**
 * `PERMISSION` for what the system or the runtime does not allow, with what would allow it; `IO` for all
 * else.
 */
export function listenError(hostname: string, port: number, error: unknown): CohortError {
  const { name, code, message = String(error) } = Object(error) as ServerError;
  const text = `Could not listen at ${hostname}, port ${port}: ${message}`;
  const facts = { hostname, port, ...(typeof code === "string" ? { errno: code } : {}) };
  // The runtime's own permissions, Deno's or Node's, name what they lack and no error number.
  if (name === "NotCapable" || code === "ERR_ACCESS_DENIED") {
    const flag = name === "NotCapable" ? `--allow-net=${hostname}:${port}` : "--allow-net";
    return new CohortError("PERMISSION", `${text}; run with ${flag}`, { ...facts, flag }, error);
  }
  if (!REFUSALS.has(code) && name !== "PermissionDenied") return new CohortError("IO", text, facts, error);
  const remedy = "this user may not have the port; those below 1024 are root's on most systems";
  return new CohortError("PERMISSION", `${text}; ${remedy}`, facts, error);
}
