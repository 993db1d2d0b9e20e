import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { BlobServiceClient } from "@azure/storage-blob";
import { hastyWorld } from "../support/hasty-world.ts";
import { type ManagedIdentity, startManagedIdentity, startTokenGate } from "../support/managed-identity.ts";
import { signatureFor } from "../support/shared-access.ts";
import { sell, startTills } from "../support/tills.ts";

const LIFETIME = 6_000;

let shop: Awaited<ReturnType<typeof startTills>>;
let identity: ManagedIdentity;
let gate: Awaited<ReturnType<typeof startTokenGate>>;

before(async () => {
  shop = await startTills(30);
  identity = await startManagedIdentity(LIFETIME);
  const { ports, connectionString } = shop.storage;
  await BlobServiceClient.fromConnectionString(connectionString).createContainer("tidemark");
  gate = await startTokenGate(ports.blob, signatureFor(connectionString, "rwdlac", 600_000));
});
after(async () => {
  await shop?.stop();
  await Promise.all([identity?.close(), gate?.close()]);
});

test("a token that cannot be renewed is told, and the same process goes on with the next that there is", async () => {
  const one = shop.start(hastyWorld(), {
    TidemarkStorage: "",
    TidemarkStorage__blobServiceUri: gate.endpoint,
    TidemarkStorage__credential: "managedidentity",
  });
  await sell(one, 0, 12);
  const before = identity.issued;
  identity.refuse(true);
  await sleep(LIFETIME + 500);
  for (let i = 0; i < 2; i++) {
    await assert.rejects(sell(one, 12, 30), {
      code: "UNAVAILABLE",
      retryable: true,
      message: /Blob storage could not be asked: the app's identity gets no token \(.*\)\..* Check the identity/,
    });
  }
  identity.refuse(false);
  await sell(one, 12, 30);
  assert.ok(before > 0 && identity.issued > before);
  assert.deepEqual(await shop.sales(), [5, 5, 5, 5, 5]);
  assert.equal(gate.refused, 0, "no request went out with a token that had expired");
});
