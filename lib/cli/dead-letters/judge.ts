import type { LogStatus } from "../../checkpoint/index.ts";
import { eventTimeOf } from "../../engine/event-time.ts";
import { formatDuration } from "../../stream/duration.ts";
import type { Plan } from "../../stream/plan.ts";
import { validate } from "../../stream/schema.ts";
import type { StoredRecord } from "./stored-record.ts";

/** Why a record cannot go through the pipeline again; undefined when it can. */
export function obstacleOf(record: StoredRecord, plan: Plan): string | undefined {
  if (record.body === "")
    return "it has no body: it stands for events that the hub no longer holds, or for an empty message";
  const stage = plan.stages.findIndex(({ name }) => name === record.stage);
  if (record.sequenceNumber < 0 && stage < 0) {
    return `it is what sink "${record.stage}" was sent, no event of the source`;
  }
  const before = plan.stages.slice(0, stage === -1 ? plan.stages.length : stage);
  // "source" comes before all stages, a sink after them.
  if (record.stage === "source") return undefined;
  const window = before.find(({ kind }) => kind === "aggregate");
  if (window) return `it is a result of "${window.name}", no event of the source`;
  const split = record.kind === "late" ? before.find(({ kind }) => kind === "flatMap") : undefined;
  if (split) return `"${split.name}" made several values of its event, and others of them may have passed`;
  return undefined;
}

/** Why a record of before a reset is left to the replay; undefined where the replay does not reach it. */
export function replayOf({ generation, sequenceNumber }: StoredRecord, log: LogStatus): string | undefined {
  if (generation >= log.generation || sequenceNumber < log.start.position) return undefined;
  return "its log was reset since, and what followed has read the event itself, or will: beside that, it would count twice";
}

/** The record's event time by today's code, milliseconds since the epoch; undefined when it cannot be read. */
export function eventTimeNow(record: StoredRecord, plan: Plan): number | undefined {
  const { time, schema } = plan.source;
  if (time === undefined) return undefined;
  const bytes = Buffer.from(record.body, "base64");
  const enqueuedTime = Date.parse(record.enqueuedTime ?? "") || 0;
  const event = { sequenceNumber: 0, enqueuedTime, partitionKey: record.key, properties: {}, body: bytes };
  try {
    return eventTimeOf(time, validate(schema, JSON.parse(bytes.toString("utf8"))), event);
  } catch {
    const before = Date.parse(record.eventTime ?? "");
    return Number.isNaN(before) ? undefined : before;
  }
}

/** Why an event is late by a watermark, both in milliseconds since the epoch; undefined when it is not. */
export function latenessOf(time: number, watermark: number, plan: Plan): string | undefined {
  for (const { kind, name, state, hold = 0 } of plan.stages) {
    const { within, size } = (state ?? {}) as { within?: number; size?: number };
    if (kind === "dedupe" && within !== undefined && time + within <= watermark) {
      return `"${name}" has forgotten what it knew of that time`;
    }
    if (kind === "aggregate" && size !== undefined) {
      // What a window holds back is its grace and a millisecond.
      const end = Math.floor(time / size) * size + size;
      const isLate = end + hold - 1 <= watermark;
      return isLate ? `its window of "${name}" ended at ${new Date(end).toISOString()} and is closed` : undefined;
    }
  }
  return undefined;
}

/**
 * Why an event that is late by a watermark cannot update what is closed; undefined when it can. Times in milliseconds
 * since the epoch.
 */
export function updateObstacle(time: number | undefined, watermark: number, plan: Plan): string | undefined {
  const windows = plan.stages.filter(({ kind }) => kind === "aggregate");
  if (windows.length > 1)
    return `the updated result of "${windows[0]?.name}" would count again in "${windows[1]?.name}"`;
  const { target, name } = plan.sinks.find(({ target }) => target.kind === "eventHub" || target.kind === "blob") ?? {};
  if (windows.length > 0 && target?.kind === "eventHub")
    return `readers of what "${name}" sends would count the updated result again`;
  if (windows.length > 0 && target?.kind === "blob")
    return `"${name}" has written the window's file, and never changes one`;
  if (time === undefined) return "its event time cannot be read";
  for (const { kind, name, state, keep = 0 } of plan.stages) {
    const { within, size, grace } = (state ?? {}) as { within?: number; size?: number; grace?: number };
    if (kind === "dedupe" && within !== undefined && time + within + keep <= watermark) {
      return `"${name}" has forgotten what it knew of that time, ${advice(keep, "dedupe")}`;
    }
    if (kind === "aggregate" && size !== undefined && grace !== undefined) {
      const end = Math.floor(time / size) * size + size;
      if (end + grace + keep <= watermark) {
        return `its window of "${name}" ended at ${new Date(end).toISOString()} and is not kept, ${advice(keep, "the window")}`;
      }
    }
  }
  return undefined;
}

function advice(keep: number, what: string): string {
  if (keep === 0) return `since ${what} does not say { keep: … }; recompute it from the source`;
  return `since its { keep: "${formatDuration(keep)}" } is over; recompute it from the source`;
}
