import { section, sectionCode, sectionValue, valueEnd } from "./amqp-encoding.ts";
import type { LogCursor } from "./partition-log.ts";

/*
 * A delivered event is the stored one with the service's three annotations ahead of the sender's own. They are filled
 * into a template, because one copy is cheaper than encoding a map for every event and every reader.
 */
const prefix = Buffer.from("\x00\x53\x72\xd1\0\0\0\0\0\0\0\0", "latin1");
const sequenceKey = Buffer.from("\xa3\x15x-opt-sequence-number\x81\0\0\0\0\0\0\0\0", "latin1");
const timeKey = Buffer.from("\xa3\x13x-opt-enqueued-time\x83\0\0\0\0\0\0\0\0", "latin1");
const offsetKey = Buffer.from("\xa3\x0cx-opt-offset\xa1\0", "latin1");
const template = Buffer.concat([prefix, sequenceKey, timeKey, offsetKey]);

const sizeAt = 4;
const countAt = 8;
const sequenceAt = prefix.length + sequenceKey.length - 8;
const timeAt = prefix.length + sequenceKey.length + timeKey.length - 8;
const offsetLengthAt = template.length - 1;
const longestOffset = 20;

/** How many bytes a delivered event is longer than the stored one, at most. */
export const deliveredOverhead = template.length + longestOffset;

/**
 * Writes the event under the cursor as it is delivered and returns where it ends. `deliveryAnnotations` is a whole
 * section that goes with it, or empty.
 */
export function writeDelivered(cursor: LogCursor, deliveryAnnotations: Buffer, target: Buffer, to: number): number {
  const { data, end } = cursor;
  let at = cursor.start;
  let out = to;
  if (begins(data, at, section.header)) {
    const next = valueEnd(data, at + 3, end);
    out += data.copy(target, out, at, next);
    at = next;
  }
  if (deliveryAnnotations.length > 0) out += deliveryAnnotations.copy(target, out);
  const annotations = out;
  template.copy(target, out);
  writeLong(target, out + sequenceAt, cursor.sequence);
  writeLong(target, out + timeAt, cursor.enqueuedTime);
  const digits = target.write(String(cursor.offset), out + template.length, "latin1");
  target[out + offsetLengthAt] = digits;
  out += template.length + digits;
  let count = 6;
  if (begins(data, at, section.messageAnnotations)) {
    const next = valueEnd(data, at + 3, end);
    const short = data[at + 3] === 0xc1;
    count += short ? (data[at + 5] as number) : data.readUInt32BE(at + 8);
    out += data.copy(target, out, at + (short ? 6 : 12), next);
    at = next;
  }
  target.writeUInt32BE(out - annotations - countAt, annotations + sizeAt);
  target.writeUInt32BE(count, annotations + countAt);
  return out + data.copy(target, out, at, end);
}

function begins(data: Buffer, at: number, code: number): boolean {
  return data[at + 2] === code && data[at + 1] === 0x53;
}

function writeLong(target: Buffer, at: number, value: number): void {
  target.writeInt32BE(Math.floor(value / 0x1_0000_0000), at);
  target.writeUInt32BE(value >>> 0, at + 4);
}

/** The section of delivery annotations of an encoded message; empty when it has none. */
export function deliveryAnnotationsOf(message: Buffer): Buffer {
  for (let at = 0; at < message.length; ) {
    const next = valueEnd(message, sectionValue(message, at), message.length);
    if (sectionCode(message, at, message.length) === section.deliveryAnnotations) return message.subarray(at, next);
    at = next;
  }
  return Buffer.alloc(0);
}
