export { type AppendOutcome, ambiguous, type BlobItem, type BlobPort } from "./blob-port.ts";
export type * from "./checkpoint-log.ts";
export { type CheckpointLimits, DEFAULT_LIMITS } from "./limits.ts";
export { type BlobCheckpointStore, type CheckpointStoreOptions, createCheckpointStore } from "./store.ts";
