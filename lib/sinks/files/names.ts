import type { FrameStamp } from "../../engine/frame.ts";

/** The folder of a sink's manifests, below its path. Readers of folders pass over what begins with an underscore. */
const MANIFESTS = "_manifest";

/**
 * The names of a task's blobs below a sink's path. They follow from the generation of the task's log and from a number
 * that the frame holds, so that a frame that is delivered twice writes the same blobs:
 *
 *     date=2001-01-02/hour=13/<pipeline>-<partition>-<generation>-<batch>-<part>.parquet
 *     _manifest/<pipeline>/<partition>/<generation>/<batch>.json
 */
export class FileNames {
  readonly #prefix: string;
  readonly #ending: string;

  constructor(path: string, ending: string) {
    this.#prefix = path === "" ? "" : `${path}/`;
    this.#ending = ending;
  }

  file({ pipeline, partition, generation }: FrameStamp, folder: string, batch: number, part: number): string {
    return `${this.#prefix}${folder}${pipeline}-${partition}-${generation}-${padded(batch)}-${part}.${this.#ending}`;
  }

  manifest({ pipeline, partition, generation }: FrameStamp, batch: number): string {
    return `${this.#prefix}${MANIFESTS}/${pipeline}/${partition}/${generation}/${padded(batch)}.json`;
  }
}

/** Names sort as numbers do. */
function padded(batch: number): string {
  return String(batch).padStart(10, "0");
}
