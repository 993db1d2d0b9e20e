import { EventHubProducerClient } from "@azure/event-hubs";
import { QueueServiceClient } from "@azure/storage-queue";
import { TidemarkError } from "../../errors.ts";
import type { QueuesOptions } from "./config/host-json.ts";
import type { SettingsReader } from "./config/settings.ts";
import type { Binding, FunctionMetadata, InvocationResult, TypedData } from "./protocol.ts";

type Write = (data: TypedData) => Promise<void>;

/** The return value's name among a function's bindings. */
const RETURN = "$return";

/** Writes what functions return or set as extra outputs: to storage queues and to hubs. HTTP answers go elsewhere. */
export class Outputs {
  readonly #writers = new Map<string, Write>();
  readonly #producers: EventHubProducerClient[] = [];

  /** Takes in the outputs of a function; throws UNSUPPORTED for a type that the local host does not have. */
  add(func: FunctionMetadata, settings: SettingsReader, queues: QueuesOptions): void {
    for (const binding of func.bindings) {
      if (binding.direction === "in" || binding.type === "http") continue;
      this.#writers.set(keyOf(func, binding.name), this.#writer(func, binding, settings, queues));
    }
  }

  async deliver(func: FunctionMetadata, result: InvocationResult): Promise<void> {
    const named = result.outputData.map(({ name, data }) => [name, data] as const);
    for (const [name, data] of [...named, [RETURN, result.returnValue] as const]) {
      if (data === null || data === undefined) continue;
      await this.#writers.get(keyOf(func, name))?.(data);
    }
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#producers.map((producer) => producer.close()));
  }

  #writer(func: FunctionMetadata, binding: Binding, settings: SettingsReader, queues: QueuesOptions): Write {
    const connection = (fallback: string) =>
      settings.connection(typeof binding.connection === "string" ? binding.connection : fallback, func.name);
    if (binding.type === "queue") {
      const name = settings.option(binding, "queueName", func) ?? "";
      return queueWriter(connection("AzureWebJobsStorage"), name, queues.messageEncoding);
    }
    if (binding.type === "eventHub") {
      const name = settings.option(binding, "eventHubName", func) ?? "";
      return this.#hubWriter(connection("EventHub"), name);
    }
    throw new TidemarkError(
      "UNSUPPORTED",
      `Function ${func.name} writes to a binding of type "${binding.type}", which the local host does not have.`,
      { fix: "Use a queue, eventHub or http output, or the service's SDK." },
    );
  }

  #hubWriter(connectionString: string, hub: string): Write {
    let producer: EventHubProducerClient | undefined;
    return async (data) => {
      if (producer === undefined) {
        producer = new EventHubProducerClient(connectionString, hub);
        this.#producers.push(producer);
      }
      await producer.sendBatch(messagesOf(data).map((body) => ({ body })));
    };
  }
}

function queueWriter(connectionString: string, name: string, encoding: "base64" | "none"): Write {
  let ready: Promise<unknown> | undefined;
  return async (data) => {
    const queue = QueueServiceClient.fromConnectionString(connectionString).getQueueClient(name);
    ready ??= queue.createIfNotExists();
    await ready;
    for (const body of messagesOf(data))
      await queue.sendMessage(body.toString(encoding === "none" ? "utf8" : "base64"));
  };
}

/** An array of values is several messages, anything else is one. */
function messagesOf(data: TypedData): Buffer[] {
  if (data.bytes !== undefined) return [Buffer.from(data.bytes)];
  if (data.json === undefined) return [Buffer.from(data.string ?? String(data.int ?? data.double ?? ""))];
  const value: unknown = JSON.parse(data.json);
  const text = (item: unknown) => Buffer.from(typeof item === "string" ? item : JSON.stringify(item));
  return Array.isArray(value) ? value.map(text) : [Buffer.from(data.json)];
}

function keyOf(func: FunctionMetadata, bindingName: string): string {
  return `${func.functionId}/${bindingName}`;
}
