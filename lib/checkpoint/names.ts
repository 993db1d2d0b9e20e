import type { TaskId } from "../engine/ports.ts";

/**
 * The blobs of one task, all under one folder:
 *
 *     generation/<generation>                        marker, created once: names the first segment
 *     log/<generation>/<ordinal>-<nonce>             segments of frames
 *     snapshot/<generation>/<ordinal>-<nonce>        folded state through the end of segment <ordinal>
 *     payload/<generation>/<ordinal>-<nonce>         bodies too large for a frame of segment <ordinal>
 *
 * Numbers are padded, so names sort as numbers do. The nonce keeps two owners from writing the same blob.
 */
export type BlobKind = "log" | "snapshot" | "payload";

export interface BlobName {
  readonly kind: BlobKind;
  readonly generation: number;
  readonly ordinal: number;
  readonly name: string;
}

/** The folder of all logs, where nothing else is said. */
export const LOGS_FOLDER = "checkpoints";

const DIGITS = 10;

/** Names of blobs in a task's folder. */
export class TaskFolder {
  readonly path: string;

  constructor(prefix: string, task: TaskId) {
    const parts = [task.pipeline, task.partition].map(encodeURIComponent);
    this.path = `${prefix === "" ? "" : `${prefix}/`}${parts.join("/")}/`;
  }

  marker(generation: number): string {
    return `${this.path}generation/${padded(generation)}`;
  }

  blob(kind: BlobKind, generation: number, ordinal: number, nonce: Uint8Array): string {
    return `${this.path}${kind}/${padded(generation)}/${padded(ordinal)}-${hexOf(nonce)}`;
  }

  /** The generation a marker's name stands for, or undefined when it is no marker. */
  generationOf(name: string): number | undefined {
    const match = /^generation\/(\d+)$/.exec(name.slice(this.path.length));
    return match === null ? undefined : Number(match[1]);
  }

  /** The parts of a blob's name, or undefined when it is none of the three kinds. */
  parse(name: string): BlobName | undefined {
    const match = /^(log|snapshot|payload)\/(\d+)\/(\d+)-[0-9a-f]+$/.exec(name.slice(this.path.length));
    if (match === null) return undefined;
    return { kind: match[1] as BlobKind, generation: Number(match[2]), ordinal: Number(match[3]), name };
  }
}

/** The task that a blob of this name belongs to; undefined when it is no blob of a log. */
export function taskOfBlob(name: string): TaskId | undefined {
  const [, pipeline, partition] = OF_A_LOG.exec(name) ?? [];
  if (pipeline === undefined || partition === undefined) return undefined;
  return { pipeline: decodeURIComponent(pipeline), partition: decodeURIComponent(partition) };
}

const OF_A_LOG = /([^/]+)\/([^/]+)\/(?:generation\/\d+|(?:log|snapshot|payload)\/\d+\/\d+-[0-9a-f]+)$/;

/** Lower-case hexadecimal. */
export function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex");
}

function padded(number: number): string {
  return String(number).padStart(DIGITS, "0");
}
