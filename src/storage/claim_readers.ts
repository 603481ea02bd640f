/** Readers of a volume, as somebody meets them who wants to write. */
import { type Chain, readClaim } from "./claim_chain.ts";
import { type HolderContext, settleHolder } from "./claim_holder.ts";

/** Throws when a living reader is in the way; takes the registers of dead ones away. */
export async function clearReaders(context: HolderContext, chain: Chain): Promise<void> {
  const { storage, directory } = context;
  for (const name of chain.readers) {
    const reader = await readClaim(storage, directory, name, 0);
    if (reader === undefined) continue;
    if (!await settleHolder(context, reader.record)) continue;
    await storage.remove(`${directory}/${name}`);
  }
}
