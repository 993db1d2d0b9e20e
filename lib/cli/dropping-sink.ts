import { ALL_DELIVERED, type Sink, type SinkTask } from "../engine/sink.ts";

/** Has the Cosmos DB sink's shape and writes nothing. */
export function cosmos<T extends object>(options: { databaseName: string; containerName: string }): Sink<T> {
  const name = `cosmos:${options.databaseName}/${options.containerName}`;
  return { kind: "cosmos", name, target: { kind: "memory", name }, open: async () => new DroppingSink() };
}

class DroppingSink implements SinkTask<unknown> {
  prepare(value: unknown): unknown {
    return value;
  }

  accept(prepared: unknown): unknown {
    return prepared;
  }

  async deliver() {
    return ALL_DELIVERED;
  }

  async close(): Promise<void> {}
}
