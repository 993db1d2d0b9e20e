import type { LedgerCounts } from "../engine/frame.ts";
import type { PlanShape, StartPoint } from "./checkpoint-log.ts";

/** What a segment's first frame says. */
export interface SegmentHeader {
  readonly pipeline: string;
  readonly partition: string;
  readonly ordinal: number;
  /** The segment that must name this one in its last frame; undefined for the first of a generation. */
  readonly previous: string | undefined;
  readonly shape: PlanShape;
  readonly start: StartPoint;
}

/** What every other frame of a segment says beside its body. */
export interface Status {
  readonly start: StartPoint;
  readonly position: number;
  readonly watermark: number;
  readonly confirmed: number;
  readonly ledger: LedgerCounts | undefined;
  readonly idleDue: number | undefined;
  /** Data frames with an outbox that is not confirmed, this one included. */
  readonly pending: number;
  /** Fences since the newest data frame. */
  readonly openings: number;
}

/** Body of a rotate frame: the segment where the log goes on, or undefined when it was reset. */
export interface Rotation {
  readonly next: string | undefined;
}

/** Body of a frame that refers to a snapshot: the folded log through the end of one segment. */
export interface SnapshotRef {
  readonly name: string;
  /** Ordinal of the last segment that it covers. */
  readonly through: number;
  /** Sequence of the last frame that it covers. */
  readonly sequence: number;
  readonly bytes: number;
}

/** Body of an external frame: where the body really is. */
export interface PayloadRef {
  readonly name: string;
  readonly bytes: number;
  readonly crc: number;
}

/** Contents of a marker: the generation's first segment, or undefined for a generation that was only reserved. */
export interface Marker {
  readonly generation: number;
  readonly root: string | undefined;
}
