/**
 * Claim look: whether a volume is held by somebody who stays, told without taking anything, waiting for
 * anything or leaving anything behind. What it lets pass may still be refused when it is claimed.
 */
import { readChain, readClaim } from "./claim_chain.ts";
import { type HolderContext, refuseHolder } from "./claim_holder.ts";
import { type ClaimMode, claimName } from "./claim_record.ts";

/** Rejects with `IN_USE` or `FOREIGN_OWNER` when the volume in `context.directory` is held by another. */
export async function lookAtClaim(context: HolderContext, mode: ClaimMode): Promise<void> {
  const { storage, directory } = context;
  const { newest, readers } = await readChain(storage, directory);
  const inTheWay = mode === "read" ? [] : readers.map((name) => ({ name, number: 0 }));
  if (newest > 0) inTheWay.unshift({ name: claimName(newest), number: newest });
  for (const { name, number } of inTheWay) {
    const record = (await readClaim(storage, directory, name, number))?.record;
    if (record !== undefined && record.state !== "free") await refuseHolder(context, record);
  }
}
