import type { BlockBlobClient } from "@azure/storage-blob";
import type { FrameStamp } from "../engine/frame.ts";
import { SIDE_SINK, type SideKind, type SideRecord } from "../engine/side-record.ts";
import { ALL_DELIVERED, type DeliveryReport, type Sink, type SinkTask } from "../engine/sink.ts";
import { BlobWriter } from "./blob-writer.ts";
import { sideRecordLine } from "./side-output/line.ts";

export interface SideOutputOptions {
  /** The setting that holds the connection. Default "TidemarkStorage". */
  readonly connection?: string;
  /** Default "tidemark". Created when it is missing. */
  readonly container?: string;
}

const FOLDERS: Readonly<Record<SideKind, string>> = { "dead-letter": "dead-letters", late: "late" };

/** A frame up to this size goes in one request; a larger one in blocks that appear together. */
const SINGLE_PUT_BYTES = 16 * 1024 * 1024;

/**
 * Where dead letters and late events go: NDJSON blobs, one for each frame and kind, under a name that the frame
 * decides. Written twice they are the same blob.
 */
export function sideOutput(options: SideOutputOptions = {}): Sink<SideRecord> {
  const { connection = "TidemarkStorage", container = "tidemark" } = options;
  return {
    kind: "side-output",
    name: SIDE_SINK,
    target: { kind: "blob", connection, container, prefix: "" },
    open: async ({ world, connections }) => {
      return new SideOutputTask(new BlobWriter(world, () => connections.blobs(connection), container));
    },
  };
}

/** The name of the blob that holds a frame's records of one kind. */
export function sideBlobName(kind: SideKind, stamp: FrameStamp): string {
  const { pipeline, partition, generation, sequence, nonce } = stamp;
  return `${FOLDERS[kind]}/${pipeline}/${partition}/${generation}-${sequence}-${nonce}.ndjson`;
}

class SideOutputTask implements SinkTask<SideRecord> {
  readonly #writer: BlobWriter;

  constructor(writer: BlobWriter) {
    this.#writer = writer;
  }

  prepare(record: SideRecord): SideRecord {
    return record;
  }

  accept(prepared: unknown): unknown {
    return prepared;
  }

  async deliver(messages: readonly unknown[], stamp: FrameStamp, signal: AbortSignal): Promise<DeliveryReport> {
    const records = messages as readonly SideRecord[];
    for (const kind of ["dead-letter", "late"] as const) {
      const lines = records.filter((record) => record.kind === kind).map(sideRecordLine);
      if (lines.length === 0) continue;
      const content = Buffer.from(lines.join(""));
      await this.#writer.write(sideBlobName(kind, stamp), (blob) => upload(blob, content, signal), signal);
    }
    return ALL_DELIVERED;
  }

  async close(): Promise<void> {}
}

async function upload(blob: BlockBlobClient, content: Buffer, signal: AbortSignal): Promise<void> {
  await blob.uploadData(content, {
    maxSingleShotSize: SINGLE_PUT_BYTES,
    blobHTTPHeaders: { blobContentType: "application/x-ndjson" },
    abortSignal: signal,
  });
}
