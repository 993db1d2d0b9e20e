import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { AzureConnections } from "../../lib/azure/connections.ts";
import { type Environment, readSettings, type Service, type SettingNeed } from "../../lib/azure/settings.ts";

const NEEDS: SettingNeed[] = [
  { name: "Hub", service: "Event Hubs", usedBy: 'the trigger of "delays"' },
  { name: "Db", service: "Cosmos DB", usedBy: 'a sink of "delays"' },
  { name: "Store", service: "Blob Storage", usedBy: 'the checkpoints of "delays"' },
];
const SECRET = "c2VjcmV0";
const LOCAL = {
  Hub: `Endpoint=sb://localhost:5673;SharedAccessKeyName=Root;SharedAccessKey=${SECRET};UseDevelopmentEmulator=true;`,
  Db: `AccountEndpoint=http://localhost:8081/;AccountKey=${SECRET}`,
  Store: "UseDevelopmentStorage=true",
};
const CLIENT = "a638d3c7-ab3a-418d-83e6-5f17a39d4fde";
const IDENTITY = {
  Hub__fullyQualifiedNamespace: "flights.servicebus.windows.net",
  Hub__credential: "managedidentity",
  Hub__clientId: CLIENT,
  Db__accountEndpoint: "https://flights.documents.azure.com:443/",
  Store__blobServiceUri: "https://flights.blob.core.windows.net",
  Store__queueServiceUri: "https://flights.queue.core.windows.net",
};

describe("settings", () => {
  it("may be connection strings of emulators", () => {
    const settings = readSettings(NEEDS, LOCAL);
    assert.deepEqual(settings.get("Event Hubs: Hub"), { kind: "connection string", value: LOCAL.Hub, emulator: true });
    assert.deepEqual(settings.get("Cosmos DB: Db"), { kind: "connection string", value: LOCAL.Db, emulator: true });
    assert.deepEqual(settings.get("Blob Storage: Store"), {
      kind: "connection string",
      value: LOCAL.Store,
      emulator: true,
    });
  });

  it("may be connection strings of Azure, and win over an identity as they do for triggers", () => {
    const settings = readSettings(NEEDS, {
      ...IDENTITY,
      Hub: `Endpoint=sb://flights.servicebus.windows.net/;SharedAccessKeyName=Root;SharedAccessKey=${SECRET}`,
      Db: `AccountEndpoint=https://flights.documents.azure.com:443/;AccountKey=${SECRET}==;`,
      Store: `DefaultEndpointsProtocol=https;AccountName=flights;AccountKey=${SECRET}==;EndpointSuffix=core.windows.net`,
    });
    for (const setting of settings.values()) {
      assert.equal(setting.kind, "connection string");
      assert.equal(setting.kind === "connection string" && setting.emulator, false);
    }
  });

  it("may be endpoints for an identity", () => {
    const settings = readSettings(NEEDS, IDENTITY);
    assert.deepEqual(settings.get("Event Hubs: Hub"), {
      kind: "identity",
      endpoint: "flights.servicebus.windows.net",
      identity: { managed: true, clientId: CLIENT },
    });
    assert.deepEqual(settings.get("Cosmos DB: Db"), {
      kind: "identity",
      endpoint: "https://flights.documents.azure.com:443/",
      identity: { managed: false, clientId: undefined },
    });
    assert.equal(settings.get("Blob Storage: Store")?.kind, "identity");
  });

  it("that are missing are named all at once, with who needs them and both ways to set them", () => {
    assert.throws(() => readSettings(NEEDS, {}), {
      code: "CONFIGURATION",
      message: `The app's settings have 3 problems:
- Hub is not set, and the trigger of "delays" needs it. Set it to a connection string of Event Hubs, or Hub__fullyQualifiedNamespace to the endpoint (NAMESPACE.servicebus.windows.net) to use the app's identity.
- Db is not set, and a sink of "delays" needs it. Set it to a connection string of Cosmos DB, or Db__accountEndpoint to the endpoint (https://ACCOUNT.documents.azure.com:443/) to use the app's identity.
- Store is not set, and the checkpoints of "delays" needs it. Set it to a connection string of Blob Storage, or Store__blobServiceUri to the endpoint (https://ACCOUNT.blob.core.windows.net) to use the app's identity.
 Locally, settings are in local.settings.json or the environment; in Azure, in the function app.`,
    });
  });

  const wrong: [string, Service, Environment, RegExp][] = [
    ["text that is none", "Event Hubs", { X: SECRET }, /X is not a connection string/],
    [
      "another service's",
      "Event Hubs",
      { X: LOCAL.Db },
      /X is not usable: its Endpoint is missing, its SharedAccessKeyName is missing, its SharedAccessKey /,
    ],
    [
      "a key that is missing",
      "Event Hubs",
      { X: "Endpoint=sb://a/;SharedAccessKeyName=R" },
      /SharedAccessKey is missing/,
    ],
    ["a hub in it", "Event Hubs", { X: `${LOCAL.Hub}EntityPath=flights` }, /EntityPath must not be there/],
    ["a key that is missing", "Cosmos DB", { X: "AccountEndpoint=https://a.b/" }, /AccountKey is missing/],
    ["no address", "Cosmos DB", { X: `AccountEndpoint=a;AccountKey=${SECRET}` }, /AccountEndpoint is not an http/],
    ["no account", "Blob Storage", { X: `AccountKey=${SECRET}` }, /AccountName is missing/],
    ["no key", "Blob Storage", { X: "AccountName=a" }, /AccountKey is missing/],
    ["a namespace with a scheme", "Event Hubs", { X__fullyQualifiedNamespace: "sb://a.b/" }, /is not a host name/],
    ["an endpoint without scheme", "Cosmos DB", { X__accountEndpoint: "a.documents.azure.com" }, /is not an http/],
    [
      "a credential nobody knows",
      "Cosmos DB",
      { X__accountEndpoint: "https://a.b/", X__credential: SECRET },
      /X__credential is not usable. Set it to "managedidentity"/,
    ],
    [
      "a client id that is none",
      "Cosmos DB",
      { X__accountEndpoint: "https://a.b/", X__clientId: SECRET },
      /X__clientId is not a client id/,
    ],
  ];
  for (const [what, service, environment, message] of wrong) {
    it(`with ${what} are refused for ${service}, without showing a value`, () => {
      assert.throws(
        () => readSettings([{ name: "X", service, usedBy: "a test" }], environment),
        (thrown: Error) => {
          assert.match(thrown.message, message);
          assert.ok(!thrown.message.includes(SECRET), thrown.message);
          return true;
        },
      );
    });
  }
});

describe("connections", () => {
  it("make each client once, of connection strings and of identities", async () => {
    for (const [environment, host] of [
      [LOCAL, /^(localhost|127\.0\.0\.1)/],
      [IDENTITY, /^flights\./],
    ] as const) {
      const connections = new AzureConnections(readSettings(NEEDS, environment));
      const [producer, again, blobs] = await Promise.all([
        connections.eventHubProducer("Hub", "flights"),
        connections.eventHubProducer("Hub", "flights"),
        connections.blobs("Store"),
      ]);
      assert.equal(producer, again);
      assert.notEqual(producer, await connections.eventHubProducer("Hub", "legs"));
      assert.match(producer.fullyQualifiedNamespace, host);
      assert.match(new URL(blobs.url).host, host);
      const consumer = await connections.eventHubConsumer("Hub", "flights", "delays-repair");
      assert.match(consumer.fullyQualifiedNamespace, host);
      assert.equal(await connections.cosmos("Db"), await connections.cosmos("Db"));
      await connections.close();
    }
  });

  it("refuse a connection that nobody declared", async () => {
    const connections = new AzureConnections(readSettings(NEEDS, LOCAL));
    await assert.rejects(connections.cosmos("Hub"), { code: "CONFIGURATION", message: /uses Hub for Cosmos DB/ });
  });
});
