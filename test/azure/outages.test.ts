import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { BlobServiceClient } from "@azure/storage-blob";
import type { Runtime } from "../../lib/azure/runtime.ts";
import { azureBlobs } from "../../lib/checkpoint/azure-blobs.ts";
import { createCheckpointStore } from "../../lib/checkpoint/index.ts";
import { hastyWorld } from "../support/hasty-world.ts";
import { sell, startTills } from "../support/tills.ts";
import { openWay, type Way } from "../support/way.ts";

const TEN_MINUTES = 600_000;
/** The most that the host waits before it gives a batch again. */
const HOST_DELAY = 5_000;

describe("a service that is away for ten minutes, with the way to it cut behind a request", () => {
  let shop: Awaited<ReturnType<typeof startTills>>;
  let ways: { readonly database: Way; readonly storage: Way };
  let through: { readonly CosmosConnection: string; readonly TidemarkStorage: string };
  let one: Runtime;
  let late: Runtime;
  const world = hastyWorld();

  before(async () => {
    shop = await startTills(30);
    const { database, storage, settings } = shop;
    ways = { database: await openWay(database.port), storage: await openWay(storage.ports.blob) };
    through = {
      CosmosConnection: settings.CosmosConnection.replace(`:${database.port}/`, `:${ways.database.port}/`),
      TidemarkStorage: settings.TidemarkStorage.replace(`:${storage.ports.blob}/`, `:${ways.storage.port}/`),
    };
    one = shop.start(world, through);
    await sell(one, 0, 10);
  });
  after(async () => {
    await Promise.all([ways?.database.close(), ways?.storage.close()]);
    await shop?.stop();
  });

  /** Gives a batch again for ten minutes, as the host does; each time it is refused with these words. */
  async function failForTenMinutes(from: number, to: number, words: RegExp): Promise<number> {
    let tries = 0;
    for (const end = world.now() + TEN_MINUTES; world.now() < end; tries++) {
      await assert.rejects(sell(one, from, to), { code: "UNAVAILABLE", retryable: true, message: words });
      await world.sleep(HOST_DELAY);
    }
    return tries;
  }

  async function standing() {
    const { connectionString } = shop.storage;
    const container = BlobServiceClient.fromConnectionString(connectionString).getContainerClient("tidemark");
    const logs = createCheckpointStore({ blobs: azureBlobs(container), world });
    const { position, sequence = 0, ledger } = (await logs.peek({ pipeline: "tills", partition: "0" })) ?? {};
    return { position, sequence, processed: ledger?.source.processed };
  }

  it("storage: every try says why, and one frame holds the batch, though nobody heard that it was there", async () => {
    const { sequence } = await standing();
    ways.storage.cutBehind("comp=appendblock");
    const refusal = /Blob storage did not answer for sure: \w+ of "checkpoints\/tills\/0\/.*": [^.]/;
    const tries = await failForTenMinutes(10, 20, refusal);
    assert.ok(tries > 50, `${tries}`);
    // So does a process that begins in the midst of it.
    late = shop.start(world, through);
    await assert.rejects(sell(late, 10, 20), {
      code: "UNAVAILABLE",
      retryable: true,
      message: /Blob storage did not answer for sure: create of "tidemark": [^.]/,
    });
    ways.storage.mend();
    await sell(one, 10, 20);
    // The frame that nobody heard of, and the fence of the opening that found it: the batch again was a repetition.
    assert.deepEqual(await standing(), { position: 20, sequence: sequence + 2, processed: 20 });
    assert.deepEqual(await shop.sales(), [5, 5, 5]);
  });

  it("Cosmos DB: every half minute says why, nothing newer is committed, and what was written is written once", async () => {
    const { sequence } = await standing();
    ways.database.cutBehind("POST /dbs");
    const refusal = /Cosmos DB \(test\/tills\) did not take everything in the time given: [^.]/;
    const tries = await failForTenMinutes(20, 30, refusal);
    assert.ok(tries > 10, `${tries}`);
    assert.deepEqual(await standing(), { position: 30, sequence: sequence + 1, processed: 30 });
    ways.database.mend();
    await sell(one, 20, 30);
    assert.deepEqual(await shop.sales(), [5, 5, 5, 5, 5]);
  });

  it("is over for a process too that began in the midst of it", async () => {
    const { sequence } = await standing();
    await sell(late, 25, 30);
    assert.deepEqual(await standing(), { position: 30, sequence: sequence + 1, processed: 30 });
  });
});
