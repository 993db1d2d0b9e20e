/** Hours; as long as the Standard tier can, so that a gap can be repaired after a week. */
export const DEFAULT_RETENTION_HOURS = 168;

/** What the Functions host appends to a queue's name for what it has given up. */
export const POISON_SUFFIX = "-poison";
