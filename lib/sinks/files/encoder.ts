import type { Row } from "./rows.ts";

/** Where a file's rows come from: the fields that every row gets. */
export interface Origin {
  /** "pipeline/partition". */
  readonly _task: string;
  /** Of the task's log. */
  readonly _generation: number;
  /** Numbers the commits of a task and generation that wrote rows, without a gap. */
  readonly _batch: number;
}

/** A file format. */
export interface Encoder {
  readonly ending: string;
  readonly contentType: string;
  /** Throws SINK_REFUSED for a row that the format cannot hold. */
  check(row: Row): void;
  /** The bytes of a file; the same for the same rows. */
  encode(rows: readonly Row[], origin: Origin): Promise<Buffer>;
}
