import { type Condition, noSuchPartition, notFound } from "./conditions.ts";
import type { Hub, Hubs } from "./hubs.ts";
import type { PartitionLog } from "./partition-log.ts";

/** Where a publisher's events go; without a partition, each batch chooses one. */
export interface PublishTarget {
  readonly hub: Hub;
  readonly partition: number | undefined;
}

export interface ReadSource {
  readonly hub: Hub;
  readonly consumerGroup: string;
  readonly partition: number;
  readonly log: PartitionLog;
}

export type Resolved<Entity> = { readonly entity: Entity } | { readonly refusal: Condition };

const publishAddress = /^\/?([^/]+)(?:\/Partitions\/([^/]+))?$/i;
const readAddress = /^\/?([^/]+)\/ConsumerGroups\/([^/]+)\/Partitions\/([^/]+)$/i;

/** Some clients give whole addresses, `amqps://host/hub`, others only paths. */
function pathOf(address: string): string {
  return address.replace(/^[a-z]+:\/\/[^/]*\//i, "");
}

export function resolvePublishTarget(hubs: Hubs, address: string): Resolved<PublishTarget> {
  const [, name, id] = publishAddress.exec(pathOf(address)) ?? [];
  const hub = name === undefined ? undefined : hubs.find(name);
  if (hub === undefined) return { refusal: notFound(address) };
  if (id === undefined) return { entity: { hub, partition: undefined } };
  const partition = partitionNumber(hub, id);
  return partition === undefined ? { refusal: noSuchPartition(hub.partitions.length) } : { entity: { hub, partition } };
}

export function resolveReadSource(hubs: Hubs, address: string): Resolved<ReadSource> {
  const [, name, group, id] = readAddress.exec(pathOf(address)) ?? [];
  const hub = name === undefined ? undefined : hubs.find(name);
  const consumerGroup = hub?.consumerGroups.get((group ?? "").toLowerCase());
  if (hub === undefined || consumerGroup === undefined) return { refusal: notFound(address) };
  const partition = partitionNumber(hub, id ?? "");
  if (partition === undefined) return { refusal: noSuchPartition(hub.partitions.length) };
  return { entity: { hub, consumerGroup, partition, log: hub.partitions[partition] as PartitionLog } };
}

function partitionNumber(hub: Hub, id: string): number | undefined {
  return /^\d{1,9}$/.test(id) && Number(id) < hub.partitions.length ? Number(id) : undefined;
}
