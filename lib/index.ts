/** All that a pipeline's author imports. */
export type { Aggregate } from "./aggregates/index.ts";
export { avg, count, first, last, max, min, quantile, sum } from "./aggregates/index.ts";
export { handle } from "./azure/handle.ts";
export { sweep, wakeUps } from "./azure/wake-ups.ts";
export type { FrameStamp } from "./engine/frame.ts";
export type { World } from "./engine/ports.ts";
export {
  ALL_DELIVERED,
  type Connections,
  type DeliveryReport,
  type RecordMeta,
  type Sink,
  type SinkContext,
  type SinkTarget,
  type SinkTask,
  WAITING,
} from "./engine/sink.ts";
export { type ErrorCode, TidemarkError } from "./errors.ts";
export { cosmos, files, toHub } from "./sinks/index.ts";
export { blobTable } from "./sources/blob-table.ts";
export { cosmosTable } from "./sources/cosmos-table.ts";
export type { Duration } from "./stream/duration.ts";
export type { OnError, Retry } from "./stream/on-error.ts";
export type { Pipeline } from "./stream/pipeline.ts";
export { Stream, stream, type WindowResult } from "./stream/stream.ts";
export { type Table, table } from "./stream/table.ts";
export { type TumblingWindow, tumbling } from "./stream/window.ts";
