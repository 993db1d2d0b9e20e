import type { StartPoint } from "../checkpoint/checkpoint-log.ts";
import { TidemarkError } from "../errors.ts";
import { isoText } from "./instant.ts";
import type { PartitionBounds, TaskId } from "./ports.ts";
import type { TaskPorts } from "./task.ts";

/** Where a pipeline begins on a partition that it has never read. */
export type StartPosition = "earliest" | "latest" | { readonly time: Date | string };

/**
 * Turns a start position into a sequence number, once: the checkpoint log's first frame keeps it. Throws CONFIGURATION for
 * a time that is none, and for one that has not come: events that come before it must not be taken for later ones.
 */
export async function resolveStart(
  id: TaskId,
  { from, reader, world }: Pick<TaskPorts, "from" | "reader" | "world">,
  bounds: PartitionBounds,
): Promise<StartPoint> {
  const { hubCreated, partitionCount: partitions } = bounds;
  if (from === "earliest") return { position: bounds.first, hubCreated, partitions };
  if (from === "latest") return { position: bounds.next, hubCreated, partitions };
  const time = new Date(from.time).getTime();
  if (Number.isNaN(time)) {
    throw new TidemarkError("CONFIGURATION", `It is to begin at "${from.time}", which is no time.`, {
      ...id,
      fix: 'Write it as in handle(…, { from: { time: "2030-01-31T12:00:00Z" } }).',
    });
  }
  if (time > world.now()) {
    throw new TidemarkError("CONFIGURATION", `It is to begin at ${isoText(time)}, which has not come.`, {
      ...id,
      fix: "Nothing was processed, and nothing is lost: once that time has come, it begins there. Or name an earlier one.",
      retryable: true,
    });
  }
  return { position: await reader.sequenceAt(time), hubCreated, partitions };
}
