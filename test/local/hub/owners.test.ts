import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { MessagingError, ReceivedEventData, SubscribeOptions, Subscription } from "@azure/event-hubs";
import { numbered, startTestHub, type TestHub, until } from "./support.ts";

interface Watched {
  readonly errors: MessagingError[];
  readonly events: ReceivedEventData[];
  /** Resolves with the first event or error. */
  readonly settled: Promise<void>;
  readonly subscription: Subscription;
}

/** A reader of partition 0 from the beginning, with an owner level or without; the SDK takes level 0 for none. */
function watch(hub: TestHub, options: SubscribeOptions = {}, group = "$Default"): Watched {
  const { promise: settled, resolve } = Promise.withResolvers<void>();
  const errors: MessagingError[] = [];
  const events: ReceivedEventData[] = [];
  const subscription = hub.consumer(group).subscribe(
    "0",
    {
      processEvents: async (batch) => {
        events.push(...batch);
        if (batch.length > 0) resolve();
      },
      processError: async (error) => {
        errors.push(error as MessagingError);
        resolve();
      },
    },
    { startPosition: { offset: "-1" }, maxWaitTimeInSeconds: 1, ...options },
  );
  return { errors, events, settled, subscription };
}

async function hubWithOneEvent(t: TestContext): Promise<TestHub> {
  const hub = await startTestHub(t, { hubs: [{ name: "events", partitions: 1, consumerGroups: ["other"] }] });
  await hub.producer().sendBatch(numbered(1));
  return hub;
}

test("a higher owner level takes the partition from a lower one", async (t) => {
  const hub = await hubWithOneEvent(t);
  const low = watch(hub, { ownerLevel: 1 });
  await low.settled;
  const high = watch(hub, { ownerLevel: 2 });
  await high.settled;
  await until(() => low.errors.length > 0);
  assert.equal(low.errors[0]?.code, "ReceiverDisconnectedError");
  assert.match(low.errors[0]?.message ?? "", /New receiver '.+' with higher epoch of '2' is created hence current/);
  assert.deepEqual(high.errors, []);
  assert.equal(hub.server.stats().readers, 1);
});

test("a lower owner level is refused beside a higher one", async (t) => {
  const hub = await hubWithOneEvent(t);
  const high = watch(hub, { ownerLevel: 5 });
  await high.settled;
  const low = watch(hub, { ownerLevel: 4 });
  await low.settled;
  assert.match(low.errors[0]?.message ?? "", /with a higher epoch '5' already exists/);
  assert.deepEqual(low.events, []);
  assert.deepEqual(high.errors, []);
});

test("an equal owner level takes over, so that a reconnecting owner gets in", async (t) => {
  const hub = await hubWithOneEvent(t);
  const first = watch(hub, { ownerLevel: 3 });
  await first.settled;
  const second = watch(hub, { ownerLevel: 3 });
  await second.settled;
  assert.equal(second.events.length, 1);
  await until(() => first.errors.length > 0);
  assert.equal(first.errors[0]?.code, "ReceiverDisconnectedError");
});

test("a reader without owner level is refused beside an owner, and pushed out by one", async (t) => {
  const hub = await hubWithOneEvent(t);
  const reader = watch(hub);
  await reader.settled;
  const owner = watch(hub, { ownerLevel: 3 });
  await owner.settled;
  await until(() => reader.errors.length > 0);
  assert.equal(reader.errors[0]?.code, "ReceiverDisconnectedError");
  const late = watch(hub);
  await late.settled;
  assert.equal(late.errors[0]?.code, "ReceiverDisconnectedError");
  assert.match(late.errors[0]?.message ?? "", /non-epoch receiver is not allowed/);
  const elsewhere = watch(hub, {}, "other");
  await elsewhere.settled;
  assert.deepEqual(elsewhere.errors, []);
});

test("at most five readers of a partition and group", async (t) => {
  const hub = await hubWithOneEvent(t);
  const readers = Array.from({ length: 5 }, () => watch(hub));
  await Promise.all(readers.map(({ settled }) => settled));
  assert.deepEqual(
    readers.flatMap(({ errors }) => errors),
    [],
  );
  const sixth = watch(hub);
  await sixth.settled;
  assert.equal(sixth.errors[0]?.code, "QuotaExceededError");
  assert.match(sixth.errors[0]?.message ?? "", /receivers per partition in a consumer group which is 5/);
  await sixth.subscription.close();
  await readers[0]?.subscription.close();
  await until(() => hub.server.stats().readers === 4);
  const another = watch(hub);
  await another.settled;
  assert.deepEqual(another.errors, []);
});
