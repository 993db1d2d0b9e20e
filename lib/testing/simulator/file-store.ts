import type { KeyOf, SimApp } from "./config.ts";
import { SimBlobContainer } from "./sim-blobs.ts";
import type { Watch } from "./watch.ts";

/** Where a sink of files writes to. */
export interface FilePlace {
  readonly pipeline: string;
  readonly sink: string;
  readonly container: SimBlobContainer;
  /** A folder within the container, or empty. */
  readonly path: string;
  readonly keyOf: KeyOf | undefined;
}

/** What all sinks of files of an app write to. */
export interface FileStore {
  readonly places: readonly FilePlace[];
  readonly containers: Readonly<Record<string, SimBlobContainer>>;
}

/** Empty containers for the sinks of an app; several sinks may share one. */
export function fileStoreOf({ functions, rowKeys = {} }: SimApp, watch: Watch): FileStore {
  const containers: Record<string, SimBlobContainer> = {};
  const containerOf = (name: string): SimBlobContainer => {
    containers[name] ??= new SimBlobContainer((blob, before, after) =>
      watch.file(blob, before, after, (path) => containers[name]?.blobs.has(path) === true),
    );
    return containers[name];
  };
  const places = functions.flatMap(({ pipeline }) =>
    pipeline.plan.sinks.flatMap(({ name: sink, target }): FilePlace[] => {
      if (target.kind !== "blob") return [];
      const { container, prefix: path } = target;
      return [{ pipeline: pipeline.name, sink, container: containerOf(container), path, keyOf: rowKeys[sink] }];
    }),
  );
  return { places, containers };
}

/**
 * Loads what writes Parquet. Where Node.js reads modules asynchronously, that takes real time, in which the virtual time
 * of a run would go on; a second time it takes none.
 */
export async function loadWriters({ functions }: SimApp): Promise<void> {
  const writes = functions.some(({ pipeline }) => pipeline.plan.sinks.some(({ target }) => target.kind === "blob"));
  if (writes) await import("hyparquet-writer");
}
