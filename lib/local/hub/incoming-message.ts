import { TidemarkError } from "../../errors.ts";
import { mapShape, section, sectionCode, sectionValue, textAt, valueEnd } from "./amqp-encoding.ts";

/** What a publisher sent, taken apart only as far as storing it needs. */
export interface IncomingMessages {
  readonly bytes: Buffer;
  /** Where each message begins and ends in `bytes`, in turn. */
  readonly bounds: readonly number[];
  readonly partitionKey: string | undefined;
}

/** The message format of a batch: each data section of the envelope holds one whole message. */
export const batchFormat = 0x80013700;

const partitionKeyName = "x-opt-partition-key";

/** Throws DECODE_FAILED for what is not AMQP. */
export function readBatch(envelope: Buffer): IncomingMessages {
  const bounds: number[] = [];
  let partitionKey: string | undefined;
  for (let at = 0; at < envelope.length; ) {
    const code = sectionCode(envelope, at, envelope.length);
    const value = sectionValue(envelope, at);
    const end = valueEnd(envelope, value, envelope.length);
    if (code === section.messageAnnotations) partitionKey = findText(envelope, value, end, partitionKeyName);
    else if (code === section.data) bounds.push(envelope[value] === 0xa0 ? value + 2 : value + 5, end);
    at = end;
  }
  return { bytes: envelope, bounds, partitionKey };
}

/** Throws DECODE_FAILED for what is not AMQP. */
export function readSingle(message: Buffer): IncomingMessages {
  let partitionKey: string | undefined;
  for (let at = 0; at < message.length; ) {
    const code = sectionCode(message, at, message.length);
    if (code > section.messageAnnotations) break;
    const value = sectionValue(message, at);
    const end = valueEnd(message, value, message.length);
    if (code === section.messageAnnotations) partitionKey = findText(message, value, end, partitionKeyName);
    at = end;
  }
  return { bytes: message, bounds: [0, message.length], partitionKey };
}

function findText(bytes: Buffer, map: number, end: number, name: string): string | undefined {
  const { entries, count } = mapShape(bytes, map, end);
  for (let i = 0, at = entries; i < count; i += 2) {
    const keyEnd = valueEnd(bytes, at, end);
    const entryEnd = valueEnd(bytes, keyEnd, end);
    if (textAt(bytes, at, keyEnd) === name) return textAt(bytes, keyEnd, entryEnd);
    at = entryEnd;
  }
  return undefined;
}

/** How many bytes more than it had a message may take when stored: a map with a long header instead of a short one. */
export const storedOverhead = 16;

/**
 * Copies the message between `start` and `end` as it is to be stored, and returns where the copy ends: a header and
 * annotations only if they say something, without the annotations that are the service's to give. Throws DECODE_FAILED.
 */
export function writeStored(bytes: Buffer, start: number, end: number, target: Buffer, to: number): number {
  let out = to;
  let at = start;
  for (; at < end; ) {
    const code = sectionCode(bytes, at, end);
    if (code > section.messageAnnotations) break;
    const value = sectionValue(bytes, at);
    const next = valueEnd(bytes, value, end);
    if (code === section.header && !isEmptyList(bytes, value)) out = copySection(bytes, code, value, next, target, out);
    if (code === section.messageAnnotations) out = writeAnnotations(bytes, value, next, target, out);
    at = next;
  }
  // Most events carry empty properties, which say nothing.
  if (bytes[at + 2] === section.properties && bytes[at + 1] === 0x53 && bytes[at + 3] === 0x45) at += 4;
  checkSections(bytes, at, end);
  bytes.copy(target, out, at, end);
  return out + end - at;
}

function checkSections(bytes: Buffer, start: number, end: number): void {
  let body = false;
  for (let at = start; at < end; ) {
    const code = sectionCode(bytes, at, end);
    if (code >= section.data && code <= section.value) body = true;
    at = valueEnd(bytes, sectionValue(bytes, at), end);
  }
  if (!body) throw new TidemarkError("DECODE_FAILED", "The message is not AMQP 1.0: it has no body.");
}

function isEmptyList(bytes: Buffer, at: number): boolean {
  return bytes[at] === 0x45 || (bytes[at] === 0xc0 && bytes[at + 2] === 0);
}

function copySection(bytes: Buffer, code: number, value: number, end: number, target: Buffer, to: number): number {
  target[to] = 0;
  target[to + 1] = 0x53;
  target[to + 2] = code;
  bytes.copy(target, to + 3, value, end);
  return to + 3 + end - value;
}

const serviceAnnotations = new Set([
  "x-opt-sequence-number",
  "x-opt-offset",
  "x-opt-enqueued-time",
  "x-opt-publisher",
  "x-opt-partition-id",
]);

function writeAnnotations(bytes: Buffer, value: number, end: number, target: Buffer, to: number): number {
  const { entries, count } = mapShape(bytes, value, end);
  if (count === 0) return to;
  const kept: [number, number][] = [];
  for (let i = 0, at = entries; i < count; i += 2) {
    const keyEnd = valueEnd(bytes, at, end);
    const entryEnd = valueEnd(bytes, keyEnd, end);
    if (!serviceAnnotations.has(textAt(bytes, at, keyEnd) ?? "")) kept.push([at, entryEnd]);
    at = entryEnd;
  }
  if (kept.length * 2 === count) return copySection(bytes, section.messageAnnotations, value, end, target, to);
  if (kept.length === 0) return to;
  let out = to + 12;
  for (const [from, until] of kept) out += bytes.copy(target, out, from, until);
  target.set([0, 0x53, section.messageAnnotations, 0xd1], to);
  target.writeUInt32BE(out - to - 8, to + 4);
  target.writeUInt32BE(kept.length * 2, to + 8);
  return out;
}
