import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { hastyWorld } from "../support/hasty-world.ts";
import { signedFor } from "../support/shared-access.ts";
import { sell, startTills } from "../support/tills.ts";

describe("credentials that are not right any more", () => {
  let shop: Awaited<ReturnType<typeof startTills>>;
  let refusing = false;
  const world = hastyWorld();

  before(async () => {
    shop = await startTills(20);
    shop.database.inject({ status: 401, times: 1_000_000, match: ({ path }) => refusing && path.includes("/docs") });
  });
  after(() => shop?.stop());

  const otherKey = (connection: string) =>
    connection.replace(/(Key=)[^;]+/, `$1${Buffer.from("another key").toString("base64")}`);

  it("of the hub are named, and what to check", async () => {
    const one = shop.start(world, { EventHubConnection: otherKey(shop.settings.EventHubConnection) });
    await assert.rejects(sell(one, 0, 10), {
      code: "CONFIGURATION",
      message: /Hub "tills" refuses the app.*Check the key of the connection string, or the roles/,
    });
  });

  it("of the storage account are named, and what to check", async () => {
    const one = shop.start(world, { TidemarkStorage: otherKey(shop.settings.TidemarkStorage) });
    await assert.rejects(sell(one, 0, 10), {
      message: /Blob storage refused .*(.|\n)*Check the key of the connection string, or that the app's identity/,
    });
  });

  it("of a sink are named within half a minute; nothing is lost, and the same process goes on when they are right", async () => {
    const one = shop.start(world);
    refusing = true;
    for (let i = 0; i < 2; i++) {
      await assert.rejects(sell(one, 0, 10), {
        code: "UNAVAILABLE",
        retryable: true,
        message: /Cosmos DB \(test\/tills\) .* It refuses the app: check the key(.|\n)*delivered as soon as/,
      });
    }
    refusing = false;
    await sell(one, 0, 10);
    assert.deepEqual(await shop.sales(), [5]);
  });

  it("of the storage account expire between two batches: nothing is lost, and the next process goes on", async () => {
    const lifetime = 6_000;
    const signed = (milliseconds: number) => signedFor(shop.settings.TidemarkStorage, "rwdlac", milliseconds);
    const expiry = Date.now() + lifetime;
    const one = shop.start(world, { TidemarkStorage: signed(lifetime) });
    await sell(one, 0, 12);
    await sleep(expiry + 1_100 - Date.now());
    for (let i = 0; i < 2; i++) {
      await assert.rejects(sell(one, 12, 20), {
        code: "UNAVAILABLE",
        message: /Blob storage refused \w+ of "checkpoints\/tills\/0\/(.|\n)*Check the key of the connection string/,
      });
    }
    await sell(shop.start(world, { TidemarkStorage: signed(60_000) }), 12, 20);
    assert.deepEqual(await shop.sales(), [5, 5, 5]);
  });
});
