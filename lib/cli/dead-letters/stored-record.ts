import type { SideKind } from "../../engine/side-record.ts";

/** A dead letter or late event as it lies in storage. */
export interface StoredRecord {
  /** What people and commands call it: pipeline/partition/sequence number, or its frame when it was no event. */
  readonly id: string;
  readonly kind: SideKind;
  readonly pipeline: string;
  readonly partition: string;
  /** Of the checkpoint log that wrote it. */
  readonly generation: number;
  /** −1 when it never was a message of the hub. */
  readonly sequenceNumber: number;
  readonly stage: string;
  readonly reason: string;
  readonly stack?: string;
  /** How often the event was tried; absent when once. */
  readonly attempts?: number;
  /** ISO 8601. */
  readonly enqueuedTime?: string;
  /** ISO 8601; absent when the event has none. */
  readonly eventTime?: string;
  readonly watermark?: string;
  readonly key?: string;
  readonly properties: Readonly<Record<string, unknown>>;
  /** The original bytes in base64. */
  readonly body: string;
  /** The original bytes as text, when they are UTF-8. */
  readonly text?: string;
  /** The blob that holds it. */
  readonly blob: string;
}

const NAME = /^(?:dead-letters|late)\/[^/]+\/[^/]+\/(\d+)-(\d+)-[^/]*\.ndjson$/;

/** Reads the records of a blob; lines that are none are left out. */
export function parseRecords(blob: string, content: string): StoredRecord[] {
  const [, generation, sequence] = NAME.exec(blob) ?? [];
  if (generation === undefined) return [];
  const records: StoredRecord[] = [];
  for (const [number, line] of content.split("\n").entries()) {
    const record = line === "" ? undefined : parseLine(line);
    if (record === undefined) continue;
    const { pipeline, partition, sequenceNumber } = record;
    const place = sequenceNumber >= 0 ? sequenceNumber : `frame-${generation}-${sequence}-${number + 1}`;
    records.push({ ...record, id: `${pipeline}/${partition}/${place}`, generation: Number(generation), blob });
  }
  return records;
}

function parseLine(line: string): Omit<StoredRecord, "id" | "generation" | "blob"> | undefined {
  try {
    const value = JSON.parse(line) as StoredRecord;
    return typeof value.pipeline === "string" && typeof value.sequenceNumber === "number" ? value : undefined;
  } catch {
    return undefined;
  }
}
