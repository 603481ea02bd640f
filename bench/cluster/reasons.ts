/**
 * Why a goal of issue 3 is missed, where it is: what the profiles say, the bound that is seen, and the next
 * idea. A miss without a word here is a failure.
 */

/** By workload, runtime and subject, as `reasonKey` of goals.ts spells them. */
export const REASONS: Readonly<Record<string, string>> = {};
