/** Hours; as long as the Standard tier can, so that a gap can be repaired after a week. */
export const DEFAULT_RETENTION_HOURS = 168;
