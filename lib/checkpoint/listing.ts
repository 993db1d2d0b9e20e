import type { BlobItem } from "./blob-port.ts";
import { unpack } from "./codec.ts";
import type { LogContext } from "./context.ts";
import { missing } from "./errors.ts";
import type { BlobName } from "./names.ts";
import type { Marker } from "./records.ts";

export type ListedBlob = BlobName & BlobItem;

/** What lies in a task's folder. */
export interface Listing {
  /** The newest generation that has a marker; 0 when none has. */
  readonly generation: number;
  /** Segments of that generation, newest first. */
  readonly segments: readonly ListedBlob[];
  /** Segments, snapshots and payloads of all generations. */
  readonly blobs: readonly ListedBlob[];
  /** Tells two listings apart. */
  readonly print: string;
}

/** Lists a task's folder: one call. */
export async function listTask({ blobs, folder }: LogContext): Promise<Listing> {
  const items = await blobs.list(folder.path);
  const generation = items.reduce((newest, { name }) => Math.max(newest, folder.generationOf(name) ?? 0), 0);
  const listed = items.flatMap((item): ListedBlob[] => {
    const name = folder.parse(item.name);
    return name === undefined ? [] : [{ ...name, ...item }];
  });
  const segments = listed.filter((blob) => blob.kind === "log" && blob.generation === generation);
  segments.sort((a, b) => b.ordinal - a.ordinal);
  return { generation, segments, blobs: listed, print: items.map(({ name, size }) => `${name} ${size}`).join("\n") };
}

/** Reads a generation's marker; throws LOG_MISSING when it is gone. */
export async function readMarker({ blobs, folder }: LogContext, generation: number): Promise<Marker> {
  const name = folder.marker(generation);
  const bytes = await blobs.read(name, 0, MARKER_BYTES);
  if (bytes === undefined) throw missing(name, "it was there a moment ago");
  return unpack<Marker>(bytes);
}

const MARKER_BYTES = 64 * 1024;
