import { noSuchPartition, notFound } from "./conditions.ts";
import type { Hub, Hubs } from "./hubs.ts";
import type { PartitionLog } from "./partition-log.ts";
import type { Answer, Request } from "./replies.ts";
import { types } from "./rhea-internals.ts";

const stringCode = 0xa1;
/** What the service gives as the time of the last event where there never was one. */
const beginningOfTime = new Date("0001-01-01T00:00:00Z");

/** Answers a request to `$management`: what is known of a hub or of a partition. */
export function answerManagementRequest(request: Request, hubs: Hubs): Answer {
  const { operation, type, name, partition } = request.application_properties ?? {};
  if (operation !== "READ") return notImplemented(`$management knows no operation "${String(operation)}".`);
  const hub = hubs.find(String(name));
  if (hub === undefined) return { status: 404, ...notFound(String(name)) };
  if (type === "com.microsoft:eventhub") return { status: 200, description: "OK", body: describeHub(hub) };
  if (type !== "com.microsoft:partition") return notImplemented(`$management can't read a "${String(type)}".`);
  const log = /^\d+$/.test(String(partition)) ? hub.partitions[Number(partition)] : undefined;
  if (log === undefined) return { status: 400, ...noSuchPartition(hub.partitions.length) };
  return { status: 200, description: "OK", body: describePartition(hub, String(partition), log) };
}

function notImplemented(description: string): Answer {
  return { status: 501, description, condition: "amqp:not-implemented" };
}

function describeHub(hub: Hub): unknown {
  return {
    name: hub.name,
    type: "com.microsoft:eventhub",
    created_at: new Date(hub.createdOn),
    partition_count: types.wrap_int(hub.partitions.length),
    partition_ids: types.wrap_array(
      hub.partitions.map((_, id) => String(id)),
      stringCode,
      undefined,
    ),
    georeplication_factor: types.wrap_int(1),
  };
}

function describePartition(hub: Hub, id: string, log: PartitionLog): unknown {
  log.expire();
  return {
    name: hub.name,
    type: "com.microsoft:partition",
    partition: id,
    begin_sequence_number: types.wrap_long(log.beginSequence),
    last_enqueued_sequence_number: types.wrap_long(log.nextSequence - 1),
    last_enqueued_offset: String(log.lastOffset),
    last_enqueued_time_utc: log.lastTime === undefined ? beginningOfTime : new Date(log.lastTime),
    is_partition_empty: log.beginSequence === log.nextSequence,
  };
}
