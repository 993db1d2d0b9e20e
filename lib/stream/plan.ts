import type { PlanShape } from "../checkpoint/checkpoint-log.ts";
import type { Operator, StageOpening } from "../engine/operator.ts";
import type { Sink } from "../engine/sink.ts";
import type { OnError } from "./on-error.ts";
import type { Schema } from "./schema.ts";
import type { Table } from "./table.ts";

/**
 * A pipeline as data: what the engine runs, and what the topology picture, the infrastructure manifest and the upgrade
 * check read. Making one does no I/O.
 */
export interface Plan {
  readonly name: string;
  readonly source: SourceNode;
  readonly stages: readonly StageNode[];
  readonly sinks: readonly Sink<never>[];
}

export interface SourceNode {
  readonly schema: Schema<unknown>;
  readonly time: TimeNode | undefined;
  /** What becomes of an event that cannot be read: its schema or its event time throws. */
  readonly onError?: OnError | undefined;
}

/** How event time is read and how its watermark moves. All times in milliseconds. */
export interface TimeNode {
  /** Reads the event time from a decoded event. */
  readonly read: (value: never) => EventTime;
  readonly watermark: WatermarkNode;
  /** How long the hub must be silent before its watermark moves on with time; undefined: never. */
  readonly idle: number | undefined;
  /** An event time further ahead of the enqueued time than this is refused. */
  readonly ahead: number;
}

export type WatermarkNode = { readonly kind: "out-of-order"; readonly bound: number } | { readonly kind: "upstream" };

/** An instant: a Date, an ISO 8601 text, or milliseconds since the epoch. */
export type EventTime = Date | string | number;

export interface StageNode {
  readonly kind: string;
  readonly name: string;
  /** What the stage's state depends on; undefined for a stage without state. */
  readonly state?: Readonly<Record<string, unknown>>;
  /** How much later than the watermark its outputs may be, in milliseconds: what is downstream sees that much less. */
  readonly hold?: number;
  /** How much longer than lateness allows its state is kept for events that are brought back, in milliseconds. */
  readonly keep?: number;
  /** Whether one input may give several outputs. */
  readonly fansOut?: boolean;
  readonly tables?: readonly Table<unknown>[];
  /** What becomes of an event when the stage's code throws. No state depends on it: it may change at any time. */
  readonly onError?: OnError | undefined;
  readonly open: (opening: StageOpening) => Operator;
}

/** The part of the plan that an old checkpoint log must fit. */
export function shapeOf(plan: Plan): PlanShape {
  const stages = plan.stages.flatMap(({ name, kind, state }) =>
    state === undefined ? [] : [{ stage: name, kind, parameters: state }],
  );
  return { pipeline: plan.name, stages };
}

/** The tables that a plan's stages look things up in, each once. */
export function tablesOf(plan: Plan): readonly Table<unknown>[] {
  return [...new Set(plan.stages.flatMap((stage) => stage.tables ?? []))];
}
