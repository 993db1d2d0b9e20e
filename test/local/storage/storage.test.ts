import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { BlobServiceClient } from "@azure/storage-blob";
import { QueueServiceClient } from "@azure/storage-queue";
import { startStorage } from "../../../lib/local/storage/index.ts";

const FREE_PORTS = { blobPort: 0, queuePort: 0, tablePort: 0 };

const containerOf = (connectionString: string) =>
  BlobServiceClient.fromConnectionString(connectionString).getContainerClient("kept");

describe("local storage", () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "tidemark-storage-"));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  it("serves blobs and queues to the unmodified SDKs", async () => {
    const storage = await startStorage(FREE_PORTS);
    try {
      const container = containerOf(storage.connectionString);
      await container.create();
      await container.getBlockBlobClient("a").upload("text", 4);
      assert.equal((await container.getBlobClient("a").downloadToBuffer()).toString(), "text");

      const queue = QueueServiceClient.fromConnectionString(storage.connectionString).getQueueClient("letters");
      await queue.create();
      await queue.sendMessage("hello");
      const received = await queue.receiveMessages();
      assert.equal(received.receivedMessageItems[0]?.messageText, "hello");
    } finally {
      await storage.stop();
    }
  });

  it("keeps what was written over stop and start", async () => {
    const dataFolder = join(folder, "stopped");
    const first = await startStorage({ ...FREE_PORTS, dataFolder });
    const container = containerOf(first.connectionString);
    await container.create();
    const log = container.getAppendBlobClient("log");
    await log.create();
    await log.appendBlock("one", 3);
    await log.appendBlock("two", 3);
    await first.stop();

    const second = await startStorage({ ...FREE_PORTS, dataFolder });
    try {
      const again = containerOf(second.connectionString).getAppendBlobClient("log");
      assert.equal((await again.downloadToBuffer()).toString(), "onetwo");
      await again.appendBlock("three", 5, { conditions: { appendPosition: 6 } });
      assert.equal((await again.getProperties()).contentLength, 11);
    } finally {
      await second.stop();
    }
  });

  it("keeps all that is older than a save when it is killed", async () => {
    const dataFolder = join(folder, "killed");
    const first = await startStorage({ ...FREE_PORTS, dataFolder });
    const container = containerOf(first.connectionString);
    await container.create();
    await container.getBlockBlobClient("old").upload("old", 3);
    await sleep(1500);
    process.kill(first.pid ?? 0, "SIGKILL");
    await first.stop();

    const second = await startStorage({ ...FREE_PORTS, dataFolder });
    try {
      const blob = containerOf(second.connectionString).getBlobClient("old");
      assert.equal((await blob.downloadToBuffer()).toString(), "old");
    } finally {
      await second.stop();
    }
  });

  it("answers readers of long logs although it may not open a file for each of their appends", async (t) => {
    const storage = await startStorage({ ...FREE_PORTS, dataFolder: join(folder, "narrow") });
    try {
      const limited = spawnSync("prlimit", ["--pid", String(storage.pid), "--nofile=200:200"]);
      if (limited.error !== undefined) return t.skip("prlimit is not installed");
      const container = containerOf(storage.connectionString);
      await container.create();
      const log = container.getAppendBlobClient("log");
      await log.create();
      for (let i = 0; i < 100; i++) await log.appendBlock("x", 1);
      const read = await Promise.all(Array.from({ length: 8 }, () => log.downloadToBuffer()));
      assert.deepEqual([...new Set(read.map(String))], ["x".repeat(100)]);
    } finally {
      await storage.stop();
    }
  });

  it("names the port that is in use", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    try {
      await assert.rejects(startStorage({ ...FREE_PORTS, queuePort: port }), {
        code: "PORT_TAKEN",
        message: `Port ${port} for the queue service is in use. Stop what listens there or choose another port.`,
      });
    } finally {
      server.close();
    }
  });
});
