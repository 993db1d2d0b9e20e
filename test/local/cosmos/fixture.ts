import { type Container, CosmosClient } from "@azure/cosmos";
import { type CosmosServer, type CosmosServerOptions, startCosmosServer } from "../../../lib/local/cosmos/index.ts";

/** A server with the unmodified SDK connected to it; `await using` stops both. */
export interface Fixture extends AsyncDisposable {
  readonly server: CosmosServer;
  readonly client: CosmosClient;
  /** Creates a container of its own in the database "db". */
  container(id: string, ...partitionKeyPaths: string[]): Container;
}

export async function startFixture(options: CosmosServerOptions = {}): Promise<Fixture> {
  const server = await startCosmosServer({ port: 0, ...options });
  const client = connect(server);
  return {
    server,
    client,
    container: (id, ...paths) => {
      server.ensureContainer("db", id, paths.length === 0 ? ["/pk"] : paths);
      return client.database("db").container(id);
    },
    [Symbol.asyncDispose]: async () => {
      client.dispose();
      await server.stop();
    },
  };
}

export const connect = (server: CosmosServer) => new CosmosClient(server.connectionString);

/** The HTTP status (and sub-status) a call fails with, or "none" when it succeeds. */
export async function failure(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return "none";
  } catch (error) {
    const { code, substatus } = error as { readonly code?: number; readonly substatus?: number };
    return substatus === undefined ? String(code) : `${code}/${substatus}`;
  }
}
