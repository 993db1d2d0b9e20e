import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { count, sum } from "../../lib/aggregates/index.ts";
import { END_OF_TIME } from "../../lib/engine/frame.ts";
import { formatProducerHeader, PRODUCER_PROPERTY } from "../../lib/engine/headers.ts";
import { stream } from "../../lib/stream/stream.ts";
import { tumbling } from "../../lib/stream/window.ts";
import { type TestDriver, testDriver } from "../../lib/testing/index.ts";
import { anySink, Reading, reading } from "../support/pipelines.ts";

const daily = () =>
  stream("daily", Reading)
    .eventTime((r) => r.at, { watermark: "upstream" })
    .keyBy((r) => r.sensor)
    .window(tumbling(10, { grace: 5 }))
    .aggregate("stats", { readings: count(), total: sum((r) => r.value) })
    .to(anySink());

interface Message {
  readonly producer: string;
  readonly sequence: number;
  readonly watermark: number;
  readonly event?: Reading;
  readonly generation?: number;
}

const send = (driver: TestDriver, { producer, sequence, watermark, event, generation = 1 }: Message, producers = 2) => {
  const header = { producer, generation, sequence, watermark, producers, control: event === undefined };
  driver.publish(event ?? "", { properties: { [PRODUCER_PROPERTY]: formatProducerHeader(header) } });
};

test("the watermark is the minimum over all producers and waits until each has spoken", async () => {
  const driver = testDriver(daily());
  send(driver, { producer: "p/0", sequence: 1, watermark: 0, event: reading(3) });
  send(driver, { producer: "p/0", sequence: 2, watermark: 50 });
  await driver.run();
  assert.equal(driver.results().length, 0);
  send(driver, { producer: "p/1", sequence: 1, watermark: 9 });
  await driver.run();
  assert.equal(driver.results().length, 0);
  send(driver, { producer: "p/1", sequence: 2, watermark: 10 });
  await driver.run();
  assert.equal(driver.results().length, 1);
});

test("an event's own header moves no watermark: only what its producer promises does", async () => {
  const driver = testDriver(daily());
  send(driver, { producer: "p/0", sequence: 1, watermark: 90, event: reading(88) }, 1);
  send(driver, { producer: "p/0", sequence: 2, watermark: 20, event: reading(3) }, 1);
  await driver.run();
  assert.equal(driver.results().length, 0);
  send(driver, { producer: "p/0", sequence: 3, watermark: 90 }, 1);
  await driver.run();
  assert.equal(driver.results().length, 1);
});

test("what a producer sent twice is dropped, also after a crash of the reader", async () => {
  const driver = testDriver(daily());
  const first = { producer: "p/0", sequence: 1, watermark: 0, event: reading(3) };
  send(driver, first);
  send(driver, first);
  await driver.run();
  driver.restart();
  send(driver, first);
  send(driver, { ...first, sequence: 2 });
  send(driver, { ...first, sequence: 1, generation: 2 });
  await driver.run();
  for (const producer of ["p/0", "p/1"]) send(driver, { producer, sequence: 9, generation: 2, watermark: END_OF_TIME });
  await driver.run();
  assert.deepEqual(
    driver.results<{ readings: number }>().map((r) => r.readings),
    [3],
  );
  assert.equal((await driver.ledger())?.stages[0]?.duplicate, 2);
});

test("what a producer sends again after its log was reset counts again, and begins closed windows anew", async () => {
  const driver = testDriver(daily());
  const replay = async (generation: number) => {
    send(driver, { producer: "p/0", generation, sequence: 1, watermark: 0, event: reading(3) }, 1);
    await driver.run();
    send(driver, { producer: "p/0", generation, sequence: 2, watermark: 0, event: reading(4) }, 1);
    await driver.run();
    send(driver, { producer: "p/0", generation, sequence: 3, watermark: 50 }, 1);
    await driver.run();
  };
  const counted = () => driver.results<{ readings: number }>().map(({ readings }) => readings);
  await replay(1);
  assert.deepEqual(counted(), [2]);
  await replay(2);
  assert.deepEqual(counted(), [2, 1, 1], "in parts, batch by batch: its watermark does not go back");
});

test("a message without a producer is a dead letter that says why", async () => {
  const driver = testDriver(daily());
  await driver.send(reading(3));
  assert.match(driver.deadLetters()[0]?.reason ?? "", /takes its watermark from upstream tasks/);
});

test("whatever the interleaving of producers, the results and the late events are the same", async () => {
  const step = fc.record({ at: fc.integer({ min: 0, max: 60 }), moves: fc.integer({ min: 0, max: 12 }) });
  const producer = fc.array(step, { minLength: 1, maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(fc.tuple(producer, producer), fc.infiniteStream(fc.boolean()), async (producers, coins) => {
      const scripts = producers.map((steps, i) => script(`p/${i}`, steps));
      const inTurn = await outcome(scripts.flat());
      const shuffled = await outcome(interleave(scripts[0] ?? [], scripts[1] ?? [], coins));
      assert.deepEqual(shuffled, inTurn);
    }),
    { numRuns: 100 },
  );
});

/** What one producer sends: events under its watermark of the moment, each followed by a rise of the watermark. */
function script(producer: string, steps: readonly { at: number; moves: number }[]): Message[] {
  const messages: Message[] = [];
  let watermark = 0;
  for (const [i, { at, moves }] of steps.entries()) {
    const event = reading(at, 1, "a", `${producer}-${i}`);
    messages.push({ producer, sequence: messages.length + 1, watermark, event });
    watermark += moves;
    messages.push({ producer, sequence: messages.length + 1, watermark });
  }
  messages.push({ producer, sequence: messages.length + 1, watermark: END_OF_TIME });
  return messages;
}

function interleave(a: readonly Message[], b: readonly Message[], coins: fc.Stream<boolean>): Message[] {
  const rest = [[...a], [...b]];
  const mixed: Message[] = [];
  while (rest[0]?.length || rest[1]?.length) {
    const side = coins.next().value ? 0 : 1;
    const message = rest[side]?.shift() ?? rest[1 - side]?.shift();
    if (message !== undefined) mixed.push(message);
  }
  return mixed;
}

async function outcome(messages: readonly Message[]): Promise<unknown> {
  const driver = testDriver(daily());
  for (const [i, message] of messages.entries()) {
    send(driver, message);
    if (i % 3 === 0) await driver.run();
  }
  await driver.run();
  const last = new Map(driver.results<{ windowStart: string }>().map((r) => [r.windowStart, r]));
  const late = driver.late().map((record) => JSON.parse(Buffer.from(record.body).toString()).id);
  return { results: [...last.entries()].sort(), late: late.sort() };
}

test("where several pipelines write the hub, its reader waits for all tasks of each that it has heard", async () => {
  const driver = testDriver(daily());
  send(driver, { producer: "p/0", sequence: 1, watermark: 0, event: reading(3) }, 1);
  send(driver, { producer: "q/0", sequence: 1, watermark: 50 }, 2);
  send(driver, { producer: "p/0", sequence: 2, watermark: 50 }, 1);
  await driver.run();
  assert.equal(driver.results().length, 0);
  driver.restart();
  send(driver, { producer: "q/1", sequence: 1, watermark: 9 }, 2);
  await driver.run();
  assert.equal(driver.results().length, 0);
  send(driver, { producer: "q/1", sequence: 2, watermark: 10 }, 2);
  await driver.run();
  assert.equal(driver.results().length, 1);
});

test("a reader with a bound of its own takes no watermark from those who write its hub", async () => {
  const driver = testDriver(
    stream("daily", Reading)
      .eventTime((r) => r.at, { outOfOrder: 0 })
      .keyBy((r) => r.sensor)
      .window(tumbling(10))
      .aggregate("stats", { readings: count() })
      .to(anySink()),
  );
  send(driver, { producer: "p/0", sequence: 1, watermark: 0, event: reading(3) }, 1);
  send(driver, { producer: "p/0", sequence: 2, watermark: 50 }, 1);
  send(driver, { producer: "p/0", sequence: 3, watermark: 50, event: reading(4) }, 1);
  await driver.run();
  assert.equal(driver.results().length, 0);
});
