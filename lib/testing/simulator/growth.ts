import { partitionForKey } from "../../sources/partition-key.ts";
import { mulberry32 } from "../virtual-world.ts";
import { type Cluster, taskKey } from "./cluster.ts";
import type { SimApp } from "./config.ts";
import { type FaultKind, USUAL_KINDS } from "./faults.ts";
import { builtInWorkload, SOURCE_HUB, type WorkloadOptions } from "./workload.ts";

/** What may go wrong beside; what takes events or logs away would hide what was processed. */
export const GROWTH_KINDS: readonly FaultKind[] = USUAL_KINDS.filter((kind) => !/^(retention|reset)/.test(kind));

/** One pipeline with state, whose hub gets another partition while events flow: keys move, and tasks must stop in time. */
export function growingWorkload(options: WorkloadOptions): SimApp {
  const { seed, partitions } = options;
  const { events, ...app } = builtInWorkload({ ...options, scope: "straight" });
  const chosen = Math.floor(events.length * (0.6 + 0.3 * mulberry32(seed ^ 0x960)()));
  const at = events[chosen]?.at ?? 0;
  const moved = events.map((event) => {
    const { partitionKey: key } = event;
    return event.at < at || key === undefined ? event : { ...event, partition: partitionForKey(key, partitions + 1) };
  });
  return {
    ...app,
    events: moved,
    grows: { hub: SOURCE_HUB, at, partitions: partitions + 1 },
    check: (cluster) => checkStopped(cluster, partitions),
  };
}

/** No event was processed whose key was in another partition before, and somebody said so. */
async function checkStopped(cluster: Cluster, before: number): Promise<void> {
  if (!cluster.begunBeforeGrowth) return;
  const hub = cluster.hub(SOURCE_HUB);
  let moved = 0;
  let began = 0;
  for (const { fn, partition } of cluster.places) {
    const status = await cluster.status(fn, partition);
    if (status?.start.partitions !== before) {
      if (status !== undefined && began > 0) cluster.watch.violate(`${taskKey(fn, partition)} began beside the others`);
      continue;
    }
    began++;
    const isStray = ({ partitionKey: key }: { readonly partitionKey: string | undefined }): boolean =>
      key !== undefined && partitionForKey(key, before) !== partition;
    const first = hub.history(partition).find(isStray)?.sequenceNumber;
    if (first === undefined) continue;
    moved++;
    if (status.position > first)
      cluster.watch.violate(`${taskKey(fn, partition)} processed ${first}, whose key has moved`);
  }
  if (moved > 0 && cluster.refusals === 0) cluster.watch.violate("tasks stopped, and nobody said why");
}
