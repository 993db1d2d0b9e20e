import { createHash } from "node:crypto";
import type { TableReader } from "../engine/ports.ts";
import { tableError } from "./table-error.ts";
import type { TableSource } from "./table-source.ts";

export interface CosmosTableOptions {
  /** The setting of the account. Default "CosmosConnection". */
  readonly connection?: string;
  readonly databaseName: string;
  readonly containerName: string;
  /** Which documents, or parts of them, are rows. Default: all. */
  readonly query?: string;
}

/** What Cosmos DB adds to every document. */
const SYSTEM_PROPERTIES = ["_rid", "_self", "_etag", "_attachments", "_ts"];

/** A table whose rows are documents of a container. It is read as a whole each time: keep it small. */
export function cosmosTable(options: CosmosTableOptions): TableSource {
  const { connection = "CosmosConnection", databaseName, containerName, query = "SELECT * FROM c" } = options;
  return {
    kind: "cosmos",
    target: { kind: "cosmos", connection, database: databaseName, container: containerName },
    open: (connections): TableReader => ({
      load: async (knownVersion) => {
        const account = await connections.cosmos(connection);
        const items = account.database(databaseName).container(containerName).items;
        const { resources } = await items
          .query<unknown>(query)
          .fetchAll()
          .catch((thrown: unknown) => {
            const what = `container "${databaseName}/${containerName}"`;
            throw tableError(thrown, what, `Create it in the account of ${connection}.`);
          });
        const rows = resources.map(withoutSystemProperties);
        const version = digest(rows);
        return version === knownVersion ? "unchanged" : { version, rows };
      },
    }),
  };
}

function withoutSystemProperties(row: unknown): unknown {
  if (typeof row !== "object" || row === null) return row;
  return Object.fromEntries(Object.entries(row).filter(([name]) => !SYSTEM_PROPERTIES.includes(name)));
}

/** A container has no version of its own, and partitions answer in any order. */
function digest(rows: readonly unknown[]): string {
  const hash = createHash("sha256");
  for (const row of rows.map((one) => JSON.stringify(one)).sort()) hash.update(row).update("\n");
  return hash.digest("base64");
}
