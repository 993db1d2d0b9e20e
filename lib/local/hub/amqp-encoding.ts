import { TidemarkError } from "../../errors.ts";

/** Codes of the sections of an AMQP 1.0 message, in the order in which they may come. */
export const section = {
  header: 0x70,
  deliveryAnnotations: 0x71,
  messageAnnotations: 0x72,
  properties: 0x73,
  applicationProperties: 0x74,
  data: 0x75,
  sequence: 0x76,
  value: 0x77,
  footer: 0x78,
} as const;

function malformed(what: string): TidemarkError {
  return new TidemarkError("DECODE_FAILED", `The message is not AMQP 1.0: ${what}.`);
}

/** The code of the section that begins at `at`; throws DECODE_FAILED when none does. */
export function sectionCode(bytes: Buffer, at: number, limit: number): number {
  if (at + 3 > limit || bytes[at] !== 0) throw malformed(`no section begins at byte ${at}`);
  const kind = bytes[at + 1];
  // A small unsigned long, as everybody writes it, or a long one.
  if (kind === 0x53) return bytes[at + 2] as number;
  if (kind === 0x80 && at + 10 <= limit && bytes.readUInt32BE(at + 2) === 0) return bytes.readUInt32BE(at + 6);
  throw malformed(`the section at byte ${at} has no known descriptor`);
}

/** Where the value of the section that begins at `at` begins. */
export function sectionValue(bytes: Buffer, at: number): number {
  return bytes[at + 1] === 0x53 ? at + 3 : at + 10;
}

/** Where the value whose constructor stands at `at` ends; throws DECODE_FAILED when that is behind `limit`. */
export function valueEnd(bytes: Buffer, at: number, limit: number): number {
  if (at >= limit) throw malformed(`a value is missing at byte ${at}`);
  const code = bytes[at] as number;
  const end = code === 0 ? valueEnd(bytes, valueEnd(bytes, at + 1, limit), limit) : at + 1 + width(bytes, at, limit);
  if (end > limit) throw malformed(`a value at byte ${at} is cut off`);
  return end;
}

/** Bytes behind the constructor; AMQP keeps them in its upper four bits. */
function width(bytes: Buffer, at: number, limit: number): number {
  switch ((bytes[at] as number) >>> 4) {
    case 0x4:
      return 0;
    case 0x5:
      return 1;
    case 0x6:
      return 2;
    case 0x7:
      return 4;
    case 0x8:
      return 8;
    case 0x9:
      return 16;
    case 0xa:
    case 0xc:
    case 0xe:
      if (at + 2 > limit) throw malformed(`a value at byte ${at} is cut off`);
      return 1 + (bytes[at + 1] as number);
    case 0xb:
    case 0xd:
    case 0xf:
      if (at + 5 > limit) throw malformed(`a value at byte ${at} is cut off`);
      return 4 + bytes.readUInt32BE(at + 1);
    default:
      throw malformed(`0x${(bytes[at] as number).toString(16)} at byte ${at} begins no value`);
  }
}

/** Where the entries of a map begin and how many keys and values it has together. */
export interface MapShape {
  readonly entries: number;
  readonly count: number;
}

export function mapShape(bytes: Buffer, at: number, end: number): MapShape {
  if (bytes[at] === 0xc1 && at + 3 <= end) return { entries: at + 3, count: bytes[at + 2] as number };
  if (bytes[at] === 0xd1 && at + 9 <= end) return { entries: at + 9, count: bytes.readUInt32BE(at + 5) };
  throw malformed(`no map begins at byte ${at}`);
}

/** The text of a string or symbol; undefined for any other value. */
export function textAt(bytes: Buffer, at: number, end: number): string | undefined {
  const code = bytes[at];
  if (code === 0xa1 || code === 0xa3) return bytes.toString("utf8", at + 2, end);
  if (code === 0xb1 || code === 0xb3) return bytes.toString("utf8", at + 5, end);
  return undefined;
}
