import type { LedgerCounts, SourceCounts, StageCounts } from "../engine/frame.ts";
import type { StartPoint } from "./checkpoint-log.ts";
import { pack, unpack } from "./codec.ts";
import type { Status } from "./records.ts";

/**
 * Every frame carries a status, and recovery reads the one of each: it is written by place, without the names of its
 * fields. What is added comes last.
 */
type PackedStatus = readonly [
  position: number,
  watermark: number,
  confirmed: number,
  pending: number,
  openings: number,
  idleDue: number | undefined,
  start: readonly [position: number, hubCreated: number, partitions: number | undefined],
  ledger: PackedLedger | undefined,
];

type PackedLedger = readonly [
  source: readonly [start: number, processed: number, lost: number, holes: number, control: number],
  stages: readonly string[],
  /** What was counted of every stage in turn, `WIDTH` numbers each. */
  counts: readonly number[],
];

const WIDTH = 9;

/** Holds the place of a column that nothing could ever be counted in. */
const NO_COLUMN = 0;

/** The bytes of a frame's status. */
export function packStatus(status: Status): Uint8Array {
  const { position, watermark, confirmed, pending, openings, idleDue, start, ledger } = status;
  return pack([
    ...[position, watermark, confirmed, pending, openings, idleDue],
    [start.position, start.hubCreated, start.partitions],
    ledger && packLedger(ledger),
  ]);
}

/** What `packStatus` packed; also the record of named fields that logs hold which are older. */
export function unpackStatus(bytes: Uint8Array): Status {
  const packed = unpack<PackedStatus | Status>(bytes);
  if (!isPacked(packed)) return packed;
  const [position, watermark, confirmed, pending, openings, idleDue, [from, hubCreated, partitions], counts] = packed;
  const start: StartPoint = { position: from, hubCreated, ...(partitions == null ? {} : { partitions }) };
  let ledger: LedgerCounts | undefined;
  return {
    ...{ start, position, watermark, confirmed, idleDue, pending, openings },
    // A recovery reads the status of every frame, and the ledger of the last.
    get ledger() {
      if (counts != null) ledger ??= unpackLedger(counts);
      return ledger;
    },
  };
}

function isPacked(status: PackedStatus | Status): status is PackedStatus {
  return Array.isArray(status);
}

function packLedger({ source, stages }: LedgerCounts): PackedLedger {
  const { start, processed, lost, holes, control } = source;
  const names: string[] = [];
  const counts: number[] = [];
  for (const row of stages) {
    names.push(row.stage);
    counts.push(row.in, row.passed, row.aggregated, row.filtered, row.late, row.deadLettered);
    counts.push(row.duplicate, NO_COLUMN, row.out);
  }
  return [[start, processed, lost, holes, control], names, counts];
}

function unpackLedger([[start, processed, lost, holes, control], names, counts]: PackedLedger): LedgerCounts {
  const source: SourceCounts = { start, processed, lost, holes, control };
  return { source, stages: names.map((stage, index) => unpackRow(stage, counts, index * WIDTH)) };
}

function unpackRow(stage: string, counts: readonly number[], at: number): StageCounts {
  const count = (column: number): number => counts[at + column] as number;
  return {
    stage,
    in: count(0),
    passed: count(1),
    aggregated: count(2),
    filtered: count(3),
    late: count(4),
    deadLettered: count(5),
    duplicate: count(6),
    out: count(8),
  };
}
