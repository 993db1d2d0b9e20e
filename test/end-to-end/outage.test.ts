import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { CosmosClient } from "@azure/cosmos";
import { departures } from "../../lib/cli/flights/departures.ts";
import { flightMessages } from "../../lib/cli/flights/messages.ts";
import { Publisher } from "../../lib/cli/flights/publisher.ts";
import { openFlights } from "../../lib/cli/flights/read-flights.ts";
import { waitForEnd } from "../../lib/cli/once/once.ts";
import { Watcher } from "../../lib/cli/once/watcher.ts";
import { openSession } from "../../lib/cli/session.ts";
import { verify } from "../../lib/cli/verify/verify.ts";
import { BulkSender } from "../../lib/local/hub-client/bulk-sender.ts";

const EVENTS = 2000;
const DOWN_MS = 1500;

test("Cosmos DB and storage go away and come back in the middle of a run: nothing is lost or doubled", async () => {
  const folder = await mkdtemp(join(tmpdir(), "tidemark-test-"));
  const heard: string[] = [];
  const watcher = new Watcher((text) => heard.push(text));
  const session = await openSession({
    ...{ folder, ports: "free", cosmosSinks: true },
    ...{ onLog: watcher.log, onEvent: watcher.event },
  });
  try {
    const { services } = session;
    const flights = await openFlights(EVENTS);
    const sender = new BulkSender(services.settings.EventHubConnection, "flights");
    const publisher = new Publisher(sender, 4);
    let published = 0;
    const outages = new Map<number, "cosmos" | "storage">([
      [500, "cosmos"],
      [1200, "storage"],
    ]);
    for await (const messages of flightMessages(flights.table, departures(flights), { noise: 0.01, seed: 3 })) {
      for (const message of messages) {
        publisher.add(message);
        const down = outages.get(++published);
        if (down !== undefined) await services.stopService(down);
        if (published % 100 === 0) await publisher.flush();
        if (down !== undefined) {
          await sleep(DOWN_MS);
          await services.startService(down);
        }
      }
    }
    await publisher.end();
    await sender.close();
    const logs = await waitForEnd(session, watcher);
    const found = await verify({ settings: services.settings, logs, documents: true });
    assert.deepEqual(found.firstDifferences, [], heard.join("\n"));
    assert.equal(found.balanced, true);
    assert.equal(found.events, EVENTS);

    // The verification itself must notice: a wrong figure, a document too few, a document too many.
    const cosmos = new CosmosClient(services.settings.CosmosConnection);
    const { items } = cosmos.database("analytics").container("delays");
    const { resources } = await items.query("SELECT TOP 2 * FROM c").fetchAll();
    const [wrong, gone] = resources;
    await items.upsert({ ...wrong, avgDelay: wrong.avgDelay + 1 });
    await cosmos.database("analytics").container("delays").item(gone.id, gone.origin).delete();
    await items.create({ id: "surplus", origin: "XYZ", windowStart: "2001-01-01T00:00:00.000Z" });
    cosmos.dispose();
    const again = await verify({ settings: services.settings, logs, documents: true });
    assert.equal(again.differences, 3, again.firstDifferences.join("\n"));
    for (const words of [/has avgDelay .* and it should be/, /is missing/, /should not be there/]) {
      assert.ok(
        again.firstDifferences.some((text) => words.test(text)),
        String(words),
      );
    }
  } finally {
    watcher.close();
    await session.stop();
    await rm(folder, { recursive: true, force: true });
  }
});
