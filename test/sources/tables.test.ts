import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { AzureConnections } from "../../lib/azure/connections.ts";
import { readSettings } from "../../lib/azure/settings.ts";
import { type CosmosServer, startCosmosServer } from "../../lib/local/cosmos/index.ts";
import { startStorage } from "../../lib/local/storage/index.ts";
import { blobTable } from "../../lib/sources/blob-table.ts";
import { cosmosTable } from "../../lib/sources/cosmos-table.ts";

const ROWS = [
  { iata: "ORD", city: "Chicago" },
  { iata: "LGA", city: "New York" },
];

describe("tables", () => {
  let storage: Awaited<ReturnType<typeof startStorage>>;
  let database: CosmosServer;
  let connections: AzureConnections;
  before(async () => {
    storage = await startStorage({ blobPort: 0, queuePort: 0, tablePort: 0 });
    database = await startCosmosServer({ port: 0 });
    database.ensureContainer("reference", "airports", ["/iata"]);
    const needs = [
      { name: "TidemarkStorage", service: "Blob Storage" as const, usedBy: "a test" },
      { name: "CosmosConnection", service: "Cosmos DB" as const, usedBy: "a test" },
    ];
    connections = new AzureConnections(
      readSettings(needs, { TidemarkStorage: storage.connectionString, CosmosConnection: database.connectionString }),
    );
    await (await container()).create();
  });
  after(async () => {
    await connections?.close();
    await Promise.all([storage?.stop(), database?.stop()]);
  });

  const container = async () => (await connections.blobs("TidemarkStorage")).getContainerClient("tables");

  async function upload(blob: string, text: string | Buffer): Promise<void> {
    await (await container()).getBlockBlobClient(blob).uploadData(Buffer.from(text));
  }

  const forms: [string, string][] = [
    ["airports.json", JSON.stringify(ROWS)],
    ["airports.ndjson", `${ROWS.map((row) => JSON.stringify(row)).join("\n")}\n\n`],
    ["airports.jsonl", ROWS.map((row) => JSON.stringify(row)).join("\r\n")],
    ["airports.csv", 'iata,city\nORD,Chicago\nLGA,"New York"\n'],
  ];
  for (const [blob, text] of forms) {
    it(`are read from ${blob}, and again only when it has changed`, async () => {
      const reader = await blobTable({ container: "tables", blob }).open(connections);
      await upload(blob, text);
      const first = await reader.load(undefined);
      assert.ok(first !== "unchanged");
      assert.deepEqual(first.rows, ROWS);
      assert.equal(await reader.load(first.version), "unchanged");
      await upload(blob, text.replace("Chicago", "Springfield"));
      const second = await reader.load(first.version);
      assert.ok(second !== "unchanged");
      assert.deepEqual(second.rows[0], { iata: "ORD", city: "Springfield" });
    });
  }

  const wrong: [string, string | Buffer, RegExp][] = [
    ["object.json", "{}", /it holds no array/],
    ["broken.json", "[", /cannot be read as a table/],
    ["broken.ndjson", "{}\n{", /line 2/],
    ["broken.csv", "a,b\n1", /line 2 has 1 values/],
    ["latin1.csv", Buffer.from([0x61, 0x0a, 0xe9]), /cannot be read as a table/],
  ];
  for (const [blob, text, message] of wrong) {
    it(`are refused as ${blob}`, async () => {
      await upload(blob, text);
      const reader = await blobTable({ container: "tables", blob }).open(connections);
      await assert.rejects(reader.load(undefined), { code: "CONFIGURATION", message });
    });
  }

  it("that are missing are named", async () => {
    const blob = await blobTable({ container: "tables", blob: "nowhere.json" }).open(connections);
    await assert.rejects(blob.load(undefined), { code: "NOT_FOUND", message: /"tables\/nowhere\.json"/ });
    const nowhere = await cosmosTable({ databaseName: "reference", containerName: "nowhere" }).open(connections);
    await assert.rejects(nowhere.load(undefined), { code: "NOT_FOUND", message: /"reference\/nowhere"/ });
    assert.throws(() => blobTable({ container: "tables", blob: "airports.xlsx" }), { code: "PLAN_INVALID" });
  });

  it("are read from a container, and again only when a document has changed", async () => {
    const { items } = (await connections.cosmos("CosmosConnection")).database("reference").container("airports");
    const documents = ROWS.map((row) => ({ id: row.iata, ...row }));
    for (const document of documents) await items.upsert(document);
    const all = await cosmosTable({ databaseName: "reference", containerName: "airports" }).open(connections);
    const first = await all.load(undefined);
    assert.ok(first !== "unchanged");
    assert.deepEqual(
      new Set(first.rows.map((row) => JSON.stringify(row))),
      new Set(documents.map((row) => JSON.stringify(row))),
    );
    await items.upsert(documents[0] as object);
    assert.equal(await all.load(first.version), "unchanged");
    await items.upsert({ ...documents[0], city: "Springfield" });
    assert.notEqual(await all.load(first.version), "unchanged");
    const query = "SELECT VALUE c.city FROM c WHERE c.iata = 'LGA'";
    const some = await cosmosTable({ databaseName: "reference", containerName: "airports", query }).open(connections);
    const cities = await some.load(undefined);
    assert.deepEqual(cities !== "unchanged" && cities.rows, ["New York"]);
  });
});
