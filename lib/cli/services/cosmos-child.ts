/** Cosmos DB in a process of its own: writing documents takes as much of a core as everything else together. */
import { type CosmosServerOptions, startCosmosServer } from "../../local/cosmos/index.ts";
import { FenceWatch } from "./fence-watch.ts";
import { serve } from "./serve.ts";

export interface ContainerDeclaration {
  readonly database: string;
  readonly container: string;
  readonly partitionKey: readonly string[];
}

export interface CosmosChildOptions {
  readonly server: CosmosServerOptions;
  readonly containers: readonly ContainerDeclaration[];
  /** Tell the parent of every frame that wrote, and of every write that a fence has kept out, or should have. */
  readonly watchFences: boolean;
}

export interface CosmosChildValue {
  readonly port: number;
  readonly connectionString: string;
}

await serve(async ({ server: options, containers, watchFences }: CosmosChildOptions, tell) => {
  const watch = watchFences ? new FenceWatch(tell) : undefined;
  const hooks = watch && { onWrite: watch.wrote, onRefusal: watch.refused };
  const server = await startCosmosServer({ ...options, ...hooks });
  for (const one of containers) server.ensureContainer(one.database, one.container, one.partitionKey);
  const value: CosmosChildValue = { port: server.port, connectionString: server.connectionString };
  return { value, stop: () => server.stop() };
});
