import assert from "node:assert/strict";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { after, before, describe, it } from "node:test";
import { QueueServiceClient } from "@azure/storage-queue";
import { readWakeUp } from "../../lib/azure/wake-up.ts";
import { WakeUpRequests } from "../../lib/azure/wake-up-requests.ts";
import { startStorage } from "../../lib/local/storage/index.ts";
import { VirtualWorld } from "../../lib/testing/virtual-world.ts";

const NOW = Date.UTC(2030, 0, 1);
const SECOND = 1_000;
const DAY = 86_400 * SECOND;
const HEAD_START = 5 * SECOND;
const TASK = { function: "delays", partition: "3", position: 7 };

describe("requests for wake-ups, in Azurite's queue", () => {
  let storage: Awaited<ReturnType<typeof startStorage>>;
  let service: QueueServiceClient;
  let queues = 0;
  /** The paths of requests that send a message. */
  const sent: URL[] = [];
  const listen = (message: unknown) => {
    const { method, path } = (message as { request: { method: string; path: string } }).request;
    if (method === "POST" && path.includes("/messages")) sent.push(new URL(path, "http://localhost"));
  };
  before(async () => {
    storage = await startStorage({ blobPort: 0, queuePort: 0, tablePort: 0 });
    service = QueueServiceClient.fromConnectionString(storage.connectionString);
    subscribe("http.client.request.start", listen);
  });
  after(async () => {
    unsubscribe("http.client.request.start", listen);
    await storage?.stop();
  });

  function requests() {
    const world = new VirtualWorld(NOW);
    const queue = `wake-ups-${++queues}`;
    const troubles: unknown[] = [];
    const away = { is: false };
    sent.length = 0;
    const client = async () => {
      if (away.is) throw new Error("the queue is away");
      return service;
    };
    const made = new WakeUpRequests({
      world,
      client,
      queue,
      headStart: HEAD_START,
      onTrouble: (one) => troubles.push(one),
    });
    return { world, queue, troubles, away, ask: (time: number, task = TASK) => made.ask(task, time) };
  }

  /** How long the last message waits, and how long it is kept, in seconds. */
  function last(): { delay: number; kept: number } {
    const { searchParams } = sent.at(-1) as URL;
    return { delay: Number(searchParams.get("visibilitytimeout")), kept: Number(searchParams.get("messagettl")) };
  }

  it("make their queue, and come a little after their time, in a message that the trigger understands", async () => {
    const { ask, queue, troubles } = requests();
    assert.equal(await ask(NOW - 60 * SECOND), NOW - 60 * SECOND);
    assert.equal(last().delay, 0, "what is over is now");
    const { receivedMessageItems } = await service.getQueueClient(queue).receiveMessages();
    assert.deepEqual(readWakeUp(receivedMessageItems[0]?.messageText), TASK);
    assert.equal(await ask(NOW + 30 * SECOND + 1), NOW + 30 * SECOND + 1);
    assert.equal(last().delay, 36, "whole seconds, and not too early");
    assert.deepEqual(troubles, []);
  });

  it("are sent once for a task while one comes in time, and again when it has come or is needed before", async () => {
    const { ask, world } = requests();
    const time = NOW + 60 * SECOND;
    assert.equal(await ask(time), time);
    // The first request of all finds no queue and is made twice.
    const first = sent.length;
    assert.deepEqual([await ask(time + SECOND), await ask(time)], [time, time]);
    assert.equal(sent.length, first);
    await ask(time, { ...TASK, partition: "4" });
    assert.equal(sent.length, first + 1, "another task has its own");
    assert.equal(await ask(time - SECOND), time - SECOND);
    assert.equal(sent.length, first + 2);
    world.moveTo(time);
    assert.equal(await ask(time + 2 * SECOND), time + 2 * SECOND);
    assert.equal(sent.length, first + 3);
  });

  it("come after seven days at most and ask once more then, and are kept long enough to be read", async () => {
    const { ask, world } = requests();
    const time = NOW + 30 * DAY;
    const comes = await ask(time);
    assert.ok(comes < NOW + 7 * DAY && comes > NOW + 6.9 * DAY);
    const { delay, kept } = last();
    assert.ok(delay <= 7 * 86_400 && NOW + delay * SECOND >= comes);
    assert.ok(kept - delay >= 86_400);
    const before = sent.length;
    world.moveTo(comes);
    await ask(time);
    assert.equal(sent.length, before + 1);
  });

  it("that cannot be sent are told, fail nobody, and are tried again with the next", async () => {
    const { ask, away, troubles } = requests();
    away.is = true;
    const time = NOW + 60 * SECOND;
    assert.equal(await ask(time), time);
    assert.match(String(troubles), /the queue is away/);
    assert.equal(sent.length, 0);
    away.is = false;
    await ask(time);
    assert.equal(troubles.length, 1);
    assert.ok(sent.length > 0);
  });
});
