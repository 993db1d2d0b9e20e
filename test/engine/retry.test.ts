import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { z } from "zod";
import { count } from "../../lib/aggregates/index.ts";
import { formatProducerHeader, PRODUCER_PROPERTY } from "../../lib/engine/headers.ts";
import { formatRedrive, REDRIVE_PROPERTY } from "../../lib/engine/redrive.ts";
import { TidemarkError } from "../../lib/errors.ts";
import type { OnError } from "../../lib/index.ts";
import { cosmos } from "../../lib/sinks/index.ts";
import { blobTable } from "../../lib/sources/blob-table.ts";
import { stream } from "../../lib/stream/stream.ts";
import { table } from "../../lib/stream/table.ts";
import { tumbling } from "../../lib/stream/window.ts";
import { simulate, type TestDriver, testDriver } from "../../lib/testing/index.ts";
import { mulberry32 } from "../../lib/testing/virtual-world.ts";
import { crashed, runThroughCrashes, watchSleep } from "../support/crashes.ts";
import { anySink, type Reading, reading, readings } from "../support/pipelines.ts";

const SECOND = 1_000;
const values = (driver: TestDriver) => driver.results<Reading>().map((r) => r.value);

/** Code that throws for some values, so often each. */
class Flaky {
  readonly #failures: Map<number, number>;
  readonly tried: number[] = [];

  constructor(failures: Readonly<Record<number, number>> = {}) {
    this.#failures = new Map(Object.entries(failures).map(([value, times]) => [Number(value), times]));
  }

  readonly run = (r: Reading): Reading => {
    this.tried.push(r.value);
    const left = this.#failures.get(r.value) ?? 0;
    if (left === 0) return r;
    this.#failures.set(r.value, left - 1);
    throw new Error(`value ${r.value} is beyond me`);
  };
}

const pipelineOf = (flaky: Flaky, onError?: OnError) =>
  readings().map("enrich", flaky.run, { onError }).to(anySink<Reading>());

function driverOf(flaky: Flaky, onError: OnError, events: number): TestDriver {
  const driver = testDriver(pipelineOf(flaky, onError));
  for (let value = 0; value < events; value++) driver.publish(reading(value, value));
  return driver;
}

test("an event that fails is tried again in its place: what came before is out already, what follows waits", async () => {
  const flaky = new Flaky({ 2: 2 });
  const driver = driverOf(flaky, { retry: { attempts: 3, delay: "1s" } }, 5);
  const slept: number[] = [];
  watchSleep(driver, async (milliseconds) => {
    slept.push(milliseconds);
    assert.deepEqual(values(driver), [0, 1]);
    assert.equal((await driver.status())?.position, 2);
  });
  await driver.run();
  assert.deepEqual(values(driver), [0, 1, 2, 3, 4]);
  assert.deepEqual(flaky.tried, [0, 1, 2, 2, 2, 3, 4]);
  assert.deepEqual(driver.deadLetters(), []);
  const [first = 0, second = 0, ...more] = slept;
  assert.deepEqual(more, []);
  assert.ok(first >= 500 && first <= 1_000, `${first}`);
  assert.ok(second >= 1_000 && second <= 2_000, `${second}`);
  const rows = (await driver.ledger())?.stages ?? [];
  assert.deepEqual(
    rows.map((row) => [row.stage, row.in, row.passed]),
    [
      ["source", 5, 5],
      ["enrich", 5, 5],
      ["out", 5, 5],
    ],
  );
  assert.equal((await driver.stored("$retries")).size, 0, "nothing stays of the count");
});

test("waits grow by the backoff up to the longest, and never beyond", async () => {
  const driver = driverOf(new Flaky({ 0: 9 }), { retry: { attempts: 6, delay: "1s", backoff: 3, maxDelay: "4s" } }, 1);
  const slept: number[] = [];
  watchSleep(driver, (milliseconds) => slept.push(milliseconds));
  await driver.run();
  for (const [i, longest] of [1, 3, 4, 4, 4].entries()) {
    const wait = slept[i] as number;
    assert.ok(wait >= (longest * SECOND) / 2 && wait <= longest * SECOND, `${slept}`);
  }
  assert.equal(slept.length, 5);
  assert.equal(new Set(slept.slice(2)).size, 3, "half of each is by chance");
});

test("after its last try it becomes a dead letter that says how often it was tried, and the others go on", async () => {
  const driver = driverOf(new Flaky({ 1: 99, 3: 1 }), { retry: { attempts: 4, delay: "1s" } }, 5);
  await driver.run();
  assert.deepEqual(values(driver), [0, 2, 3, 4]);
  const [record, ...more] = driver.deadLetters();
  assert.deepEqual(more, []);
  assert.deepEqual(
    [record?.stage, record?.sequenceNumber, record?.attempts, record?.reason],
    ["enrich", 1, 4, "value 1 is beyond me"],
  );
  assert.equal(JSON.parse(Buffer.from(record?.body ?? "").toString()).value, 1);
  assert.equal((await driver.ledger())?.stages[1]?.deadLettered, 1);
});

test("without a policy it becomes a dead letter at once", async () => {
  const flaky = new Flaky({ 1: 1 });
  const driver = testDriver(pipelineOf(flaky));
  for (let value = 0; value < 3; value++) await driver.send(reading(value, value));
  assert.deepEqual(flaky.tried, [0, 1, 2]);
  assert.equal(driver.deadLetters()[0]?.attempts, undefined);
});

test("told to stop, the task names the event and holds the partition before it until the code is mended", async () => {
  const driver = driverOf(new Flaky({ 2: 99 }), "stop", 5);
  const stopped = (thrown: unknown) => {
    assert.ok(thrown instanceof TidemarkError);
    assert.deepEqual(thrown.place, { pipeline: "readings", partition: "0", stage: "enrich", sequenceNumber: 2 });
    assert.equal(thrown.code, "STAGE_FAILED");
    assert.match(thrown.message, /value 2 is beyond me.*mend the code.*onError: "dead-letter"/);
    return true;
  };
  await assert.rejects(driver.run(), stopped);
  assert.deepEqual(values(driver), [0, 1]);
  const before = await driver.status();
  assert.equal(before?.position, 2);
  for (let i = 0; i < 10; i++) {
    driver.rewind(0);
    await assert.rejects(driver.run(), stopped);
    driver.publish(reading(10 + i, 10 + i));
  }
  assert.deepEqual(await driver.status(), before, "a host that repeats the batch writes nothing");
  driver.rewind(0);
  driver.deploy(pipelineOf(new Flaky(), "stop"));
  await driver.run();
  assert.deepEqual(values(driver).slice(0, 5), [0, 1, 2, 3, 4]);
  assert.deepEqual(driver.deadLetters(), []);
});

test("told to retry and then to stop, each further batch of the host is one more try", async () => {
  const flaky = new Flaky({ 0: 5 });
  const driver = driverOf(flaky, { retry: { attempts: 3, delay: "1s" }, otherwise: "stop" }, 2);
  await assert.rejects(driver.run(), { code: "STAGE_FAILED", message: /throw, 3 times, and/ });
  for (let tries = 4; tries <= 5; tries++) {
    driver.rewind(0);
    await assert.rejects(driver.run(), { code: "STAGE_FAILED" });
    assert.equal(flaky.tried.length, tries);
  }
  driver.rewind(0);
  await driver.run();
  assert.deepEqual(values(driver), [0, 1]);
});

test("a wait ends at once when the app does, and what comes next goes on counting", async () => {
  const flaky = new Flaky({ 1: 99 });
  const driver = driverOf(flaky, { retry: { attempts: 3, delay: "1h" } }, 3);
  const ending = new AbortController();
  const over = new Error("the app is shutting down");
  let sleeps = 0;
  watchSleep(driver, () => {
    if (++sleeps === 2) ending.abort(over);
  });
  await assert.rejects(driver.task.handle(driver.hub.from(0, 0), ending.signal), over);
  assert.deepEqual(values(driver), [0]);
  driver.restart();
  await driver.run();
  assert.deepEqual(values(driver), [0, 2]);
  assert.equal(driver.deadLetters()[0]?.attempts, 3);
  assert.equal(flaky.tried.filter((value) => value === 1).length, 3);
});

test("a task that waits says so in its log, so that whoever looks sees that its owner lives", async () => {
  const driver = driverOf(new Flaky({ 0: 1 }), { retry: { attempts: 2, delay: "2m" } }, 1);
  const frames: number[] = [];
  watchSleep(driver, async (milliseconds) => {
    assert.ok(milliseconds <= 5_000);
    frames.push((await driver.status())?.sequence ?? -1);
  });
  await driver.run();
  assert.ok(frames.length >= 12, "a minute at least");
  assert.equal(new Set(frames).size, frames.length);
});

test("an event that waits is never taken for one that kills the process, however often it dies meanwhile", async () => {
  const driver = driverOf(new Flaky({ 0: 50 }), { retry: { attempts: 30, delay: "1s" }, otherwise: "stop" }, 2);
  let crashes = 0;
  watchSleep(driver, () => {
    if (crashes++ < 20) crashed();
  });
  await assert.rejects(runThroughCrashes(driver), { code: "STAGE_FAILED", message: /throw, 30 times/ });
  assert.deepEqual(driver.deadLetters(), []);
});

test("nor is one that stops the task while events are committed one by one", async () => {
  const flaky = new Flaky({ 1: 99 });
  const driver = driverOf(flaky, "stop", 3);
  for (let i = 0; i < 5; i++) {
    await driver.task.handle([], new AbortController().signal);
    driver.restart();
  }
  for (let i = 0; i < 12; i++) {
    driver.rewind(0);
    await assert.rejects(driver.run(), { code: "STAGE_FAILED" });
    driver.restart();
  }
  assert.deepEqual(values(driver), [0]);
  assert.deepEqual(driver.deadLetters(), []);
});

test("a schema and an event time have a policy too", async () => {
  let refuses = 2;
  const Picky = z.object({ at: z.number() }).refine(() => refuses-- <= 0, "not yet");
  const picky = (onError: OnError) =>
    stream("picky", Picky, { onError })
      .eventTime((r) => r.at, { outOfOrder: 0 })
      .to(anySink());
  const driver = testDriver(picky({ retry: { attempts: 3, delay: "1s" } }));
  await driver.send({ at: 1 });
  assert.deepEqual(driver.results(), [{ at: 1 }]);
  const strict = testDriver(picky("stop"));
  const far = { at: Date.parse("2040-01-01") };
  await assert.rejects(strict.send(far), {
    code: "STAGE_FAILED",
    message: /ahead of the enqueued time.*stage "source"/,
  });
});

test("a join that waits for its row finds it as soon as the table has it", async () => {
  const sensors: { sensor: string; room: string }[] = [];
  const rooms = table("rooms", z.object({ sensor: z.string(), room: z.string() }), {
    key: (row) => row.sensor,
    from: blobTable({ container: "tables", blob: "rooms.json" }),
    refresh: "1s",
  });
  const onError = { retry: { attempts: 5, delay: "2s" } } as const;
  const pipeline = readings()
    .joinTable("with-room", rooms, (r, row) => ({ ...r, room: row.room }), {
      on: (r) => r.sensor,
      missing: "dead-letter",
      onError,
    })
    .to(anySink());
  const driver = testDriver(pipeline, { tables: { rooms: sensors } });
  let sleeps = 0;
  watchSleep(driver, () => {
    if (++sleeps === 2) sensors.push({ sensor: "a", room: "attic" });
  });
  await driver.send(reading(1));
  assert.deepEqual(
    driver.results<{ room: string }>().map(({ room }) => room),
    ["attic"],
  );
  assert.equal(sleeps, 2);
});

test("what it was known by is noted when it is done with: a crash meanwhile makes no duplicate of it", async () => {
  const header = formatProducerHeader({
    producer: "up/0",
    generation: 1,
    sequence: 1,
    watermark: 0,
    producers: 1,
    control: false,
  });
  for (const properties of [
    { [REDRIVE_PROPERTY]: formatRedrive({ sequenceNumber: 7, key: undefined }) },
    { [PRODUCER_PROPERTY]: header },
  ]) {
    const driver = testDriver(pipelineOf(new Flaky({ 0: 2 }), { retry: { attempts: 5, delay: "1s" } }));
    let sleeps = 0;
    watchSleep(driver, () => {
      if (sleeps++ === 0) crashed();
    });
    driver.publish(reading(0, 0), { properties });
    driver.publish(reading(0, 0), { properties });
    await runThroughCrashes(driver);
    assert.deepEqual(values(driver), [0], JSON.stringify(properties));
    assert.equal((await driver.ledger())?.stages[0]?.duplicate, 1);
  }
});

test("a result that a later stage refuses stops its frame when told to: nothing of it is committed", async () => {
  let mended = false;
  const windowed = readings()
    .keyBy((r) => r.sensor)
    .window(tumbling(10))
    .aggregate("stats", { readings: count() })
    .map(
      "check-result",
      (result) => {
        if (result.key === "bad" && !mended) throw new Error("bad key");
        return result;
      },
      { onError: "stop" },
    )
    .to(anySink());
  const driver = testDriver(windowed);
  await driver.send(reading(1, 1, "bad"));
  await driver.send(reading(1, 1, "good"));
  const before = await driver.status();
  driver.publish(reading(20, 1, "good"));
  for (let i = 0; i < 12; i++) {
    await assert.rejects(driver.run(), { code: "STAGE_FAILED", message: /A result of a window .* "check-result"/ });
    driver.rewind(0);
  }
  assert.equal((await driver.status())?.position, before?.position);
  assert.deepEqual([driver.results(), driver.deadLetters()], [[], []]);
  mended = true;
  await driver.run();
  assert.deepEqual(
    driver
      .results<{ key: string }>()
      .map((r) => r.key)
      .sort(),
    ["bad", "good"],
  );
  assert.deepEqual(driver.deadLetters(), [], "no event was taken for one that kills the process");
});

test("another policy fits the state that there is", async () => {
  const policies: OnError[] = ["dead-letter", "stop", { retry: { attempts: 2, delay: "1s" } }, "dead-letter"];
  const windowed = (onError: OnError) =>
    stream("readings", z.object({ at: z.number() }), { onError })
      .eventTime((r) => r.at, { outOfOrder: 0 })
      .dedupe("by-time", (r) => String(r.at), { within: "1s", onError })
      .keyBy(() => "all", { onError })
      .window(tumbling("1m"))
      .aggregate("stats", { readings: count() }, { onError })
      .to(anySink());
  const driver = testDriver(windowed("dead-letter"));
  for (const [at, policy] of policies.entries()) {
    driver.deploy(windowed(policy));
    await driver.send({ at });
  }
  await driver.advanceTo("end");
  assert.deepEqual(driver.results<{ readings: number }>()[0]?.readings, policies.length);
});

test("policies that cannot be are refused, all of them at once", () => {
  const wrong = { retry: { attempts: 1, delay: "5m", maxDelay: "1m", backoff: 0 } } as const;
  const typo = { retry: { attempts: 3, delay: "1x", tries: 5 }, otherwise: "ignore" } as unknown as OnError;
  const build = () =>
    stream("wrong", z.object({ at: z.number() }), { onError: "skip" as unknown as OnError })
      .eventTime((r) => r.at, { outOfOrder: 0 })
      .map("one", (r) => r, { onError: wrong })
      .filter("two", () => true, { onError: typo })
      .keyBy(() => "all", { onError: { retry: { attempts: 3, delay: "2m", maxDelay: "1m" } } })
      .window(tumbling("1m"))
      .aggregate("stats", { readings: count() })
      .map("three", (r) => r, { onError: { retry: { attempts: 0, delay: "1s" } } })
      .to(anySink());
  assert.throws(build, (thrown: unknown) => {
    assert.ok(thrown instanceof TidemarkError);
    assert.equal(thrown.code, "PLAN_INVALID");
    for (const problem of [
      /onError of the source is "skip", not "dead-letter", "stop" or/,
      /onError of "one": attempts is 1, not a whole number from 2 to 1000/,
      /onError of "one": backoff is 0/,
      /onError of "two": there is no option tries/,
      /onError of "two": delay is "1x"/,
      /onError of "two": otherwise is "ignore"/,
      /onError of "key": maxDelay "1m" is shorter than delay "2m"/,
      /onError of "three": attempts is 0/,
    ])
      assert.match(thrown.message, problem);
    return true;
  });
});

test("whatever fails how often, wherever the process dies: each event ends as its tries say, in order", async () => {
  const scenario = fc.record({
    failures: fc.array(fc.constantFrom(0, 0, 0, 1, 2, 3, 4, 99), { minLength: 1, maxLength: 12 }),
    attempts: fc.integer({ min: 2, max: 4 }),
    batch: fc.integer({ min: 1, max: 5 }),
    crashes: fc.array(fc.boolean(), { maxLength: 12 }),
    commitEvery: fc.constantFrom(0, 60_000),
  });
  await fc.assert(
    fc.asyncProperty(scenario, async ({ failures, attempts, batch, crashes, commitEvery }) => {
      const flaky = new Flaky({ ...failures });
      const driver = testDriver(pipelineOf(flaky, { retry: { attempts, delay: "1s" } }), { commitEvery });
      const dies = [...crashes];
      watchSleep(driver, () => {
        if (dies.shift()) crashed();
      });
      for (let value = 0; value < failures.length; ) {
        for (let i = 0; i < batch && value < failures.length; i++) driver.publish(reading(value, value++));
        await runThroughCrashes(driver);
      }
      await driver.task.flush(new AbortController().signal);
      const passes = (times: number) => times < attempts;
      const numbered = failures.map((times, value) => ({ times, value }));
      assert.deepEqual(
        values(driver),
        numbered.filter(({ times }) => passes(times)).map(({ value }) => value),
      );
      assert.deepEqual(
        driver.deadLetters().map((record) => [record.sequenceNumber, record.attempts]),
        numbered.filter(({ times }) => !passes(times)).map(({ value }) => [value, attempts]),
      );
    }),
    { numRuns: 150 },
  );
});

test("in a simulated cluster with every fault, events that fail now and then all count once", async () => {
  const events = Array.from({ length: 80 }, (_, i) => reading(i * 700, i, `sensor-${i % 5}`));
  const [first, seeds] = [Math.floor(Math.random() * 1e9), 10];
  for (let seed = first; seed < first + seeds; seed++) {
    const chance = mulberry32(seed);
    const flaky = (r: Reading) => {
      if (r.value % 7 === 0 && chance() < 0.6) throw new Error("not now");
      return r;
    };
    const onError = { retry: { attempts: 500, delay: "1s", maxDelay: "10s" } } as const;
    const pipeline = readings(5_000)
      .map("flaky", flaky, { onError })
      .keyBy((r) => r.sensor)
      .window(tumbling("10s", { grace: "5s" }))
      .aggregate("stats", { readings: count() })
      .map("document", ({ key, windowStart, readings: n }) => ({ id: `${key} ${windowStart}`, key, n }))
      .to(cosmos({ databaseName: "test", containerName: "counts", partitionKey: "/key" }));
    const { violations } = await simulate(pipeline, { seed, events, partitionKey: (r: Reading) => r.sensor });
    assert.deepEqual(violations, [], `seed ${seed}`);
  }
});
