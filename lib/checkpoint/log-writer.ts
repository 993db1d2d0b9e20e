import { crc32 } from "node:zlib";
import { pack } from "./codec.ts";
import { ByteWriter } from "./columns/byte-writer.ts";
import type { LogContext } from "./context.ts";
import { tooLarge } from "./errors.ts";
import { beginFrame, endFrame, type FrameKind, writeFrame } from "./frame-format.ts";
import type { PayloadRef, Rotation, SegmentHeader, SnapshotRef, Status } from "./records.ts";
import { appendOwn, type OwnAppendOutcome, writeOwn } from "./reliable.ts";
import { createSegment, type EmptySegment } from "./segment.ts";
import { packStatus } from "./status.ts";

/** Where a log can be written on. */
export interface LogEnd {
  readonly segment: string;
  readonly ordinal: number;
  /** Length of the segment in bytes. */
  readonly position: number;
  /** Frames in the segment; at least as many as it has blocks. */
  readonly appends: number;
}

export interface Written {
  readonly outcome: OwnAppendOutcome;
  readonly sequence: number;
  readonly nonce: Uint8Array;
  /** The segment that this append closed. */
  readonly closed: LogEnd | undefined;
}

/** The one hand that writes a log: every append is one conditional write of one or more frames. */
export class LogWriter {
  end: LogEnd;
  sequence: number;
  /** Size of the newest snapshot: decides when a segment has grown large beside it. */
  snapshotBytes = 0;
  readonly generation: number;
  readonly #context: LogContext;
  readonly #header: SegmentHeader;
  #candidate: EmptySegment | undefined;
  #preparing: Promise<void> | undefined;
  /** What is being appended: nothing of it is sent any more once the append is done. */
  readonly #bytes = new ByteWriter();

  constructor(context: LogContext, generation: number, header: SegmentHeader, end: LogEnd, sequence: number) {
    this.#context = context;
    this.generation = generation;
    this.#header = header;
    this.end = end;
    this.sequence = sequence;
  }

  /**
   * Appends a frame whose body `writeBody` writes, with a reference to a snapshot behind it if one is given and, when the
   * segment is full, with the rotation to the next. Throws LIMIT_EXCEEDED before anything is sent.
   */
  async append(
    kind: "fence" | "data",
    status: Status,
    writeBody: (writer: ByteWriter) => Promise<void> | void,
    snapshot: SnapshotRef | undefined,
  ): Promise<Written> {
    const { task, limits, world, blobs } = this.#context;
    const { generation } = this;
    const writer = this.#bytes;
    const nonce = world.nonce();
    const packed = packStatus(status);
    if (packed.length > STATUS_BYTES) throw tooLarge(task, "statusBytes", STATUS_BYTES, packed.length);
    writer.clear();
    const frame = beginFrame(writer, packed);
    await writeBody(writer);
    const size = writer.length - frame.body;
    if (size > limits.frameBytes) throw tooLarge(task, "frameBytes", limits.frameBytes, size);
    const external = size > limits.inlineBytes;
    if (external) {
      const reference = await this.#writePayload(writer.written().subarray(frame.body), nonce);
      writer.length = frame.body;
      writer.append(reference);
    }
    const next = await this.#nextSegment(kind === "fence");

    const sequence = this.sequence + 1;
    endFrame(writer, frame, { kind, generation, sequence, nonce, external });
    let frames = 1;
    const add = (of: FrameKind, body: Uint8Array): void => {
      const fields = { kind: of, generation, sequence, nonce: world.nonce(), external: false, status: packed, body };
      writeFrame(writer, fields);
      frames++;
    };
    if (snapshot) add("snapshot", pack(snapshot));
    if (next) add("rotate", pack({ next: next.name } satisfies Rotation));
    const bytes = writer.written();

    const outcome = await appendOwn(blobs, this.end.segment, this.end.position, bytes);
    const closed = outcome === "own" ? this.#advance(sequence, bytes.length, frames, next) : undefined;
    return { outcome, sequence, nonce, closed };
  }

  #advance(sequence: number, bytes: number, frames: number, next: EmptySegment | undefined): LogEnd | undefined {
    const before: LogEnd = {
      ...this.end,
      position: this.end.position + bytes,
      appends: this.end.appends + frames,
    };
    this.sequence = sequence;
    this.end = before;
    if (next === undefined) return undefined;
    this.end = { segment: next.name, ordinal: next.ordinal, position: next.length, appends: 0 };
    this.#candidate = undefined;
    return before;
  }

  /** The segment to rotate to, when it is time and one is ready; preparing one holds up nobody unless it must. */
  async #nextSegment(wait: boolean): Promise<EmptySegment | undefined> {
    if (!this.#isFull()) return undefined;
    if (this.#candidate === undefined) {
      this.#preparing ??= this.#prepare().finally(() => {
        this.#preparing = undefined;
      });
      this.#preparing.catch(() => {});
      if (wait || this.end.appends >= this.#context.limits.segmentAppends * LAST_CALL) await this.#preparing;
    }
    return this.#candidate;
  }

  async #prepare(): Promise<void> {
    const { segment, ordinal } = this.end;
    const { shape, start } = this.#header;
    const header = { ordinal: ordinal + 1, previous: segment, shape, start };
    this.#candidate = await createSegment(this.#context, this.generation, header);
  }

  #isFull(): boolean {
    const { segmentAppends, segmentBytes, tailBytes } = this.#context.limits;
    const { appends, position } = this.end;
    return (
      appends >= segmentAppends ||
      position >= segmentBytes ||
      position >= Math.max(tailBytes, this.snapshotBytes * SNAPSHOT_SHARE)
    );
  }

  async #writePayload(body: Uint8Array, nonce: Uint8Array): Promise<Uint8Array> {
    const { folder, blobs } = this.#context;
    const name = folder.blob("payload", this.generation, this.end.ordinal, nonce);
    await writeOwn(blobs, name, body);
    return pack({ name, bytes: body.length, crc: crc32(body) } satisfies PayloadRef);
  }
}

const STATUS_BYTES = 512 * 1024;
const SNAPSHOT_SHARE = 0.5;
/** A segment that is overdue by so many times its appends waits for the next: the service takes 50,000 blocks a blob. */
const LAST_CALL = 9;
