import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { TidemarkError } from "../../errors.ts";
import { partitionForKey } from "../../sources/partition-key.ts";
import { checkDeclaration, defaultConsumerGroup, type HubDeclaration } from "./declaration.ts";
import { PartitionLog } from "./partition-log.ts";
import { FolderSegments, MemorySegments, SegmentCache } from "./segments.ts";

/** One hub: its partitions and the consumer groups that may read it. */
export interface Hub {
  readonly name: string;
  /** Milliseconds since 1970. */
  readonly createdOn: number;
  readonly partitions: PartitionLog[];
  /** By lower-case name. */
  readonly consumerGroups: Map<string, string>;
}

export interface HubsOptions {
  /** Absent: everything is kept in memory only. */
  readonly dataFolder?: string | undefined;
  readonly clock: () => number;
}

/** What is remembered of a hub besides its events. */
interface HubFile {
  readonly version: 1;
  readonly name: string;
  readonly createdOn: number;
  readonly partitions: number;
}

/** Sealed segments that stay in memory although they are on disk, in bytes over all partitions. */
const cacheLimit = 64 * 1024 * 1024;

/** All hubs of the server. */
export class Hubs {
  readonly #options: HubsOptions;
  readonly #cache = new SegmentCache(cacheLimit);
  readonly #hubs = new Map<string, Hub>();
  #nextUnkeyed = 0;

  constructor(options: HubsOptions) {
    this.#options = options;
  }

  /** Creates or opens a hub, or adds groups and partitions to it; throws CONFIGURATION when it would have to shrink. */
  declare(declaration: HubDeclaration): void {
    checkDeclaration(declaration);
    const hub = this.#hubs.get(declaration.name.toLowerCase()) ?? this.#open(declaration);
    this.#grow(hub, declaration);
    for (const group of declaration.consumerGroups ?? []) {
      if (!hub.consumerGroups.has(group.toLowerCase())) hub.consumerGroups.set(group.toLowerCase(), group);
    }
    if (declaration.retention !== undefined) {
      for (const partition of hub.partitions) partition.retention = declaration.retention;
    }
  }

  #open(declaration: HubDeclaration): Hub {
    const folder = this.#folder(declaration.name);
    const saved = folder === undefined ? undefined : readHubFile(join(folder, "hub.json"));
    const hub: Hub = {
      name: saved?.name ?? declaration.name,
      createdOn: saved?.createdOn ?? this.#options.clock(),
      partitions: [],
      consumerGroups: new Map([[defaultConsumerGroup.toLowerCase(), defaultConsumerGroup]]),
    };
    if (saved !== undefined && saved.partitions > declaration.partitions)
      throw shrinking(declaration, saved.partitions);
    this.#hubs.set(hub.name.toLowerCase(), hub);
    return hub;
  }

  #grow(hub: Hub, declaration: HubDeclaration): void {
    const { partitions: logs } = hub;
    const { partitions, retention } = declaration;
    if (partitions < logs.length) throw shrinking(declaration, logs.length);
    if (partitions === logs.length) return;
    const folder = this.#folder(hub.name);
    if (folder !== undefined) {
      mkdirSync(folder, { recursive: true });
      writeHubFile(join(folder, "hub.json"), { version: 1, name: hub.name, createdOn: hub.createdOn, partitions });
    }
    while (logs.length < partitions) {
      const store =
        folder === undefined
          ? new MemorySegments()
          : new FolderSegments(join(folder, String(logs.length)), this.#cache);
      logs.push(new PartitionLog({ store, clock: this.#options.clock, retention }));
    }
  }

  #folder(name: string): string | undefined {
    const { dataFolder } = this.#options;
    return dataFolder === undefined ? undefined : join(dataFolder, name.toLowerCase());
  }

  find(name: string): Hub | undefined {
    return this.#hubs.get(name.toLowerCase());
  }

  all(): Hub[] {
    return [...this.#hubs.values()];
  }

  /** The partition for a batch that names none: by its key, or each in turn. */
  choosePartition(hub: Hub, key: string | undefined): number {
    const count = hub.partitions.length;
    return key === undefined ? this.#nextUnkeyed++ % count : partitionForKey(key, count);
  }

  /** Deletes what retention no longer covers, also where nothing is appended. */
  expire(): void {
    for (const partition of this.#logs()) partition.expire();
  }

  /** Bytes of memory that events take. */
  get footprint(): number {
    return this.#logs().reduce((sum, log) => sum + log.openFootprint, this.#cache.bytes);
  }

  #logs(): PartitionLog[] {
    return this.all().flatMap((hub) => hub.partitions);
  }

  async close(): Promise<void> {
    await Promise.all(this.#logs().map((log) => log.close()));
  }
}

function shrinking({ name, partitions }: HubDeclaration, existing: number): TidemarkError {
  return new TidemarkError(
    "CONFIGURATION",
    `Hub "${name}" has ${existing} partitions and can't shrink to ${partitions}.`,
    {
      fix: `Declare ${existing} partitions or more, or begin with an empty data folder.`,
    },
  );
}

function readHubFile(path: string): HubFile | undefined {
  if (!existsSync(path)) return undefined;
  const saved = JSON.parse(readFileSync(path, "utf8")) as HubFile;
  if (saved.version === 1) return saved;
  throw new TidemarkError("UNSUPPORTED", `${path} was written by another version of the hub.`, {
    fix: "Begin with an empty data folder.",
  });
}

/** Replaced as a whole, so that a crash leaves the old one or the new one. */
function writeHubFile(path: string, hub: HubFile): void {
  writeFileSync(`${path}.new`, `${JSON.stringify(hub)}\n`);
  renameSync(`${path}.new`, path);
}
