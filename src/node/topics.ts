/** Topics that members serve each other besides that of blocks (1). */

/** Have everything that is dirty brought home. */
export const CHECKPOINT_TOPIC = 2;
/** What administration asks of every member. */
export const ADMINISTRATION_TOPIC = 3;
/** This member's writes wait, or go on again. */
export const FREEZE_TOPIC = 4;
/** A volume could not be recovered. */
export const QUARANTINE_TOPIC = 5;
