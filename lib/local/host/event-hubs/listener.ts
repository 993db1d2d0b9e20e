import {
  EventHubConsumerClient,
  type EventPosition,
  earliestEventPosition,
  latestEventPosition,
  type PartitionContext,
  type ReceivedEventData,
  type Subscription,
} from "@azure/event-hubs";
import { BlobCheckpointStore } from "@azure/eventhubs-checkpointstore-blob";
import { BlobServiceClient } from "@azure/storage-blob";
import { messageOf, TidemarkError } from "../../../errors.ts";
import type { EventHubsOptions, InitialOffset } from "../config/host-json.ts";
import type { Reporter } from "../events.ts";
import type { Executor } from "../executor.ts";
import type { Listener } from "../listener.ts";
import type { FunctionMetadata } from "../protocol.ts";
import type { StatusBoard } from "../status.ts";
import { batchInput, type EventDataType, singleInput } from "./input.ts";
import { PartitionRunner } from "./partition.ts";

/** The blob container in which the Functions host keeps its checkpoints and the owners of partitions. */
const CHECKPOINT_CONTAINER = "azure-webjobs-eventhub";

export interface EventHubTrigger {
  readonly func: FunctionMetadata;
  readonly bindingName: string;
  readonly connectionString: string;
  readonly eventHubName: string;
  readonly consumerGroup: string;
  readonly single: boolean;
  readonly dataType: EventDataType;
}

export interface EventHubListenerOptions {
  readonly trigger: EventHubTrigger;
  readonly storageConnectionString: string;
  readonly hubs: EventHubsOptions;
  /** The name under which this host owns partitions. */
  readonly instanceId: string;
  readonly keepEmpty: boolean;
  /** When a worker dies: is its batch a failed one, which is checkpointed, or is it delivered again? */
  readonly redeliverLost: boolean;
  readonly executor: Executor;
  readonly reporter: Reporter;
  readonly status: StatusBoard;
}

/**
 * Reads a hub for one function with the SDK's own processor, so that several hosts share the partitions of a consumer
 * group as several instances do in Azure: owners are blobs guarded by ETags, readers have owner level 0.
 */
export class EventHubListener implements Listener {
  readonly #options: EventHubListenerOptions;
  readonly #partitions = new Map<string, PartitionRunner>();
  #client: EventHubConsumerClient | undefined;
  #subscription: Subscription | undefined;
  #stopped = new AbortController();

  constructor(options: EventHubListenerOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { trigger, hubs, storageConnectionString, instanceId } = this.#options;
    this.#stopped = new AbortController();
    const container =
      BlobServiceClient.fromConnectionString(storageConnectionString).getContainerClient(CHECKPOINT_CONTAINER);
    try {
      await container.createIfNotExists();
    } catch (error) {
      const message = `The storage account of the host ("AzureWebJobsStorage") can't be used: ${messageOf(error)}`;
      throw new TidemarkError("UNAVAILABLE", message, { cause: error, retryable: true });
    }
    const store = new BlobCheckpointStore(container);
    this.#client = new EventHubConsumerClient(
      trigger.consumerGroup,
      trigger.connectionString,
      trigger.eventHubName,
      store,
      {
        identifier: instanceId,
        loadBalancingOptions: {
          strategy: "greedy",
          updateIntervalInMs: hubs.loadBalancingUpdateIntervalMs,
          partitionOwnershipExpirationIntervalInMs: hubs.partitionOwnershipExpirationIntervalMs,
        },
      },
    );
    await this.#giveUpOldPartitions(this.#client, store);
    this.#subscription = this.#client.subscribe(
      {
        processInitialize: async (context) => this.#open(context),
        processEvents: (events, context) => this.#runner(context).take(events),
        processError: async (error, context) => this.#report(error, context),
        processClose: async (reason, context) => this.#closePartition(context, String(reason)),
      },
      {
        maxBatchSize: hubs.maxEventBatchSize,
        maxWaitTimeInSeconds: RECEIVE_WAIT_SECONDS,
        prefetchCount: Math.max(hubs.prefetchCount, hubs.maxEventBatchSize),
        skipParsingBodyAsJson: true,
        startPosition: positionOf(hubs.initialOffset),
      },
    );
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    for (const runner of this.#partitions.values()) runner.close();
    this.#partitions.clear();
    await this.#subscription?.close();
    await this.#client?.close();
  }

  // A host that was killed still owns its partitions by name, and the processor claims none that it owns already.
  async #giveUpOldPartitions(client: EventHubConsumerClient, store: BlobCheckpointStore): Promise<void> {
    const { fullyQualifiedNamespace, eventHubName } = client;
    const owned = await store.listOwnership(fullyQualifiedNamespace, eventHubName, this.#options.trigger.consumerGroup);
    const ours = owned.filter(({ ownerId }) => ownerId === this.#options.instanceId);
    await store.claimOwnership(ours.map((ownership) => ({ ...ownership, ownerId: "" })));
  }

  #open(context: PartitionContext): void {
    const { functionName, partition } = this.#place(context);
    this.#partitions.set(context.partitionId, this.#newRunner(context));
    this.#options.reporter.event({ kind: "partition-opened", functionName, partition });
  }

  #closePartition(context: PartitionContext, reason: string): void {
    this.#partitions.get(context.partitionId)?.close();
    this.#partitions.delete(context.partitionId);
    this.#options.reporter.event({ kind: "partition-closed", ...this.#place(context), reason });
  }

  #runner(context: PartitionContext): PartitionRunner {
    const runner = this.#partitions.get(context.partitionId);
    if (runner !== undefined) return runner;
    // Events that arrive after the stop belong to nobody.
    const closed = this.#newRunner(context);
    closed.close();
    return closed;
  }

  #newRunner(context: PartitionContext): PartitionRunner {
    const { hubs, trigger, status, reporter } = this.#options;
    const place = this.#place(context);
    return new PartitionRunner(hubs, trigger.single, {
      invoke: (events, checkpointing) => this.#invoke(context, events, checkpointing),
      checkpoint: async (event) => {
        await context.updateCheckpoint(event);
        status.checkpointed(place.functionName, place.partition, event.sequenceNumber);
        reporter.event({ kind: "checkpointed", ...place, sequenceNumber: event.sequenceNumber });
      },
    });
  }

  async #invoke(
    context: PartitionContext,
    events: readonly ReceivedEventData[],
    checkpointing: boolean,
  ): Promise<boolean> {
    const { trigger, executor, status, keepEmpty, redeliverLost } = this.#options;
    const { partitionId, fullyQualifiedNamespace, eventHubName, consumerGroup } = context;
    const place = { fullyQualifiedNamespace, eventHubName, consumerGroup, partitionId };
    const options = { dataType: trigger.dataType, place, checkpointing, keepEmpty };
    const done = status.began(trigger.func.name, partitionId);
    const outcome = await executor.execute({
      func: trigger.func,
      bindingName: trigger.bindingName,
      reason: "(null)",
      count: events.length,
      partition: partitionId,
      retry: true,
      signal: this.#stopped.signal,
      input: () =>
        trigger.single ? singleInput(events[0] as ReceivedEventData, options) : batchInput(events, options),
    });
    done(outcome.error === undefined);
    return !(outcome.workerLost && redeliverLost);
  }

  #place(context: PartitionContext): { functionName: string; partition: string } {
    return { functionName: this.#options.trigger.func.name, partition: context.partitionId };
  }

  #report(error: Error, context: PartitionContext): void {
    const { trigger, reporter } = this.#options;
    const where = context.partitionId === "" ? "" : ` (partition ${context.partitionId})`;
    reporter.log({
      level: "warning",
      category: "Host.Triggers.EventHubs",
      functionName: trigger.func.name,
      message: `Hub ${trigger.eventHubName}${where}: ${messageOf(error)}`,
    });
  }
}

const RECEIVE_WAIT_SECONDS = 60;

function positionOf(offset: InitialOffset): EventPosition {
  if (offset.type === "fromStart") return earliestEventPosition;
  if (offset.type === "fromEnd") return latestEventPosition;
  return { enqueuedOn: offset.enqueuedTime };
}
