import type { StartPoint } from "../checkpoint/checkpoint-log.ts";
import type { PartitionBounds, PartitionReader } from "./ports.ts";

/** Where a pipeline begins on a partition that it has never read. */
export type StartPosition = "earliest" | "latest" | { readonly time: Date | string };

/** Turns a start position into a sequence number, once: the checkpoint log's first frame keeps it. */
export async function resolveStart(
  from: StartPosition,
  reader: PartitionReader,
  bounds: PartitionBounds,
): Promise<StartPoint> {
  const { hubCreated, partitionCount: partitions } = bounds;
  if (from === "earliest") return { position: bounds.first, hubCreated, partitions };
  if (from === "latest") return { position: bounds.next, hubCreated, partitions };
  return { position: await reader.sequenceAt(new Date(from.time).getTime()), hubCreated, partitions };
}
