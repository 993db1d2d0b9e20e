import { type Condition, invalidFilter, invalidStart } from "./conditions.ts";
import type { PartitionLog } from "./partition-log.ts";

const clause = /^amqp\.annotation\.x-opt-(offset|sequence-number|enqueued-?time(?:-utc)?)\s*(>=?)\s*'([^']*)'$/;

/** The sequence number at which a reader with this filter begins, or the service's reason to refuse it. */
export function startSequence(log: PartitionLog, filter: string | undefined): number | Condition {
  if (filter === undefined) return log.nextSequence;
  const [, what, comparison, value] = clause.exec(filter.trim()) ?? [];
  if (what === undefined || value === undefined) return invalidFilter(filter);
  if (value === "@latest") return log.nextSequence;
  const number = Number(value);
  if (value === "" || !Number.isFinite(number)) return invalidFilter(filter);
  const inclusive = comparison === ">=";
  if (what === "offset") return atOffset(log, number, inclusive, value);
  if (what === "sequence-number") return atSequence(log, number, inclusive, value);
  return log.sequenceAfterTime(inclusive ? number - 1 : number);
}

function atOffset(log: PartitionLog, offset: number, inclusive: boolean, value: string): number | Condition {
  if (offset > log.lastOffset) return invalidStart("offset", value, log.lastOffset);
  return log.sequenceAtOffset(offset, inclusive);
}

/** A reader may wait for the very next event, but a number beyond it comes from another life of the hub. */
function atSequence(log: PartitionLog, sequence: number, inclusive: boolean, value: string): number | Condition {
  const first = inclusive ? sequence : sequence + 1;
  if (first > log.nextSequence) return invalidStart("sequence number", value, log.nextSequence - 1);
  return Math.max(first, log.beginSequence);
}
