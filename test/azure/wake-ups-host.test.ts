import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { EventHubProducerClient } from "@azure/event-hubs";
import { type CosmosServer, startCosmosServer } from "../../lib/local/cosmos/index.ts";
import { type HubServer, startHubServer } from "../../lib/local/hub/index.ts";
import { startStorage } from "../../lib/local/storage/index.ts";
import { startObserved, writeApp } from "../local/host/support.ts";

const LIBRARY = fileURLToPath(new URL("../../lib/index.ts", import.meta.url));

/** No trigger brings events to this pipeline: whatever happens, wake-ups and sweep do it. */
const APP = `
import { app } from "@azure/functions";
import { z } from "zod";
import { cosmos, count, handle, stream, sweep, tumbling, wakeUps } from ${JSON.stringify(LIBRARY)};

const visits = stream("visits", z.object({ at: z.number(), place: z.string() }))
  .eventTime((visit) => visit.at, { outOfOrder: 0, idle: "500ms" })
  .keyBy((visit) => visit.place)
  .window(tumbling("5s"))
  .aggregate("stats", { visits: count() })
  .map("document", ({ key: place, ...stats }) => ({ id: stats.windowStart, place, ...stats }))
  .to(cosmos({ databaseName: "test", containerName: "visits", partitionKey: "/place" }));
handle(visits, { eventHubName: "visits", partitions: 2 });
app.storageQueue("wake-ups", wakeUps());
app.timer("sweep", sweep({ every: "12h" }));
`;

let hub: HubServer;
let database: CosmosServer;
let storage: Awaited<ReturnType<typeof startStorage>>;

before(async () => {
  hub = await startHubServer({ port: 0, hubs: [{ name: "visits", partitions: 2, consumerGroups: ["visits-repair"] }] });
  database = await startCosmosServer({ port: 0 });
  database.ensureContainer("test", "visits", ["/place"]);
  storage = await startStorage({ blobPort: 0, queuePort: 0, tablePort: 0 });
});
after(async () => {
  await Promise.all([hub?.stop(), database?.stop(), storage?.stop()]);
});

test("in a Functions host, the sweep at the start reads what waits, and a message closes its window", async () => {
  const producer = new EventHubProducerClient(hub.connectionString, "visits");
  await producer.sendBatch([{ body: { at: 0, place: "here" } }], { partitionId: "1" });
  await producer.close();
  const app = await writeApp({ "main.ts": APP });
  const observed = await startObserved({
    appFolder: app.folder,
    settings: {
      AzureWebJobsStorage: storage.connectionString,
      TidemarkStorage: storage.connectionString,
      EventHubConnection: hub.connectionString,
      CosmosConnection: database.connectionString,
    },
  });
  try {
    const done = () => observed.logs.some(({ message }) => /"results":1/.test(message));
    for (const end = Date.now() + 60_000; !done() && Date.now() < end; ) await sleep(100);
    assert.ok(done(), JSON.stringify(observed.logs));
    await observed.until(() => observed.events.filter(({ kind }) => kind === "invocation-finished").length > 1);
    const invocations = observed.events.flatMap((event) =>
      event.kind === "invocation-finished" ? [[event.functionName, event.error]] : [],
    );
    assert.equal(invocations[0]?.[0], "sweep");
    assert.ok(
      observed.events.some((event) => event.kind === "invocation-started" && event.functionName === "wake-ups"),
    );
    assert.ok(invocations.every(([, error]) => error === undefined));
  } finally {
    await observed.host.stop({ timeoutMs: 1_000 });
    await app.remove();
  }
});
