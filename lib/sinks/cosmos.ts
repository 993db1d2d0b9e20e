import { ALL_DELIVERED, type DeliveryReport, type Sink, type SinkTask } from "../engine/sink.ts";
import { TidemarkError } from "../errors.ts";
import { type DeliveryContext, deliverDocuments } from "./cosmos/delivery.ts";
import { type CosmosDocument, type DocumentRules, toDocument } from "./cosmos/document.ts";
import { fenceOf } from "./cosmos/fence.ts";
import { openTarget } from "./cosmos/target.ts";
import { Versions } from "./cosmos/versions.ts";

export interface CosmosTarget {
  /** The setting that holds the connection. Default "CosmosConnection". */
  readonly connection?: string;
  readonly databaseName: string;
  readonly containerName: string;
  /** The container's partition key: "/origin", or up to three paths. */
  readonly partitionKey: string | readonly string[];
  /**
   * Seconds until Cosmos DB deletes a document after its last write; -1 never. The fence goes with the document: let
   * it live longer than a window with its grace, or a late replay of an old frame would write it anew.
   */
  readonly ttl?: number;
}

/** Documents need an id: the value's own field, or the option. */
export type CosmosId<T> = T extends { readonly id: string }
  ? { readonly id?: (value: T) => string }
  : {
      /** The value has no field `id` of type string: say how to make one, unique within the partition key. */
      readonly id: (value: T) => string;
    };

export type CosmosOptions<T> = CosmosTarget & CosmosId<T>;

/** Own versions kept for each task: what an update needs to be a single request. */
const KNOWN_VERSIONS = 20_000;

/**
 * Writes values as documents of an Azure Cosmos DB container, each at most once replaced by a newer version and never
 * by an older one, however often a frame is delivered. Documents get a field `_tm`, which says what wrote them.
 * Throws CONFIGURATION when an option cannot be.
 */
export function cosmos<T extends object>(options: CosmosOptions<T>): Sink<T> {
  const { connection = "CosmosConnection", databaseName, containerName, ttl } = options;
  const partitionKey = pathsOf(options.partitionKey);
  const id = options.id as ((value: T) => string) | undefined;
  const rules: DocumentRules<T> = { partitionKey, id, ttl: checkedTtl(ttl) };
  return {
    kind: "cosmos",
    name: `cosmos:${databaseName}/${containerName}`,
    target: { kind: "cosmos", connection, database: databaseName, container: containerName, partitionKey },
    open: async (context) => {
      const client = await context.connections.cosmos(connection);
      const lane = await openTarget(client, { connection, databaseName, containerName, partitionKey }, context.world);
      return new CosmosSinkTask(rules, {
        world: context.world,
        target: `${databaseName}/${containerName}`,
        partitionKey,
        versions: new Versions(KNOWN_VERSIONS),
        submit: (operations, signal) => lane.submit(operations, signal),
      });
    },
  };
}

class CosmosSinkTask<T> implements SinkTask<T> {
  readonly #rules: DocumentRules<T>;
  readonly #context: DeliveryContext;

  constructor(rules: DocumentRules<T>, context: DeliveryContext) {
    this.#rules = rules;
    this.#context = context;
  }

  prepare(value: T): CosmosDocument {
    return toDocument(value, this.#rules);
  }

  accept(prepared: unknown): unknown {
    return prepared;
  }

  async deliver(messages: readonly unknown[], stamp: Parameters<typeof fenceOf>[0], signal: AbortSignal) {
    const documents = messages as readonly CosmosDocument[];
    const refused = await deliverDocuments(documents, fenceOf(stamp), this.#context, signal);
    return refused.length === 0 ? ALL_DELIVERED : ({ refused } satisfies DeliveryReport);
  }

  async close(): Promise<void> {}
}

function pathsOf(partitionKey: string | readonly string[]): readonly string[] {
  const paths = typeof partitionKey === "string" ? [partitionKey] : partitionKey;
  const wrong = paths.find((path) => !/^(\/[^/]+)+$/.test(path));
  if (wrong !== undefined || paths.length < 1 || paths.length > 3) {
    throw new TidemarkError("CONFIGURATION", `The partition key ${JSON.stringify(partitionKey)} cannot be.`, {
      fix: 'Write one to three paths such as "/origin".',
    });
  }
  return paths;
}

function checkedTtl(ttl: number | undefined): number | undefined {
  if (ttl === undefined || ttl === -1 || (Number.isSafeInteger(ttl) && ttl > 0)) return ttl;
  throw new TidemarkError("CONFIGURATION", `A ttl of ${ttl} cannot be.`, {
    fix: "Give whole seconds above 0, or -1 for never.",
  });
}
