/** One change on a database, in its turn behind a commit ticket, outside of transactions. */
import type { Change } from "../buffer/change.ts";
import type { Again, Engine, Patience, Published } from "../buffer/engine.ts";
import { unlessAborted } from "../buffer/waiting.ts";
import { InvariantError } from "../ground/errors.ts";
import { type DatabaseCore, inTurn } from "./database.ts";

/** Runs it and waits until it is acknowledged. */
export async function changeAcknowledged<R>(
  database: DatabaseCore,
  attempt: (change: Change) => R | Again,
  patience: Patience,
  holder?: object,
): Promise<R> {
  const published = await changePublished(database, attempt, patience, holder);
  await acknowledged(database.engine, published.position, patience);
  return published.value;
}

/** Runs it and answers which position acknowledges it; a refusal waits for what it tells of. */
export async function changePublished<R>(
  database: DatabaseCore,
  attempt: (change: Change) => R | Again,
  patience: Patience,
  holder?: object,
): Promise<Published<R>> {
  let refusedAt = 0;
  const admitted = (change: Change): R | Again => {
    database.admitWrite();
    try {
      return attempt(change);
    } catch (error) {
      refusedAt = change.seenAll();
      throw error;
    }
  };
  try {
    return await inTurn(database.engine, [database], holder, admitted, patience);
  } catch (error) {
    await acknowledged(database.engine, error instanceof InvariantError ? 0 : refusedAt, patience);
    throw error;
  }
}

/** Waits until what lies before a position is acknowledged: a refusal, too, may tell of what was read. */
export async function acknowledged(engine: Engine, position: number, patience: Patience): Promise<void> {
  const wait = engine.ackOf(position);
  if (wait !== undefined) await unlessAborted(wait, patience.signal);
}
