import type { Losses, LostRange } from "./expectation.ts";
import { sideLine } from "./expectation.ts";

/** What the side outputs hold at the end. */
export interface SideContents {
  /** As `sideLine` writes them, sorted; only the newest generation of each task. */
  readonly lines: readonly string[];
  readonly losses: Losses;
}

interface Line {
  readonly kind: string;
  readonly pipeline: string;
  readonly partition: string;
  readonly stage: string;
  readonly sequenceNumber: number;
  readonly reason: string;
  readonly body: string;
  readonly properties: { readonly from?: number; readonly to?: number };
}

/** Reads the blobs of dead letters and late events; `generationOf` tells a task's newest generation. */
export function readSide(blobs: ReadonlyMap<string, Buffer>, generationOf: (task: string) => number): SideContents {
  const lines: string[] = [];
  const losses = new Map<string, LostRange[]>();
  for (const [name, content] of blobs) {
    const [, pipeline, partition, file] = name.split("/") as [string, string, string, string];
    const task = `${pipeline}/${partition}`;
    if (Number(file.split("-")[0]) !== generationOf(task)) continue;
    for (const text of content.toString().split("\n")) {
      if (text === "") continue;
      const line = JSON.parse(text) as Line;
      const { from, to } = line.properties;
      if (line.reason.startsWith("events lost") && from !== undefined && to !== undefined) {
        losses.set(task, [...(losses.get(task) ?? []), { from, to: to + 1 }]);
      } else lines.push(sideLine({ ...line, body: line.sequenceNumber < 0 ? undefined : line.body }));
    }
  }
  return { lines: lines.sort(), losses };
}
