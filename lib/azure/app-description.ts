import type { SinkTarget } from "../engine/sink.ts";
import { TidemarkError } from "../errors.ts";
import type { TableTarget } from "../sources/table-source.ts";

/** What a function app declares, as plain data: local services and infrastructure are derived from it. */
export interface AppDescription {
  readonly functions: readonly FunctionDescription[];
  /** The queues that carry wake-ups: written by the pipelines' functions, read by one of its own. */
  readonly queues: readonly QueueDescription[];
  /** Functions that a clock starts. */
  readonly timers: readonly TimerDescription[];
}

export interface QueueDescription {
  readonly name: string;
  /** The setting of the storage account that holds it. */
  readonly connection: string;
  readonly purpose: "wake-ups";
  /** Where it was declared, for messages. */
  readonly place: string;
}

export interface TimerDescription {
  readonly purpose: "sweep";
  /** Six fields, from seconds to weekdays, in UTC. */
  readonly schedule: string;
  /** Where it was declared, for messages. */
  readonly place: string;
}

export interface FunctionDescription {
  /** Of the function, the pipeline and the trigger's consumer group alike, unless the consumer group says otherwise. */
  readonly name: string;
  readonly pipeline: string;
  /** The setting, or prefix of settings, that says how to reach the source hub. */
  readonly connection: string;
  readonly hub: string;
  readonly partitions: number;
  readonly consumerGroup: string;
  /** The consumer group in which gaps are read again: the trigger's own refuses other readers. */
  readonly repairGroup: string;
  readonly sinks: readonly SinkTarget[];
  readonly tables: readonly TableDescription[];
  /** The setting of the storage account for checkpoints, dead letters and late events. */
  readonly storageConnection: string;
  /** Where it was declared, for messages. */
  readonly place: string;
}

export interface TableDescription {
  readonly name: string;
  readonly target: TableTarget;
}

/** Throws PLAN_INVALID, naming both places, when what wakes tasks is declared twice. */
export function checkWakers({ queues, timers }: Pick<AppDescription, "queues" | "timers">): void {
  const owners = new Map<string, string>();
  for (const { purpose, place } of [...queues, ...timers]) {
    claim(owners, purpose, place, (other) => [
      `The app has two functions for ${purpose === "sweep" ? "sweeps" : purpose}: ${other} and ${place}.`,
      "Keep one: it serves every pipeline of the app.",
    ]);
  }
}

/** Throws PLAN_INVALID, naming both places, when two functions cannot be in one app. */
export function checkApp(functions: readonly FunctionDescription[]): void {
  const hubs = new Map<string, { partitions: number; place: string }>();
  const pipelines = new Map<string, string>();
  const groups = new Map<string, string>();
  for (const one of functions) {
    claim(pipelines, one.pipeline, one.place, (other) => [
      `Two functions run the pipeline "${one.pipeline}": ${other} and ${one.place}.`,
      "Give each pipeline a name of its own: its checkpoints are kept under that name.",
    ]);
    for (const group of [one.consumerGroup, one.repairGroup]) {
      claim(groups, hubKey(one.connection, one.hub, group), one.place, (other) => [
        `Two functions read hub "${one.hub}" in consumer group "${group}": ${other} and ${one.place}.`,
        "Give each a consumerGroup of its own, or each gets a part of the events only.",
      ]);
    }
    for (const hub of hubsOf(one)) {
      const key = hubKey(hub.connection, hub.name);
      const known = hubs.get(key);
      if (known && known.partitions !== hub.partitions) {
        throw new TidemarkError(
          "PLAN_INVALID",
          `Hub "${hub.name}" has ${known.partitions} partitions in ${known.place} and ${hub.partitions} in ${one.place}.`,
          { fix: "Declare the same number of partitions in both." },
        );
      }
      hubs.set(key, { partitions: hub.partitions, place: one.place });
    }
  }
}

/** The hubs that a function reads or writes. */
export function hubsOf(one: FunctionDescription): readonly { connection: string; name: string; partitions: number }[] {
  const written = one.sinks.flatMap((sink) =>
    sink.kind === "eventHub" ? [{ connection: sink.connection, name: sink.eventHub, partitions: sink.partitions }] : [],
  );
  return [{ connection: one.connection, name: one.hub, partitions: one.partitions }, ...written];
}

/** Event Hubs compares names without regard to case. */
function hubKey(...parts: string[]): string {
  return parts.join("\n").toLowerCase();
}

function claim(owners: Map<string, string>, key: string, place: string, text: (other: string) => [string, string]) {
  const other = owners.get(key);
  if (other !== undefined) {
    const [what, fix] = text(other);
    throw new TidemarkError("PLAN_INVALID", what, { fix });
  }
  owners.set(key, place);
}
