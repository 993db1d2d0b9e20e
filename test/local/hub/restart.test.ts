import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { EventHubProducerClient } from "@azure/event-hubs";
import { startHubServer } from "../../../lib/local/hub/index.ts";
import { impatient, numbered, numbers, receive, startTestHub, until } from "./support.ts";

function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "hub-restart-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

test("a stopped server goes on exactly where it was", async (t) => {
  const dataFolder = temporaryFolder(t);
  const hubs = [{ name: "Events", partitions: 2 }];
  const first = await startTestHub(t, { dataFolder, hubs });
  const producer = first.producer();
  await producer.sendBatch(numbered(5), { partitionId: "0" });
  await producer.sendBatch(numbered(3, 5), { partitionId: "1" });
  const before = {
    hub: await producer.getEventHubProperties(),
    partitions: await Promise.all(["0", "1"].map((id) => producer.getPartitionProperties(id))),
    events: (await receive(first.consumer(), { count: 5, partition: "0" })).map(essence),
  };
  await producer.close();
  await first.server.stop();

  const second = await startTestHub(t, { dataFolder, hubs });
  const again = second.producer();
  assert.deepEqual(await again.getEventHubProperties(), before.hub);
  assert.deepEqual(await Promise.all(["0", "1"].map((id) => again.getPartitionProperties(id))), before.partitions);
  await again.sendBatch(numbered(1, 8), { partitionId: "0" });
  const events = await receive(second.consumer(), { count: 6, partition: "0" });
  assert.deepEqual(events.slice(0, 5).map(essence), before.events);
  assert.equal(events[5]?.sequenceNumber, 5);
});

function essence({ body, offset, sequenceNumber, enqueuedTimeUtc }: Awaited<ReturnType<typeof receive>>[number]) {
  return { body, offset, sequenceNumber, enqueuedTimeUtc };
}

test("a hub grows between runs but never shrinks", async (t) => {
  const dataFolder = temporaryFolder(t);
  const first = await startHubServer({ hubs: [{ name: "events", partitions: 2 }], port: 0, dataFolder });
  await first.stop();
  const second = await startTestHub(t, { hubs: [{ name: "events", partitions: 4 }], dataFolder });
  const producer = second.producer();
  assert.deepEqual((await producer.getEventHubProperties()).partitionIds, ["0", "1", "2", "3"]);
  second.server.declare({ name: "events", partitions: 5 });
  await producer.sendBatch(numbered(1), { partitionId: "4" });
  assert.throws(() => second.server.declare({ name: "events", partitions: 3 }), { code: "CONFIGURATION" });
  await producer.close();
  await second.server.stop();
  await assert.rejects(startHubServer({ hubs: [{ name: "events", partitions: 4 }], port: 0, dataFolder }), {
    code: "CONFIGURATION",
    message: /has 5 partitions and can't shrink to 4/,
  });
});

test("killing the server loses nothing that was acknowledged", async (t) => {
  const dataFolder = temporaryFolder(t);
  const child = fork(new URL("./restart-server.ts", import.meta.url), [dataFolder]);
  const [connectionString] = (await once(child, "message")) as [string];
  // A send whose connection breaks waits for its time-out.
  const retryOptions = { ...impatient, timeoutInMs: 1000 };
  const producer = new EventHubProducerClient(connectionString, "events", { retryOptions });
  const acknowledged: number[] = [];
  let next = 0;
  const publishing = (async () => {
    for (;;) {
      const n = next;
      next += 10;
      await producer.sendBatch(numbered(10, n), { partitionId: "0" });
      acknowledged.push(n);
    }
  })().catch(() => undefined);
  await until(() => acknowledged.length > 50);
  child.kill("SIGKILL");
  await once(child, "exit");
  await publishing;
  await producer.close();
  const { server, consumer } = await startTestHub(t, { dataFolder, hubs: [{ name: "events", partitions: 2 }] });
  const count = server.partitionInfo("events", 0).lastSequence + 1;
  const read = new Set(numbers(await receive(consumer(), { count, partition: "0" })));
  for (const n of acknowledged) for (let i = n; i < n + 10; i++) assert.ok(read.has(i), `event ${i} is gone`);
});
