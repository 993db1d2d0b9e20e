import { closeSync, fdatasync, ftruncateSync, openSync, readFileSync, readSync, writeSync, writevSync } from "node:fs";
import { crc32 } from "node:zlib";
import { SegmentContent } from "./segment-content.ts";

/*
 * A segment file is a run of records, one for each appended batch:
 *
 *   0  magic "TMHB"           4  crc32 of all that follows in the record
 *   8  payload bytes         12  events
 *  16  enqueued time, f64    24  sequence number of the first event, f64
 *  32  where each event ends in the payload, u32 each; then the payload
 *
 * An append is handed to the operating system before it is acknowledged, so killing the process loses nothing that was
 * acknowledged. There is no fsync per batch: a power cut may lose what the system had not written back yet, usually the
 * last seconds of the newest segment. What is torn then is cut off at the next open.
 */
const magic = 0x42484d54;
const headerBytes = 32;
const smallRecord = 32 * 1024;

/** Copying a small record together and writing it at once costs less than a gathering write. */
const scratch = Buffer.allocUnsafeSlow(smallRecord);

/** Appends records to one segment file. */
export class SegmentWriter {
  readonly #fd: number;
  #position: number;

  private constructor(fd: number, position: number) {
    this.#fd = fd;
    this.#position = position;
  }

  /** Opens the file for appending behind `position` and cuts off anything that stands there. */
  static open(path: string, position: number): SegmentWriter {
    const fd = openSync(path, position === 0 ? "w" : "r+");
    if (position > 0) ftruncateSync(fd, position);
    return new SegmentWriter(fd, position);
  }

  /** Writes the batch that begins with event `first` of `content`; its bodies lie behind `content.bytes`. */
  append(content: SegmentContent, events: number, sequence: number, enqueuedTime: number): void {
    const start = content.bytes;
    const end = content.ends[content.count + events - 1] as number;
    const indexEnd = headerBytes + events * 4;
    const size = indexEnd + end - start;
    const record = size <= smallRecord ? scratch : Buffer.allocUnsafe(indexEnd);
    record.writeUInt32LE(magic, 0);
    record.writeUInt32LE(end - start, 8);
    record.writeUInt32LE(events, 12);
    record.writeDoubleLE(enqueuedTime, 16);
    record.writeDoubleLE(sequence, 24);
    for (let i = 0, at = headerBytes; i < events; i++, at += 4) {
      record.writeUInt32LE((content.ends[content.count + i] as number) - start, at);
    }
    if (size <= smallRecord) {
      content.data.copy(record, indexEnd, start, end);
      record.writeUInt32LE(crc32(record.subarray(8, size)), 4);
      writeAll(this.#fd, record.subarray(0, size), this.#position);
    } else {
      const payload = content.data.subarray(start, end);
      record.writeUInt32LE(crc32(payload, crc32(record.subarray(8, indexEnd))), 4);
      const written = writevSync(this.#fd, [record, payload], this.#position);
      if (written < size) {
        writeAll(this.#fd, Buffer.concat([record, payload]).subarray(written), this.#position + written);
      }
    }
    this.#position += size;
  }

  close(): void {
    closeSync(this.#fd);
  }

  /** Closes once the disk has it; whoever reads the file meanwhile sees all of it. */
  closeDurably(): Promise<void> {
    return new Promise((resolve) => {
      fdatasync(this.#fd, () => {
        closeSync(this.#fd);
        resolve();
      });
    });
  }
}

function writeAll(fd: number, bytes: Buffer, position: number): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at, bytes.length - at, position + at);
}

/** What a segment file holds, and how many of its bytes are whole records. */
export interface LoadedSegment {
  readonly content: SegmentContent;
  readonly validBytes: number;
}

/** Reads a segment file up to its end or the first record that is torn or out of sequence. */
export function loadSegment(path: string, firstSequence: number): LoadedSegment {
  const file = readFileSync(path);
  const total = measure(file, firstSequence);
  const content = new SegmentContent({
    bytes: Math.max(total.bytes, 4096),
    events: Math.max(total.events, 64),
    batches: Math.max(total.batches, 16),
  });
  for (let at = 0; at < total.validBytes; ) at = copyRecord(file, at, content);
  return { content, validBytes: total.validBytes };
}

function measure(file: Buffer, firstSequence: number) {
  const total = { bytes: 0, events: 0, batches: 0, validBytes: 0 };
  for (;;) {
    const end = recordEnd(file, total.validBytes, firstSequence + total.events);
    if (end === undefined) return total;
    total.bytes += file.readUInt32LE(total.validBytes + 8);
    total.events += file.readUInt32LE(total.validBytes + 12);
    total.batches++;
    total.validBytes = end;
  }
}

function recordEnd(file: Buffer, at: number, sequence: number): number | undefined {
  if (at + headerBytes > file.length || file.readUInt32LE(at) !== magic) return undefined;
  const events = file.readUInt32LE(at + 12);
  const end = at + headerBytes + events * 4 + file.readUInt32LE(at + 8);
  if (events === 0 || end > file.length || file.readDoubleLE(at + 24) !== sequence) return undefined;
  return crc32(file.subarray(at + 8, end)) === file.readUInt32LE(at + 4) ? end : undefined;
}

function copyRecord(file: Buffer, at: number, content: SegmentContent): number {
  const payloadBytes = file.readUInt32LE(at + 8);
  const events = file.readUInt32LE(at + 12);
  const payload = at + headerBytes + events * 4;
  content.reserve(events, payloadBytes);
  for (let i = 0; i < events; i++) {
    content.ends[content.count + i] = content.bytes + file.readUInt32LE(at + headerBytes + i * 4);
  }
  file.copy(content.data, content.bytes, payload, payload + payloadBytes);
  content.commit(events, file.readDoubleLE(at + 16));
  return payload + payloadBytes;
}

/** When the first batch of a segment file was enqueued; undefined when not even its header is whole. */
export function firstEnqueuedTime(path: string): number | undefined {
  const header = Buffer.alloc(headerBytes);
  const fd = openSync(path, "r");
  try {
    const read = readSync(fd, header, 0, headerBytes, 0);
    return read === headerBytes && header.readUInt32LE(0) === magic ? header.readDoubleLE(16) : undefined;
  } finally {
    closeSync(fd);
  }
}
