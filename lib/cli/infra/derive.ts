import {
  type AppDescription,
  checkApp,
  checkWakers,
  type FunctionDescription,
  hubsOf,
} from "../../azure/app-description.ts";
import { TIDEMARK_CONTAINER } from "../../azure/checkpoints.ts";
import type { FrameStamp } from "../../engine/frame.ts";
import { TidemarkError } from "../../errors.ts";
import { FENCE_FIELD } from "../../sinks/cosmos/fence.ts";
import { sideBlobName } from "../../sinks/side-output.ts";
import { type Manifest, type ManifestHub, manifestSchema } from "./manifest.ts";
import { DEFAULT_RETENTION_HOURS, POISON_SUFFIX } from "./naming.ts";
import { rolesOf } from "./roles.ts";
import { settingsOf } from "./settings.ts";

type Container = Manifest["containers"][number];
type BlobContainer = Manifest["blobContainers"][number];

/**
 * The manifest of an app. Throws PLAN_INVALID, naming both places, when two functions contradict each other or when a
 * name is one that the service would refuse.
 */
export function deriveManifest(app: AppDescription): Manifest {
  checkApp(app.functions);
  checkWakers(app);
  const functions = [...app.functions].sort(by(({ name }) => name));
  const hubs = hubsOfApp(functions);
  const containers = containersOf(functions);
  const blobContainers = blobContainersOf(functions);
  const parts = { hubs, containers, blobContainers, queues: queuesOf(app) };
  return validate([...functions, ...app.queues, ...app.timers], {
    version: 1,
    functions: [...functions.map(readerOf), ...wakersOf(app)],
    ...parts,
    settings: settingsOf(parts),
    roles: rolesOf(functions, parts),
  });
}

type Function = Manifest["functions"][number];

function readerOf({ name, hub, consumerGroup, repairGroup }: FunctionDescription): Function {
  return { name, trigger: "eventHub", hub, consumerGroup, repairGroup };
}

/** What wakes pipelines. An app has one of each, and calls it after its purpose. */
function wakersOf({ functions, queues, timers }: AppDescription): Function[] {
  const taken = new Map(functions.map(({ name, place }) => [name.toLowerCase(), place]));
  for (const { purpose, place } of [...queues, ...timers]) {
    const other = taken.get(purpose);
    if (other === undefined) continue;
    throw new TidemarkError("PLAN_INVALID", `Two functions are called "${purpose}": ${other} and ${place}.`, {
      fix: "Give the pipeline another name.",
    });
  }
  return [
    ...queues.map(({ name: queue, purpose }): Function => ({ name: purpose, trigger: "queue", queue })),
    ...timers.map(({ schedule, purpose }): Function => ({ name: purpose, trigger: "timer", schedule })),
  ];
}

/** Each queue, and the one for what its trigger has given up, which the host would create otherwise. */
function queuesOf({ queues }: AppDescription): Manifest["queues"] {
  return queues.flatMap(({ name, connection, purpose }) => [
    { name, connection, purpose },
    { name: `${name}${POISON_SUFFIX}`, connection, purpose: "poison" as const },
  ]);
}

function hubsOfApp(functions: readonly FunctionDescription[]): ManifestHub[] {
  const hubs = new Map<string, ManifestHub>();
  const places = new Map<string, string>();
  for (const one of functions) {
    for (const { name, connection, partitions } of hubsOf(one)) {
      const known = hubs.get(name.toLowerCase());
      const place = places.get(name.toLowerCase()) ?? one.place;
      if (known && (known.name !== name || known.connection !== connection)) {
        throw new TidemarkError(
          "PLAN_INVALID",
          `Hub "${known.name}" of ${known.connection} in ${place} and hub "${name}" of ${connection} in ${one.place} clash.`,
          { fix: "The app has one namespace: give the hubs different names, or use the same name and connection." },
        );
      }
      places.set(name.toLowerCase(), place);
      hubs.set(name.toLowerCase(), known ?? newHub(name, connection, partitions));
    }
    readHub(hubs, one);
    for (const sink of one.sinks) {
      const target = sink.kind === "eventHub" && hubs.get(sink.eventHub.toLowerCase());
      if (target) hubs.set(target.name.toLowerCase(), { ...target, written: true });
    }
  }
  return [...hubs.values()].sort(by(({ name }) => name));
}

function newHub(name: string, connection: string, partitions: number): ManifestHub {
  return {
    name,
    connection,
    partitions,
    retentionHours: DEFAULT_RETENTION_HOURS,
    cleanupPolicy: "Delete",
    consumerGroups: [],
    read: false,
    written: false,
    kafka: false,
    capture: null,
  };
}

function readHub(hubs: Map<string, ManifestHub>, { hub, consumerGroup, repairGroup }: FunctionDescription): void {
  const known = hubs.get(hub.toLowerCase());
  if (known === undefined) return;
  const consumerGroups = [...new Set([...known.consumerGroups, consumerGroup, repairGroup])].sort();
  hubs.set(hub.toLowerCase(), { ...known, read: true, consumerGroups });
}

function containersOf(functions: readonly FunctionDescription[]): Container[] {
  const found = new Map<string, { container: Container; place: string }>();
  const add = (container: Container, place: string) => {
    const key = `${container.database}/${container.name}`;
    const known = found.get(key);
    // A container that one function writes and another reads is shaped by the writer.
    const writes = [known?.container, container].filter((one) => one?.access === "write");
    const [first, second] = writes;
    if (known && first && second && first.partitionKeyPaths.join() !== second.partitionKeyPaths.join()) {
      throw new TidemarkError(
        "PLAN_INVALID",
        `Container "${key}" is keyed by ${first.partitionKeyPaths} in ${known.place} and by ${second.partitionKeyPaths} in ${place}.`,
        { fix: "Declare the same partition key in both, or write to two containers." },
      );
    }
    if (!known || known.container.access === "read") found.set(key, { container, place });
  };
  for (const { sinks, tables, place } of functions) {
    for (const sink of sinks) if (sink.kind === "cosmos") add(writtenContainer(sink), place);
    for (const { target } of tables) if (target.kind === "cosmos") add(tableContainer(target), place);
  }
  return [...found.values()].map(({ container }) => container).sort(by(({ database, name }) => `${database}/${name}`));
}

type Target<Kind> = Extract<FunctionDescription["sinks"][number], { kind: Kind }>;

function writtenContainer({ database, container, connection, partitionKey }: Target<"cosmos">): Container {
  return {
    database,
    name: container,
    connection,
    partitionKeyPaths: [...partitionKey],
    defaultTtl: -1,
    // No query asks for the fence.
    unindexedPaths: [`/${FENCE_FIELD}/*`],
    access: "write",
  };
}

/** Reference data: rows found by their id, kept for ever. */
function tableContainer(target: { database: string; container: string; connection: string }): Container {
  const { database, container: name, connection } = target;
  const partitionKeyPaths = ["/id"];
  return { database, name, connection, partitionKeyPaths, defaultTtl: null, unindexedPaths: [], access: "read" };
}

function blobContainersOf(functions: readonly FunctionDescription[]): BlobContainer[] {
  const found = new Map<string, BlobContainer>();
  const add = (one: BlobContainer) => {
    if (found.get(one.name)?.access !== "write") found.set(one.name, one);
  };
  for (const { storageConnection: connection, sinks, tables } of functions) {
    const expiringFolders = sideFolders();
    add({ name: TIDEMARK_CONTAINER, connection, purpose: "checkpoints", access: "write", expiringFolders });
    for (const { kind, ...sink } of sinks.filter(({ kind }) => kind === "blob") as Target<"blob">[]) {
      add({
        name: sink.container,
        connection: sink.connection,
        purpose: "results",
        access: "write",
        expiringFolders: [],
      });
    }
    for (const { target } of tables) {
      if (target.kind !== "blob") continue;
      const { container: name, connection } = target;
      add({ name, connection, purpose: "tables", access: "read", expiringFolders: [] });
    }
  }
  return [...found.values()].sort(by(({ name }) => name));
}

/** Where dead letters and late events lie. Checkpoints lie beside them, and the log of a quiet partition is old and alive. */
function sideFolders(): string[] {
  const stamp: FrameStamp = { pipeline: "", partition: "", generation: 0, sequence: 0, nonce: "" };
  return (["dead-letter", "late"] as const).map((kind) => `${sideBlobName(kind, stamp).split("/")[0]}/`);
}

/** Names are checked last, when the whole manifest is there, so that the message can say where a name comes from. */
function validate(declared: readonly { readonly place: string }[], manifest: Manifest): Manifest {
  const checked = manifestSchema.safeParse(manifest);
  if (checked.success) return checked.data;
  const problems = checked.error.issues.map(({ path, message }) => {
    const value = path.reduce<unknown>(
      (inner, key) => (inner as Record<PropertyKey, unknown> | undefined)?.[key],
      manifest,
    );
    const users = declared.filter((one) => JSON.stringify(one).includes(JSON.stringify(value)));
    return `${JSON.stringify(value)} (${users.map(({ place }) => place).join(", ") || path.join(".")}): ${message}.`;
  });
  throw new TidemarkError("PLAN_INVALID", [...new Set(problems)].join("\n"), { fix: "Choose other names." });
}

function by<T>(key: (item: T) => string): (left: T, right: T) => number {
  return (left, right) => (key(left) < key(right) ? -1 : key(left) > key(right) ? 1 : 0);
}
