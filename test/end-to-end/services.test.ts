import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { after, test } from "node:test";
import { CosmosClient } from "@azure/cosmos";
import { EventHubProducerClient } from "@azure/event-hubs";
import { BlobServiceClient } from "@azure/storage-blob";
import { LAUNCHER, temporaryAppFolder } from "./app-folder.ts";

const folder = temporaryAppFolder();
after(() => folder.remove());

test("the services alone serve the SDKs: hubs of the functions and of the command line, containers, blobs", async () => {
  const args = [LAUNCHER, "services", "--ports", "free", "--hub", "orders:3", "--hub", "audit:1"];
  const child = spawn(process.execPath, args, { cwd: folder.path, stdio: ["ignore", "pipe", "inherit"] });
  const settings = new Map<string, string>();
  for await (const line of createInterface({ input: child.stdout })) {
    const [, name, value] = /^ {2}(\w+)=(.+)$/.exec(line) ?? [];
    if (name !== undefined && value !== undefined) settings.set(name, value);
    if (line.startsWith("Ready.")) break;
  }
  const hubs = settings.get("EventHubConnection") as string;
  for (const [hub, partitions] of [
    ["orders", 3],
    ["audit", 1],
    ["flights", 4],
    ["legs", 4],
  ] as const) {
    const producer = new EventHubProducerClient(hubs, hub);
    assert.equal((await producer.getPartitionIds()).length, partitions, hub);
    await producer.sendBatch([{ body: "hello" }]);
    await producer.close();
  }
  const cosmos = new CosmosClient(settings.get("CosmosConnection") as string);
  const { resources } = await cosmos.database("analytics").containers.readAll().fetchAll();
  assert.deepEqual(resources.map(({ id }) => id).sort(), ["delays", "routes"]);
  cosmos.dispose();
  const container = BlobServiceClient.fromConnectionString(settings.get("TidemarkStorage") as string);
  await container.createContainer("anything");

  child.kill("SIGINT");
  assert.deepEqual(await once(child, "exit"), [0, null]);
});
