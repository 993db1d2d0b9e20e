import type { PlanShape, StartPoint } from "./checkpoint-log.ts";
import { pack } from "./codec.ts";
import type { LogContext } from "./context.ts";
import type { Marker } from "./records.ts";
import { createSegment } from "./segment.ts";

/**
 * Begins a generation: a first segment that holds shape and start, then the marker that names it. The marker is created
 * once: of several that begin at the same time, one does, and the others' segments belong to nothing.
 */
export async function beginLog(
  context: LogContext,
  generation: number,
  shape: PlanShape,
  start: StartPoint,
): Promise<void> {
  const root = await createSegment(context, generation, { ordinal: 1, previous: undefined, shape, start });
  if (root) await createMarker(context, { generation, root: root.name });
}

/** Creates a generation's marker unless it exists. */
export async function createMarker({ blobs, folder }: LogContext, marker: Marker): Promise<void> {
  await blobs.create(folder.marker(marker.generation), pack(marker));
}
