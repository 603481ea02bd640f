/** Refusals: the errors by which a node says no at its door. */
import { CohortError } from "../ground/errors.ts";
import type { Mount } from "./mount.ts";

/** The error of every call once the node has stopped. */
export function stopped(cause: CohortError): CohortError {
  return new CohortError("STOPPED", `Could not go on: the node stopped (${cause.message})`, {}, cause);
}

/** The error for a database that is not mounted. */
export function notMounted(directory: string): CohortError {
  return new CohortError("NOT_MOUNTED", `The database ${directory} is not mounted here`, { directory });
}

/** The error for a database that is mounted in another way. */
export function mountedOtherwise(mount: Mount): CohortError {
  const how = mount.readOnly ? "read-only" : mount.mode;
  return new CohortError(
    "MOUNTED",
    `The database ${mount.core.directory} is mounted ${how}: dismount it first`,
    {
      directory: mount.core.directory,
      mode: how,
    },
  );
}
