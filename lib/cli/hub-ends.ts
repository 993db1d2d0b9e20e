import type { EventHubProducerClient } from "@azure/event-hubs";

/** Asks a namespace how far its hubs have come. */
export class HubEnds {
  readonly #connectionString: string;
  readonly #clients = new Map<string, Promise<EventHubProducerClient>>();

  constructor(connectionString: string) {
    this.#connectionString = connectionString;
  }

  /** The sequence number that the next event of each partition will get. */
  async next(hub: string): Promise<number[]> {
    const client = await this.#client(hub);
    const ids = await client.getPartitionIds();
    return Promise.all(
      ids.map(async (id) => {
        const { isEmpty, lastEnqueuedSequenceNumber, beginningSequenceNumber } =
          await client.getPartitionProperties(id);
        return isEmpty ? beginningSequenceNumber : lastEnqueuedSequenceNumber + 1;
      }),
    );
  }

  async close(): Promise<void> {
    await Promise.allSettled([...this.#clients.values()].map(async (client) => (await client).close()));
  }

  #client(hub: string): Promise<EventHubProducerClient> {
    const known = this.#clients.get(hub);
    if (known !== undefined) return known;
    const client = import("@azure/event-hubs").then((sdk) => {
      return new sdk.EventHubProducerClient(this.#connectionString, hub);
    });
    this.#clients.set(hub, client);
    return client;
  }
}
