import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, it } from "node:test";
import { AggregateAuthenticationError, AuthenticationError, CredentialUnavailableError } from "@azure/identity";
import { BlobServiceClient } from "@azure/storage-blob";
import { azureBlobs, CHECKPOINT_CLIENT_OPTIONS } from "../../lib/checkpoint/azure-blobs.ts";
import { type BlobPort, createCheckpointStore } from "../../lib/checkpoint/index.ts";
import type { TidemarkError } from "../../lib/errors.ts";
import { type Storage, startStorage } from "../../lib/local/storage/index.ts";
import { memoryBlobs } from "../../lib/testing/memory-blobs.ts";
import { blobPortConformance } from "./blob-port-conformance.ts";
import { frameOf, plain, SHAPE, seededWorld, start, TASK } from "./support.ts";

describe("blob port in memory", () => {
  const port = memoryBlobs();
  blobPortConformance(() => port);
});

describe("blob port of the storage service", () => {
  let storage: Storage;
  let port: BlobPort;
  before(async () => {
    storage = await startStorage({ blobPort: 0, queuePort: 0, tablePort: 0 });
    const service = BlobServiceClient.fromConnectionString(storage.connectionString, CHECKPOINT_CLIENT_OPTIONS);
    const container = service.getContainerClient("logs");
    await container.create();
    port = azureBlobs(container);
  });
  after(() => storage.stop());

  blobPortConformance(() => port);

  it("carries a log through rotations and snapshots", async () => {
    const limits = { segmentAppends: 4, inlineBytes: 200, slicePause: 0 };
    const store = createCheckpointStore({ blobs: port, world: seededWorld(1), limits });
    const log = await store.open(TASK, SHAPE, start);
    for (let position = 8; position < 68; position++) {
      const values = Array.from({ length: 20 }, (_, index) => Math.imul(position + index, 2_654_435_761));
      await log.append(frameOf(position, { [`k${position % 5}`]: values[0], ...(position % 9 === 0 && { values }) }));
    }
    assert.equal((await store.peek(TASK))?.position, 67);
    const other = createCheckpointStore({ blobs: port, world: seededWorld(2), limits });
    const { recovered } = await other.open(TASK, SHAPE, start);
    const counts = plain(recovered.state).counts?.[0] ?? {};
    assert.deepEqual(Object.keys(counts).toSorted(), ["k0", "k1", "k2", "k3", "k4", "values"]);
    assert.equal(counts.k2, Math.imul(67, 2_654_435_761));
    assert.equal(await log.superseded(), true);
    await assert.rejects(log.append(frameOf(68, {})), { code: "FENCED" });
    assert.ok((await port.list("checkpoints/")).length < 20, "superfluous blobs were removed");
  });

  it("names the container that does not exist", async () => {
    const service = BlobServiceClient.fromConnectionString(storage.connectionString, CHECKPOINT_CLIENT_OPTIONS);
    const nowhere = azureBlobs(service.getContainerClient("nowhere"));
    for (const call of [() => nowhere.list("a"), () => nowhere.append("a", 0, Buffer.from("x"))]) {
      await assert.rejects(call(), { code: "NOT_FOUND", retryable: false });
    }
  });
});

describe("blob port over a service in trouble", () => {
  let server: Server;
  let answer: (respond: (status: number, code: string) => void) => void;
  let requests = 0;
  before(async () => {
    server = createServer((request, response) => {
      requests++;
      request.resume();
      answer((status, code) => {
        response.writeHead(status, { "x-ms-error-code": code });
        response.end();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });

  const append = (timeout: number): Promise<unknown> => {
    const { port } = server.address() as AddressInfo;
    const key = Buffer.from("key").toString("base64");
    const service = BlobServiceClient.fromConnectionString(
      `DefaultEndpointsProtocol=http;AccountName=a;AccountKey=${key};BlobEndpoint=http://127.0.0.1:${port}/a`,
      CHECKPOINT_CLIENT_OPTIONS,
    );
    return azureBlobs(service.getContainerClient("c"), { timeout }).append("b", 0, Buffer.from("x"));
  };

  for (const [status, code] of [
    [500, "InternalError"],
    [503, "ServerBusy"],
    [429, "TooManyRequests"],
    [408, "RequestTimeout"],
  ] as const) {
    it(`does not know what happened after ${status}, and asks once only`, async () => {
      answer = (respond) => respond(status, code);
      requests = 0;
      await assert.rejects(append(5_000), { code: "UNAVAILABLE", retryable: true });
      assert.equal(requests, 1);
    });
  }

  it("does not know what happened when no answer comes", async () => {
    answer = () => {};
    await assert.rejects(append(100), { code: "UNAVAILABLE", retryable: true });
  });

  it("does not know what happened when the connection breaks", async () => {
    answer = () => server.closeAllConnections();
    await assert.rejects(append(5_000), { code: "UNAVAILABLE", retryable: true });
  });

  it("says why it does not know", async () => {
    answer = (respond) => respond(503, "ServerBusy");
    await assert.rejects(append(5_000), { message: /: append of "b": ServerBusy, status 503\.$/ });
    answer = () => server.closeAllConnections();
    await assert.rejects(append(5_000), { message: /: append of "b": .*socket hang up/ });
  });

  it("knows that a refusal is one", async () => {
    answer = (respond) => respond(403, "AuthorizationPermissionMismatch");
    await assert.rejects(append(5_000), { code: "UNAVAILABLE", retryable: false });
  });
});

describe("blob port of an identity that gets no token", () => {
  const expired = {
    error: "invalid_client",
    error_description: "AADSTS7000222: The secret has expired.\r\nTrace ID: 1",
  };
  for (const [thrown, reason] of [
    [new CredentialUnavailableError("no managed identity endpoint found."), "no managed identity endpoint found"],
    [new AuthenticationError(401, expired), "AADSTS7000222: The secret has expired"],
    [
      new AggregateAuthenticationError([new Error("a")], "ChainedTokenCredential failed."),
      "ChainedTokenCredential failed",
    ],
  ] as const) {
    it(`${thrown.name} is told with its reason, and is worth another try`, async () => {
      const credential = { getToken: () => Promise.reject(thrown) };
      const service = new BlobServiceClient("https://localhost", credential, CHECKPOINT_CLIENT_OPTIONS);
      const nobody = azureBlobs(service.getContainerClient("c"));
      for (const call of [() => nobody.list("a"), () => nobody.append("a", 0, Buffer.from("x"))]) {
        const error = await call().then(
          () => assert.fail("it was done"),
          (failure: TidemarkError) => failure,
        );
        assert.deepEqual([error.code, error.retryable], ["UNAVAILABLE", true]);
        assert.ok(error.message.startsWith("Blob storage could not be asked: the app's identity gets no token ("));
        assert.ok(error.message.includes(reason) && !error.message.includes("\n"), error.message);
        assert.match(error.fix ?? "", /Check the identity/);
      }
    });
  }
});

it("memory blobs let a hook lose, delay and refuse calls", async () => {
  const blobs = memoryBlobs();
  await blobs.createAppend("a");
  const { sleep } = seededWorld();
  let land: () => unknown = () => {};
  const late = blobs.via(async (_call, proceed) => {
    land = proceed;
    throw new Error("no answer");
  });
  const sent = Buffer.from("late");
  await assert.rejects(late.append("a", 0, sent));
  sent.fill(0);
  assert.equal(await blobs.size("a"), 0);
  await sleep(0);
  land();
  assert.equal(blobs.contents("a")?.toString(), "late");
  assert.equal(blobs.calls.append, 1);
});
