import type { Frame, FrameStamp, LedgerCounts, PendingFrame, StateContents } from "../engine/frame.ts";
import type { TaskId } from "../engine/ports.ts";

/** The part of a plan that decides whether an old log fits: stateful stages, their kinds and versions, in order. */
export interface PlanShape {
  readonly pipeline: string;
  readonly stages: readonly StageShape[];
}

export interface StageShape {
  readonly stage: string;
  readonly kind: string;
  /** What the state depends on, as plain data: window size, aggregate names and kinds, bounds … */
  readonly parameters: unknown;
}

/** Where a task without a log begins; kept in its first frame. */
export interface StartPoint {
  readonly position: number;
  /** When the hub was created, milliseconds since the epoch. */
  readonly hubCreated: number;
  /** How many partitions the hub had; absent in logs that are older than this was kept. */
  readonly partitions?: number;
}

/** What opening a log gave back: everything the task needs to go on. */
export interface Recovered {
  readonly start: StartPoint;
  readonly generation: number;
  /** The sequence of the newest frame, the opening fence included. */
  readonly sequence: number;
  readonly position: number;
  readonly watermark: number;
  readonly state: StateContents;
  /** Undefined before the first data frame. */
  readonly ledger: LedgerCounts | undefined;
  readonly confirmed: number;
  /** Frames whose outbox may not have been delivered, oldest first. */
  readonly pending: readonly PendingFrame[];
  /** When, by the newest frame, silence will make the next result due; milliseconds since the epoch. */
  readonly idleDue: number | undefined;
  /** How often the log was opened in a row without a data frame in between, this opening included. */
  readonly openingsWithoutProgress: number;
}

/** The task's truth. Appends go one after the other; the first FENCED error ends it. */
export interface CheckpointLog {
  readonly recovered: Recovered;
  /** Appends one frame and resolves when it is durable; throws FENCED when another owner has taken over. */
  append(frame: Frame): Promise<FrameStamp>;
  /**
   * Whether another owner has fenced this one, looked up without taking over. Cheap: one conditional read of the tail.
   */
  superseded(): Promise<boolean>;
  close(): Promise<void>;
}

export interface CheckpointStore {
  /** Opens a task's log and fences every earlier owner. `start` is asked only when the task has no log yet. */
  open(task: TaskId, shape: PlanShape, start: () => Promise<StartPoint>): Promise<CheckpointLog>;
  /** The newest durable state of a task without taking over, or undefined when it has no log. */
  peek(task: TaskId): Promise<LogStatus | undefined>;
}

/** What an observer may know of a log. */
export interface LogStatus {
  readonly generation: number;
  readonly sequence: number;
  readonly position: number;
  readonly watermark: number;
  readonly confirmed: number;
  readonly pendingFrames: number;
  readonly start: StartPoint;
  readonly ledger: LedgerCounts | undefined;
  /** When, by the clock, silence alone will make the next result due; milliseconds since the epoch. */
  readonly idleDue: number | undefined;
}
