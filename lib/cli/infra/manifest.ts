import { z } from "zod";

/** What `infra/` needs to know of the pipelines. Bicep reads the file with `loadJsonContent`; people do not edit it. */

/** Rules of the services for the names that a pipeline's author chooses. */
const names = {
  hub: z.string().regex(/^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,254}[A-Za-z0-9])?$/, {
    error: "a hub is named with 1–256 letters, digits, dots, hyphens and underscores, a letter or digit at both ends",
  }),
  consumerGroup: z.string().regex(/^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,48}[A-Za-z0-9])?$|^\$Default$/, {
    error: "a consumer group is named with 1–50 letters, digits, dots, hyphens and underscores",
  }),
  // Event Hubs has room for 256 characters, but a name becomes part of a deployment's resource id.
  cosmos: z.string().regex(/^[^/\\#?\s](?:[^/\\#?]{0,253}[^/\\#?\s])?$/, {
    error: "Cosmos DB names have 1–255 characters, none of / \\ # ? and no space at an end",
  }),
  storage: z.string().regex(/^(?=.{3,63}$)[a-z0-9]+(?:-[a-z0-9]+)*$/, {
    error: "blob containers and queues are named with 3–63 lower-case letters, digits and single hyphens",
  }),
  setting: z
    .string()
    .regex(/^[A-Za-z][A-Za-z0-9_]{0,127}$/, { error: "a setting is named with letters, digits and _" }),
};

/** How a hub is captured to storage; `null` when it is not. */
const capture = z.strictObject({
  intervalSeconds: z.int().min(60).max(900),
  sizeBytes: z.int().min(10_485_760).max(524_288_000),
});

const hub = z.strictObject({
  name: names.hub,
  connection: names.setting,
  partitions: z.int().min(1).max(2000),
  retentionHours: z.int().min(1).max(2160),
  cleanupPolicy: z.enum(["Delete", "Compact"]),
  consumerGroups: z.array(names.consumerGroup),
  read: z.boolean(),
  written: z.boolean(),
  /** Read by the Kafka trigger, which knows no managed identity: such a hub lives in a namespace of its own. */
  kafka: z.boolean(),
  capture: capture.nullable(),
});

const container = z.strictObject({
  database: names.cosmos,
  name: names.cosmos,
  connection: names.setting,
  partitionKeyPaths: z.array(z.string().startsWith("/")).min(1).max(3),
  /** Seconds; -1 keeps documents until one of them says otherwise, `null` turns expiry off. */
  defaultTtl: z.int().min(-1).nullable(),
  /** Paths that nobody queries, in Cosmos DB's notation. */
  unindexedPaths: z.array(z.string().startsWith("/")),
  access: z.enum(["read", "write"]),
});

const blobContainer = z.strictObject({
  name: names.storage,
  connection: names.setting,
  purpose: z.enum(["checkpoints", "tables", "results"]),
  access: z.enum(["read", "write"]),
  /** Folders whose blobs may be deleted when they are old, with a slash at the end. */
  expiringFolders: z.array(z.string().endsWith("/")),
});

const queue = z.strictObject({
  name: names.storage,
  connection: names.setting,
  /** The host moves what a queue's trigger gives up five times into a second queue: that is its poison. */
  purpose: z.enum(["wake-ups", "poison"]),
});

/** A function that reads a hub. */
const reader = z.strictObject({
  name: z.string().min(1),
  trigger: z.enum(["eventHub", "kafka"]),
  hub: names.hub,
  consumerGroup: names.consumerGroup,
  repairGroup: names.consumerGroup,
});

const queueReader = z.strictObject({ name: z.string().min(1), trigger: z.literal("queue"), queue: names.storage });

const timer = z.strictObject({
  name: z.string().min(1),
  trigger: z.literal("timer"),
  /** Six fields, from seconds to weekdays, in UTC. */
  schedule: z.string().regex(/^\S+( \S+){5}$/, { error: "a schedule has six fields" }),
});

const fn = z.discriminatedUnion("trigger", [reader, queueReader, timer]);

/** Where a setting's value comes from; `app.bicep` has one line for each source. */
export const SETTING_SOURCES = [
  "clientId",
  "cosmosEndpoint",
  "dataBlobEndpoint",
  "dataQueueEndpoint",
  "debug",
  "hostAccountName",
  "hubHost",
  "insightsAuthentication",
  "insightsConnection",
  "kafkaBroker",
  "kafkaSecret",
  "managedIdentity",
] as const;

const setting = z.strictObject({
  name: names.setting,
  source: z.enum(SETTING_SOURCES),
  /** The hub whose secret it is, for `kafkaSecret`; empty otherwise. */
  hub: z.string(),
  readBy: z.enum(["host", "identity", "pipelines"]),
});

const role = z.strictObject({
  scope: z.enum(["hub", "blobContainer", "queue", "cosmosContainer"]),
  /** The hub, container or queue; `database/container` for Cosmos DB. */
  resource: z.string(),
  role: z.enum(["receive", "send", "read", "write"]),
  because: z.string().min(1),
});

export const manifestSchema = z.strictObject({
  version: z.literal(1),
  functions: z.array(fn).min(1),
  hubs: z.array(hub).min(1),
  containers: z.array(container),
  blobContainers: z.array(blobContainer),
  queues: z.array(queue),
  settings: z.array(setting),
  roles: z.array(role),
});

export type Manifest = z.infer<typeof manifestSchema>;
export type ManifestReader = z.infer<typeof reader>;
export type ManifestHub = Manifest["hubs"][number];
export type ManifestRole = Manifest["roles"][number];
export type ManifestSetting = Manifest["settings"][number];

/** The functions that read a hub: the pipelines. */
export function readersOf({ functions }: Pick<Manifest, "functions">): ManifestReader[] {
  return functions.filter((one): one is ManifestReader => one.trigger === "eventHub" || one.trigger === "kafka");
}
