/** Topics that members serve each other besides that of blocks (1). */

/** Have everything that is dirty brought home. */
export const CHECKPOINT_TOPIC = 2;
/** What administration asks of every member. */
export const ADMINISTRATION_TOPIC = 3;
/** This member's writes wait, or go on again. */
export const FREEZE_TOPIC = 4;
/** A volume could not be recovered. */
export const QUARANTINE_TOPIC = 5;
/** Commits of a database wait for a transaction that keeps meeting conflicts. */
export const TICKET_TOPIC = 9;
/** From where is a member's journal needed. */
export const NEED_TOPIC = 6;
/** Increments that one member does for another. */
export const INCREMENT_TOPIC = 8;
