import { isUtf8 } from "node:buffer";
import { END_OF_TIME, NO_WATERMARK } from "../../engine/frame.ts";
import type { SideRecord } from "../../engine/side-record.ts";

/**
 * One line of NDJSON, newline included: the record with ISO times, the body as base64 (its exact bytes), and as text
 * too when it is UTF-8, for the eye.
 */
export function sideRecordLine(record: SideRecord): string {
  const { body, enqueuedTime, eventTime, watermark, properties, ...rest } = record;
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const line = {
    ...rest,
    enqueuedTime: isoTime(enqueuedTime),
    eventTime: isoTime(eventTime),
    watermark: isoTime(watermark),
    properties,
    body: bytes.toString("base64"),
    text: isUtf8(bytes) ? bytes.toString("utf8") : undefined,
  };
  return `${JSON.stringify(line, carriable)}\n`;
}

/** ISO 8601 in UTC; "start" and "end" for the two watermarks that are no time; the number itself when it is none. */
function isoTime(time: number | undefined): string | number | undefined {
  if (time === undefined) return undefined;
  if (time === END_OF_TIME) return "end";
  if (time === NO_WATERMARK) return "start";
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? time : date.toISOString();
}

// Application properties may hold what JSON does not know; they must never keep a dead letter from being written.
function carriable(_field: string, value: unknown): unknown {
  return typeof value === "bigint" ? value.toString() : value;
}
