import { BlobCheckpointStore } from "@azure/eventhubs-checkpointstore-blob";
import { BlobServiceClient } from "@azure/storage-blob";
import { messageOf, TidemarkError } from "../../../errors.ts";
import type { EventHubsOptions } from "../config/host-json.ts";
import type { Reporter } from "../events.ts";
import type { Executor } from "../executor.ts";
import type { Listener } from "../listener.ts";
import type { FunctionMetadata } from "../protocol.ts";
import type { StatusBoard } from "../status.ts";
import { batchInput, type EventDataType, singleInput } from "./input.ts";
import type { PartitionPlace } from "./metadata.ts";
import { PartitionRunner } from "./partition.ts";
import { HubProcessor } from "./processor.ts";
import type { ReceivedEvent } from "./received-event.ts";

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

/** Reads a hub for one function. Several hosts share the partitions of a consumer group as several instances do in Azure. */
export class EventHubListener implements Listener {
  readonly #options: EventHubListenerOptions;
  readonly #partitions = new Map<string, { readonly runner: PartitionRunner; readonly closed: AbortController }>();
  #processor: HubProcessor | undefined;
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
    const { connectionString, eventHubName, consumerGroup } = trigger;
    const store = new BlobCheckpointStore(container);
    const processor = new HubProcessor(
      { connectionString, eventHubName, consumerGroup, ownerId: instanceId, store, hubs },
      {
        opened: (place) => this.#open(processor, place),
        received: async (place, events) => this.#partitions.get(place.partitionId)?.runner.take(events),
        closed: (place, reason) => this.#closePartition(place, reason),
        failed: (error, place) => this.#report(error, place),
      },
    );
    this.#processor = processor;
    await processor.start();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#processor?.stop();
    this.#processor = undefined;
  }

  #open(processor: HubProcessor, place: PartitionPlace): void {
    const facts = this.#factsOf(place);
    const closed = new AbortController();
    this.#partitions.set(place.partitionId, { runner: this.#newRunner(processor, place, closed.signal), closed });
    this.#options.reporter.event({ kind: "partition-opened", ...facts });
  }

  #closePartition(place: PartitionPlace, reason: string): void {
    const partition = this.#partitions.get(place.partitionId);
    this.#partitions.delete(place.partitionId);
    partition?.runner.close();
    partition?.closed.abort();
    this.#options.reporter.event({ kind: "partition-closed", ...this.#factsOf(place), reason });
  }

  #newRunner(processor: HubProcessor, place: PartitionPlace, closed: AbortSignal): PartitionRunner {
    const { hubs, trigger, status, reporter } = this.#options;
    const facts = this.#factsOf(place);
    return new PartitionRunner(hubs, trigger.single, {
      invoke: (events, checkpointing) => this.#invoke(place, events, checkpointing, closed),
      checkpoint: async (event) => {
        await processor.checkpoint(place, event);
        status.checkpointed(facts.functionName, facts.partition, event.sequenceNumber);
        reporter.event({ kind: "checkpointed", ...facts, sequenceNumber: event.sequenceNumber });
      },
    });
  }

  /** What runs when the partition is closed goes on, and is not tried again: another host has it by then. */
  async #invoke(
    place: PartitionPlace,
    events: readonly ReceivedEvent[],
    checkpointing: boolean,
    closed: AbortSignal,
  ): Promise<boolean> {
    const { trigger, executor, status, keepEmpty, redeliverLost } = this.#options;
    const { partitionId } = place;
    const options = { dataType: trigger.dataType, place, checkpointing, keepEmpty };
    const done = status.began(trigger.func.name, partitionId);
    const outcome = await executor.execute({
      func: trigger.func,
      bindingName: trigger.bindingName,
      reason: "(null)",
      count: events.length,
      partition: partitionId,
      retry: true,
      signal: AbortSignal.any([this.#stopped.signal, closed]),
      input: () => (trigger.single ? singleInput(events[0] as ReceivedEvent, options) : batchInput(events, options)),
    });
    done(outcome.error === undefined);
    return !(outcome.workerLost && redeliverLost);
  }

  #factsOf({ partitionId }: PartitionPlace): { functionName: string; partition: string } {
    return { functionName: this.#options.trigger.func.name, partition: partitionId };
  }

  #report(error: Error, place: PartitionPlace | undefined): void {
    const { trigger, reporter } = this.#options;
    const where = place === undefined ? "" : ` (partition ${place.partitionId})`;
    reporter.log({
      level: "warning",
      category: "Host.Triggers.EventHubs",
      functionName: trigger.func.name,
      message: `Hub ${trigger.eventHubName}${where}: ${messageOf(error)}`,
    });
  }
}
