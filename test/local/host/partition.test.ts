import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type EventHubsOptions, parseHostJson } from "../../../lib/local/host/config/host-json.ts";
import { PartitionRunner } from "../../../lib/local/host/event-hubs/partition.ts";
import type { ReceivedEvent } from "../../../lib/local/host/event-hubs/received-event.ts";

const events = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => ({ sequenceNumber: from + i }) as ReceivedEvent);

function runner(options: Partial<EventHubsOptions>, single = false, outcome: () => boolean = () => true) {
  const invoked: number[][] = [];
  const checkpoints: number[] = [];
  const defaults = parseHostJson({}).eventHubs;
  const partition = new PartitionRunner({ ...defaults, ...options }, single, {
    invoke: async (batch) => {
      invoked.push(batch.map((event) => event.sequenceNumber));
      await sleep(1);
      return outcome();
    },
    checkpoint: async (event) => {
      checkpoints.push(event.sequenceNumber);
    },
  });
  return { partition, invoked, checkpoints };
}

describe("one partition", () => {
  it("runs one batch at a time and checkpoints after each", async () => {
    const { partition, invoked, checkpoints } = runner({});
    const first = partition.take(events(0, 3));
    const second = partition.take(events(3, 5));
    await Promise.resolve();
    assert.equal(invoked.length, 1);
    await Promise.all([first, second]);
    assert.deepEqual(invoked, [
      [0, 1, 2],
      [3, 4],
    ]);
    assert.deepEqual(checkpoints, [2, 4]);
  });

  it("gives events one by one to a function with cardinality one, and checkpoints the last", async () => {
    const { partition, invoked, checkpoints } = runner({}, true);
    await partition.take(events(0, 3));
    assert.deepEqual(invoked, [[0], [1], [2]]);
    assert.deepEqual(checkpoints, [2]);
  });

  it("checkpoints every n-th batch", async () => {
    const { partition, checkpoints } = runner({ batchCheckpointFrequency: 2 });
    for (let i = 0; i < 5; i++) await partition.take(events(i, i + 1));
    assert.deepEqual(checkpoints, [1, 3]);
  });

  it("waits for a batch of the least size, but not for ever", async () => {
    const { partition, invoked, checkpoints } = runner({ minEventBatchSize: 3, maxEventBatchSize: 4, maxWaitMs: 30 });
    await partition.take(events(0, 2));
    assert.deepEqual(invoked, []);
    await partition.take(events(2, 7));
    assert.deepEqual(invoked, [[0, 1, 2, 3]]);
    await sleep(60);
    assert.deepEqual(invoked[1], [4, 5, 6]);
    assert.deepEqual(checkpoints, [3, 6]);
  });

  it("checkpoints nothing once it is closed", async () => {
    const { partition, invoked, checkpoints } = runner({});
    const running = partition.take(events(0, 1));
    await Promise.resolve();
    partition.close();
    await running;
    await partition.take(events(1, 2));
    assert.deepEqual([invoked, checkpoints], [[[0]], []]);
  });

  it("stops at a batch that is to be delivered again", async () => {
    const { partition, invoked, checkpoints } = runner({}, false, () => false);
    await partition.take(events(0, 1));
    await partition.take(events(1, 2));
    assert.deepEqual([invoked, checkpoints], [[[0]], []]);
  });
});
