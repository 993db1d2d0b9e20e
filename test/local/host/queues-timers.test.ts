import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { EventHubConsumerClient, earliestEventPosition } from "@azure/event-hubs";
import { type QueueClient, QueueServiceClient } from "@azure/storage-queue";
import { startHubServer } from "../../../lib/local/hub/index.ts";
import { type Storage, startStorage } from "../../../lib/local/storage/index.ts";
import { type ObservedHost, startObserved, type TestApp, writeApp } from "./support.ts";

const QUEUES = `
import { app, output } from "@azure/functions";
const reply = output.storageQueue({ connection: "AzureWebJobsStorage", queueName: "replies" });
app.storageQueue("letters", {
  connection: "AzureWebJobsStorage", queueName: "letters", extraOutputs: [reply],
  handler: async (message, context) => {
    context.log(JSON.stringify({ message, dequeued: context.triggerMetadata.dequeueCount, id: context.triggerMetadata.id }));
    if (message === "poison") throw new Error("not this one");
    if (message.slow) await new Promise((resolve) => setTimeout(resolve, 200));
    if (message.reply) context.extraOutputs.set(reply, [message.reply, { second: true }]);
    context.log(JSON.stringify({ done: message }));
  },
});
`;

const encoded = (value: unknown) =>
  Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64");

describe("storage queues and timers", () => {
  let storage: Storage;
  let service: QueueServiceClient;
  let app: TestApp;
  let observed: ObservedHost;
  before(async () => {
    storage = await startStorage({ blobPort: 0, queuePort: 0, tablePort: 0 });
    service = QueueServiceClient.fromConnectionString(storage.connectionString);
  });
  after(() => storage.stop());
  afterEach(async () => {
    await observed.host.stop();
    await app.remove();
    for await (const { name } of service.listQueues()) await service.deleteQueue(name);
  });

  async function open(source: string, settings: Record<string, string> = {}, queues: object = {}): Promise<void> {
    const extensions = { queues: { maxPollingInterval: "00:00:00.1", ...queues } };
    app = await writeApp({ "main.ts": source }, { version: "2.0", extensions });
    observed = await startObserved({
      appFolder: app.folder,
      settings: { AzureWebJobsStorage: storage.connectionString, ...settings },
    });
  }

  async function queue(name: string): Promise<QueueClient> {
    const client = service.getQueueClient(name);
    await client.createIfNotExists();
    return client;
  }

  const depth = async (client: QueueClient) => (await client.getProperties()).approximateMessagesCount;

  it("gives a message, parsed, and removes it when the function succeeds", async () => {
    const letters = await queue("letters");
    await letters.sendMessage(encoded({ a: 1 }));
    await open(QUEUES);
    await observed.until(() => observed.said().length === 2);
    const [first] = observed.said() as { message: unknown; dequeued: number; id: string }[];
    assert.deepEqual([first?.message, first?.dequeued, typeof first?.id], [{ a: 1 }, 1, "string"]);
    await observed.until(() => observed.host.status()[0]?.invocations === 1);
    await observed.host.stop();
    assert.equal(await depth(letters), 0);
  });

  it("waits for a queue that is not there yet", async () => {
    await open(QUEUES);
    await (await queue("letters")).sendMessage(encoded("late"));
    await observed.until(() => observed.said().length === 2);
  });

  it("hides a message for as long as its sender asked", async () => {
    const letters = await queue("letters");
    await open(QUEUES);
    await letters.sendMessage(encoded("later"), { visibilityTimeout: 2 });
    await letters.sendMessage(encoded("now"));
    await observed.until(() => observed.said().length === 4);
    const order = (observed.said() as { done?: unknown }[]).flatMap(({ done }) => done ?? []);
    assert.deepEqual(order, ["now", "later"]);
  });

  it("moves a message that fails too often to the poison queue", async () => {
    const letters = await queue("letters");
    await letters.sendMessage(encoded("poison"));
    await open(QUEUES, {}, { maxDequeueCount: 3 });
    await observed.until(() => observed.logs.some(({ message }) => /Moving message to queue/.test(message)));
    const counts = (observed.said() as { dequeued: number }[]).map(({ dequeued }) => dequeued);
    assert.deepEqual(counts, [1, 2, 3]);
    await observed.host.stop();
    const poison = await service.getQueueClient("letters-poison").peekMessages();
    assert.equal(poison.peekedMessageItems[0]?.messageText, encoded("poison"));
    assert.equal(await depth(letters), 0);
  });

  it("fails a message that is not base64, unless host.json says that they are plain", async () => {
    const letters = await queue("letters");
    await letters.sendMessage("not base64!");
    await open(QUEUES, {}, { maxDequeueCount: 1 });
    await observed.until(() => observed.logs.some(({ message }) => /The message is not base64/.test(message)));
    await observed.until(() => observed.logs.some(({ message }) => /Moving message/.test(message)));
    await observed.host.stop();
    await app.remove();
    assert.deepEqual(observed.said(), []);
    await letters.sendMessage("not base64!");
    await open(QUEUES, {}, { messageEncoding: "none" });
    await observed.until(() => observed.said().length === 2);
  });

  it("runs no more than batchSize + newBatchSize messages at once", async () => {
    const letters = await queue("letters");
    for (let i = 0; i < 7; i++) await letters.sendMessage(encoded({ slow: true, i }));
    await open(QUEUES, {}, { batchSize: 2, newBatchSize: 1 });
    await observed.until(() => observed.said().length === 14);
    let running = 0;
    let most = 0;
    for (const { kind } of observed.events) {
      if (kind === "invocation-started") running++;
      if (kind === "invocation-finished") running--;
      most = Math.max(most, running);
    }
    assert.ok(most >= 2 && most <= 3, `at most ${most} ran at once`);
  });

  it("writes an array of outputs as several messages", async () => {
    await (await queue("letters")).sendMessage(encoded({ reply: "first" }));
    await open(QUEUES);
    await observed.until(() => observed.events.some(({ kind }) => kind === "invocation-finished"));
    const { receivedMessageItems } = await service.getQueueClient("replies").receiveMessages({ numberOfMessages: 5 });
    const texts = receivedMessageItems.map(({ messageText }) => Buffer.from(messageText, "base64").toString());
    assert.deepEqual(texts, ["first", '{"second":true}']);
  });

  it("fires a timer on its schedule and at start, one at a time, and sends what it returns to a hub", async () => {
    const hubs = [{ name: "ticks", partitions: 1, consumerGroups: [] }];
    const hub = await startHubServer({ hubs, port: 0 });
    const consumer = new EventHubConsumerClient("$Default", hub.connectionString, "ticks");
    try {
      await open(
        `import { app, output } from "@azure/functions";
         app.timer("tick", {
           schedule: "%EVERY%", runOnStartup: true,
           return: output.eventHub({ connection: "Hub", eventHubName: "ticks" }),
           handler: async (timer, context) => { context.log(JSON.stringify(timer)); return { at: timer.scheduleStatus.next }; },
         });`,
        { EVERY: "* * * * * *", Hub: hub.connectionString },
      );
      await observed.until(() => observed.said().length === 3);
      const [first, second] = observed.said() as { isPastDue: boolean; scheduleStatus: { next: string } }[];
      assert.equal(first?.isPastDue, false);
      assert.match(second?.scheduleStatus.next ?? "", /^\d{4}-.*:\d\d\.000Z$/);
      const bodies: unknown[] = [];
      const subscription = consumer.subscribe(
        {
          processEvents: async (events) => void bodies.push(...events.map(({ body }) => body)),
          processError: async () => {},
        },
        { startPosition: earliestEventPosition, maxWaitTimeInSeconds: 1 },
      );
      await observed.until(() => bodies.length > 0 || observed.said().length > 6);
      await subscription.close();
      assert.deepEqual(bodies[0], { at: first?.scheduleStatus.next });
    } finally {
      await consumer.close();
      await hub.stop();
    }
  });

  it("retries a timer as its policy says", async () => {
    await open(
      `import { app } from "@azure/functions";
       app.timer("once", {
         schedule: "0 0 0 1 1 *", runOnStartup: true, retry: { strategy: "fixedDelay", maxRetryCount: 2, delayInterval: 0 },
         handler: async (timer, context) => { context.log(context.retryContext?.retryCount ?? 0); throw new Error("no"); },
       });`,
    );
    await observed.until(() => observed.host.status()[0]?.failures === 1);
    await sleep(50);
    assert.deepEqual(observed.said(), [0, 1, 2]);
  });
});
