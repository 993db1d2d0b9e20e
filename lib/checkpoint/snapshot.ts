import { writeBody } from "./body.ts";
import { pack, unpack } from "./codec.ts";
import { ByteWriter } from "./columns/byte-writer.ts";
import type { LogContext } from "./context.ts";
import { damaged, type LogPlace, placeOf } from "./errors.ts";
import { encodeFrame, type FrameKind, type RawFrame } from "./frame-format.ts";
import { APPEND_BYTES, SNAPSHOT_COMPRESSED_FROM } from "./limits.ts";
import { hexOf } from "./names.ts";
import { readFrames } from "./read-frames.ts";
import type { SnapshotRef, Status } from "./records.ts";
import { appendOwn } from "./reliable.ts";
import { packStatus, unpackStatus } from "./status.ts";

/** A committed frame whose outbox is kept, still encoded. */
export interface PendingBody {
  readonly sequence: number;
  readonly nonce: string;
  /** The frame's body, or the outbox parts of it. */
  readonly body: Uint8Array;
  /** Where it was found. */
  readonly place: LogPlace;
}

/** What a snapshot's last frame says: what came before it is whole. */
interface SnapshotEnd {
  /** Packed by itself; the plain record in snapshots that are older. */
  readonly status: Uint8Array | Status;
  readonly sequence: number;
}

/** Receives a snapshot piece by piece. */
export interface SnapshotVisitor {
  state(body: Uint8Array, place: LogPlace): void | Promise<void>;
  pending(pending: PendingBody): void;
  /** How much is read at a time. */
  readonly windowBytes?: number;
}

/** Reads a snapshot; throws LOG_MISSING, LOG_DAMAGED. */
export async function readSnapshot(
  { blobs, task }: LogContext,
  ref: SnapshotRef,
  generation: number,
  visitor: SnapshotVisitor,
): Promise<Status> {
  let count = 0;
  for await (const frame of readFrames(blobs, ref.name, 0, visitor.windowBytes)) {
    if (frame.generation !== generation || frame.sequence !== count++) {
      throw damaged("a frame of the snapshot is missing", ref.name, frame.offset);
    }
    const place = placeOf(task, frame);
    if (frame.kind === "part") await visitor.state(frame.body, place);
    else if (frame.kind === "pending") {
      const { sequence } = unpack<{ sequence: number }>(frame.status);
      visitor.pending({ sequence, nonce: hexOf(frame.nonce), body: frame.body, place });
    } else return readEnd(frame, ref);
  }
  throw damaged("the snapshot has no end", ref.name, ref.bytes);
}

function readEnd(frame: RawFrame, ref: SnapshotRef): Status {
  const { status, sequence } = unpack<SnapshotEnd>(frame.status);
  const whole = frame.kind === "end" && sequence === ref.sequence && frame.end === ref.bytes;
  if (whole) return status instanceof Uint8Array ? unpackStatus(status) : status;
  throw damaged("the snapshot is not the one that the log refers to", ref.name, frame.offset);
}

const SEND_BYTES = 512 * 1024;
const NOTHING = new Uint8Array(0);

/** Writes a snapshot piece by piece under a name of its own. */
export class SnapshotWriter {
  readonly #context: LogContext;
  readonly #generation: number;
  readonly #name: string;
  readonly #through: number;
  #position = 0;
  #count = 0;
  #created = false;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #batch: { store: string; bucket: number; entries: unknown[] }[] = [];
  #batchKeys = 0;
  readonly #part = new ByteWriter();

  constructor(context: LogContext, generation: number, through: number) {
    this.#context = context;
    this.#generation = generation;
    this.#through = through;
    this.#name = context.folder.blob("snapshot", generation, through, context.world.nonce());
  }

  /** Adds keys of one bucket; true when so many have come together that the caller should give way. */
  add(store: string, bucket: number, entries: unknown[]): boolean {
    if (entries.length === 0) return false;
    this.#batch.push({ store, bucket, entries });
    this.#batchKeys += entries.length / 2;
    if (this.#batchKeys < this.#context.limits.sliceItems) return false;
    this.#encodeBatch();
    return true;
  }

  addPending({ sequence, nonce, body }: PendingBody): void {
    this.#encodeBatch();
    this.#frame("pending", pack({ sequence }), body, Buffer.from(nonce, "hex"));
  }

  /** Sends what has come together, when it is enough to be worth a call; false when the blob was removed. */
  async send(): Promise<boolean> {
    return this.#waitingBytes < SEND_BYTES || this.#flush();
  }

  /** Ends the snapshot; undefined when the blob was removed meanwhile. */
  async end(status: Status, sequence: number): Promise<SnapshotRef | undefined> {
    this.#encodeBatch();
    this.#frame("end", pack({ status: packStatus(status), sequence } satisfies SnapshotEnd), NOTHING);
    if (!(await this.#flush())) return undefined;
    return { name: this.#name, through: this.#through, sequence, bytes: this.#position };
  }

  #encodeBatch(): void {
    if (this.#batch.length === 0) return;
    const rules = { sliceItems: Number.POSITIVE_INFINITY, compressedFrom: SNAPSHOT_COMPRESSED_FROM };
    for (const _ of writeBody(this.#part, { changes: this.#batch, outbox: [] }, rules)) {
      this.#frame("part", NOTHING, this.#part.written());
      this.#part.clear();
    }
    this.#batch = [];
    this.#batchKeys = 0;
  }

  #frame(kind: FrameKind, status: Uint8Array, body: Uint8Array, nonce: Uint8Array = this.#context.world.nonce()): void {
    const fields = {
      kind,
      generation: this.#generation,
      sequence: this.#count++,
      nonce,
      external: false,
      status,
      body,
    };
    const bytes = encodeFrame(fields);
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
  }

  async #flush(): Promise<boolean> {
    const { blobs } = this.#context;
    if (!this.#created) await blobs.createAppend(this.#name);
    this.#created = true;
    const bytes = Buffer.concat(this.#waiting);
    this.#waiting = [];
    this.#waitingBytes = 0;
    for (const piece of pieces(bytes)) {
      if ((await appendOwn(blobs, this.#name, this.#position, piece)) !== "own") return false;
      this.#position += piece.length;
    }
    return true;
  }
}

function* pieces(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += APPEND_BYTES) yield bytes.subarray(at, at + APPEND_BYTES);
}
