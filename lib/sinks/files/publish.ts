import type { BlockBlobClient } from "@azure/storage-blob";
import type { FrameStamp } from "../../engine/frame.ts";
import type { TaskId } from "../../engine/ports.ts";
import { resetCommand } from "../../engine/reset-command.ts";
import type { DeliveryReport } from "../../engine/sink.ts";
import { messageOf, TidemarkError } from "../../errors.ts";
import type { BlobWriter } from "../blob-writer.ts";
import { taskName } from "../cosmos/fence.ts";
import type { Encoder, Origin } from "./encoder.ts";
import { LIMITS } from "./limits.ts";
import type { FileNames } from "./names.ts";
import type { Row } from "./rows.ts";

/** A file on its way, as the frame holds it. */
export type FileMessage = readonly [batch: number, part: number, folder: string, rows: readonly Row[]];

/** An entry of the manifest: its files count, together, once the entry is there. */
export interface ManifestEntry {
  readonly pipeline: string;
  readonly partition: string;
  readonly generation: number;
  readonly batch: number;
  /** Of the frame that held the rows. */
  readonly sequence: number;
  readonly files: readonly { readonly path: string; readonly rows: number }[];
}

type Refused = DeliveryReport["refused"][number];

/** Writes a frame's files and then, for each batch of them, the entry of the manifest that makes them count. */
export class Publisher {
  readonly #writer: BlobWriter;
  readonly #names: FileNames;
  readonly #encoder: Encoder;

  constructor(writer: BlobWriter, names: FileNames, encoder: Encoder) {
    this.#writer = writer;
    this.#names = names;
    this.#encoder = encoder;
  }

  async publish(messages: readonly FileMessage[], stamp: FrameStamp, signal: AbortSignal): Promise<readonly Refused[]> {
    const refused: Refused[] = [];
    for (const [batch, files] of Map.groupBy(messages, ([number]) => number)) {
      const written = await this.#writeFiles(files, stamp, refused, signal);
      const { pipeline, partition, generation, sequence } = stamp;
      const entry: ManifestEntry = { pipeline, partition, generation, batch, sequence, files: written };
      const content = Buffer.from(`${JSON.stringify(entry)}\n`);
      await this.#create(this.#names.manifest(stamp, batch), content, "application/json", stamp, signal);
    }
    return refused;
  }

  async #writeFiles(
    files: readonly FileMessage[],
    stamp: FrameStamp,
    refused: Refused[],
    signal: AbortSignal,
  ): Promise<ManifestEntry["files"]> {
    const written: ManifestEntry["files"][number][] = [];
    for (let at = 0; at < files.length; at += LIMITS.uploads) {
      const some = files.slice(at, at + LIMITS.uploads).map(async ([batch, part, folder, rows]) => {
        const path = this.#names.file(stamp, folder, batch, part);
        // The columns may have changed since the rows were committed.
        const fit = rows.filter((row) => this.#fits(row, refused));
        const origin: Origin = { _task: taskName(stamp), _generation: stamp.generation, _batch: batch };
        const content = await this.#encoder.encode(fit, origin);
        if (fit.length > 0) await this.#create(path, content, this.#encoder.contentType, stamp, signal);
        return { path, rows: fit.length };
      });
      // All come to rest before an error goes up, so that nothing is in flight when the frame is tried again.
      const settled = await Promise.allSettled(some);
      for (const result of settled) {
        if (result.status === "rejected") throw result.reason;
        if (result.value.rows > 0) written.push(result.value);
      }
    }
    return written;
  }

  #fits(row: Row, refused: Refused[]): boolean {
    try {
      this.#encoder.check(row);
      return true;
    } catch (thrown) {
      refused.push({ message: row, reason: messageOf(thrown) });
      return false;
    }
  }

  /** Creates a blob, whole and once; a second time it is the same. */
  #create(name: string, content: Buffer, contentType: string, stamp: FrameStamp, signal: AbortSignal): Promise<void> {
    return this.#writer.write(name, (blob) => createOnce(blob, content, contentType, stamp, signal), signal);
  }
}

async function createOnce(
  blob: BlockBlobClient,
  content: Buffer,
  blobContentType: string,
  stamp: FrameStamp,
  abortSignal: AbortSignal,
): Promise<void> {
  const frame = `${taskName(stamp)};${stamp.generation};${stamp.sequence};${stamp.nonce}`;
  try {
    await blob.upload(content, content.length, {
      conditions: { ifNoneMatch: "*" },
      metadata: { tidemark: frame },
      blobHTTPHeaders: { blobContentType },
      abortSignal,
    });
  } catch (error) {
    if ((error as { readonly statusCode?: unknown }).statusCode !== 409) throw error;
    const { metadata } = await blob.getProperties({ abortSignal });
    judge(blob.name, metadata?.tidemark, frame, stamp);
  }
}

/** A blob that is there already must be this very one: a frame's nonce stands for all that it holds. */
function judge(name: string, stored: string | undefined, mine: string, task: TaskId): void {
  if (stored === mine) return;
  if (stored === undefined) {
    throw new TidemarkError("FOREIGN_DOCUMENT", `Blob "${name}" was not written by Tidemark and is not overwritten.`, {
      fix: "Write to a path of its own, or delete that blob.",
    });
  }
  throw new TidemarkError(
    "LOG_DAMAGED",
    `Blob "${name}" was written by frame ${stored}, not by ${mine}: the checkpoint log went back, as after a storage failover that lost writes.`,
    { fix: `Reset its log so that it begins a new generation: ${resetCommand(task.pipeline, task.partition)}.` },
  );
}
