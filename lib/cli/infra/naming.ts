/** Containers of the pipelines' storage account that the engine itself uses. */
export const CHECKPOINTS = "tidemark-checkpoints";
export const SIDE_OUTPUT = "tidemark-dead-letters";

/** Hours; as long as the Standard tier can, so that a gap can be repaired after a week. */
export const DEFAULT_RETENTION_HOURS = 168;

/** What no query asks for in a document that a pipeline wrote: the fence. */
export const UNINDEXED_PATHS: readonly string[] = ["/_tm/*"];
