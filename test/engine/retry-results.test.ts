import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { z } from "zod";
import { type Aggregate, count, sum } from "../../lib/aggregates/index.ts";
import type { OnError } from "../../lib/index.ts";
import { cosmos } from "../../lib/sinks/index.ts";
import { blobTable } from "../../lib/sources/blob-table.ts";
import type { Pipeline } from "../../lib/stream/pipeline.ts";
import { table } from "../../lib/stream/table.ts";
import { tumbling } from "../../lib/stream/window.ts";
import { simulate, type TestDriver, testDriver } from "../../lib/testing/index.ts";
import { mulberry32 } from "../../lib/testing/virtual-world.ts";
import { crashed, runThroughCrashes, watchSleep } from "../support/crashes.ts";
import { anySink, type Reading, reading, readings } from "../support/pipelines.ts";

type Stats = { readonly key: string; readonly windowStart: string; readonly n: number };

const RETRY: OnError = { retry: { attempts: 3, delay: "1s" } };

/** Counts by sensor in windows of ten milliseconds. */
const windows = () =>
  readings()
    .keyBy((r) => r.sensor)
    .window(tumbling(10))
    .aggregate("stats", { n: count() });

/** Code behind a window that throws for some keys, so often each. */
class Flaky {
  readonly #failures: Map<string, number>;
  readonly tried: string[] = [];

  constructor(failures: Readonly<Record<string, number>>) {
    this.#failures = new Map(Object.entries(failures));
  }

  readonly run = (result: Stats): Stats => {
    this.tried.push(result.key);
    const left = this.#failures.get(result.key) ?? 0;
    if (left === 0) return result;
    this.#failures.set(result.key, left - 1);
    throw new Error(`${result.key} is beyond me`);
  };
}

const behind = (flaky: Flaky, onError?: OnError): Pipeline =>
  windows().map("enrich", flaky.run, { onError }).to(anySink<Stats>());

/** One window with the keys a, b and c, and the event that closes it. */
function driverOf(pipeline: Pipeline): TestDriver {
  const driver = testDriver(pipeline);
  for (const [at, key] of ["a", "b", "c"].entries()) driver.publish(reading(at, 1, key));
  driver.publish(reading(20, 1, "d"));
  return driver;
}

const keys = (driver: TestDriver) => driver.results<Stats>().map(({ key }) => key);
const counts = async (driver: TestDriver, stage: string) => {
  const {
    in: arrived,
    passed,
    deadLettered,
    out,
  } = (await driver.ledger())?.stages.find((row) => row.stage === stage) ?? assert.fail(stage);
  return { in: arrived, passed, deadLettered, out };
};

test("a result that fails is tried again in its place, and its frame waits: each result is out once and in order", async () => {
  const flaky = new Flaky({ b: 2 });
  const driver = driverOf(behind(flaky, RETRY));
  const slept: number[] = [];
  watchSleep(driver, async (milliseconds) => {
    slept.push(milliseconds);
    assert.deepEqual(keys(driver), []);
    assert.equal((await driver.status())?.position, 0);
  });
  await driver.run();
  assert.deepEqual(keys(driver), ["a", "b", "c"]);
  assert.deepEqual(flaky.tried, ["a", "b", "b", "b", "c"]);
  assert.equal(slept.length, 2);
  assert.deepEqual(driver.deadLetters(), []);
  assert.deepEqual(await counts(driver, "enrich"), { in: 3, passed: 3, deadLettered: 0, out: 3 });
  assert.equal((await driver.stored("$retries")).get(1)?.size ?? 0, 0, "nothing stays of the count");
});

test("after its last try a result becomes a dead letter that says how often it was tried, and the others go on", async () => {
  const driver = driverOf(behind(new Flaky({ a: 99, c: 1 }), RETRY));
  await driver.run();
  await driver.advanceTo("end");
  assert.deepEqual(keys(driver), ["b", "c", "d"]);
  const [record, ...more] = driver.deadLetters();
  assert.deepEqual(more, []);
  assert.deepEqual(
    [record?.stage, record?.key, record?.attempts, record?.reason],
    ["enrich", "a", 3, "a is beyond me"],
  );
  assert.equal(JSON.parse(Buffer.from(record?.body ?? "").toString()).n, 1);
  assert.deepEqual(await counts(driver, "enrich"), { in: 4, passed: 3, deadLettered: 1, out: 3 });
});

test("told to retry a result and then to stop, each further batch of the host is one more try", async () => {
  const flaky = new Flaky({ b: 5 });
  const driver = driverOf(behind(flaky, { retry: { attempts: 3, delay: "1s" }, otherwise: "stop" }));
  for (let i = 0; i < 3; i++) {
    await assert.rejects(driver.run(), {
      code: "STAGE_FAILED",
      message: /A result of a window \("stats" for "b" at 1970-01-01T00:00:00.009Z\) made .* throw, 3 times/,
    });
    assert.equal((await driver.status())?.position, 0);
    driver.restart();
    driver.rewind(0);
  }
  await driver.run();
  assert.deepEqual(keys(driver), ["a", "b", "c"]);
  assert.deepEqual(driver.deadLetters(), []);
});

test("a task that waits with a result says so in its log and with its metrics, and wakes nobody's suspicion", async () => {
  const driver = driverOf(behind(new Flaky({ b: 1 }), { retry: { attempts: 2, delay: "10m", maxDelay: "10m" } }));
  const sequences = new Set<number>();
  watchSleep(driver, async (milliseconds) => {
    assert.ok(milliseconds <= 5_000);
    sequences.add((await driver.status())?.sequence ?? 0);
  });
  await driver.run();
  assert.ok(sequences.size >= 60, `${sequences.size} frames`);
  const held = driver.commits.filter((commit) => commit.held !== undefined);
  assert.ok(held.length >= 60);
  assert.equal(held[0]?.held?.result, '"stats" for "b" at 1970-01-01T00:00:00.009Z');
  for (const { position, events, results } of held) assert.deepEqual([position, events, results], [0, 0, 0]);
  assert.equal(driver.commits.at(-1)?.results, 3);
});

test("a join behind a window that waits for its row finds it as soon as the table has it", async () => {
  const sensors: { sensor: string; room: string }[] = [];
  const rooms = table("rooms", z.object({ sensor: z.string(), room: z.string() }), {
    key: (row) => row.sensor,
    from: blobTable({ container: "tables", blob: "rooms.json" }),
    refresh: "1s",
  });
  const pipeline = windows()
    .joinTable("with-room", rooms, (stats, row) => ({ ...stats, room: row.room }), {
      missing: "dead-letter",
      onError: { retry: { attempts: 9, delay: "2s" } },
    })
    .to(anySink());
  const driver = testDriver(pipeline, { tables: { rooms: sensors } });
  let sleeps = 0;
  watchSleep(driver, () => {
    if (++sleeps === 2) sensors.push({ sensor: "a", room: "attic" });
  });
  driver.publish(reading(1));
  driver.publish(reading(20, 1, "b"));
  await driver.run();
  assert.deepEqual(
    driver.results<{ room: string }>().map(({ room }) => room),
    ["attic"],
  );
  assert.equal(sleeps, 2);
});

const refuse = (key: string) => {
  if (key === "b") throw new Error("not b");
  return true;
};
const late = (...values: unknown[]): Iterable<unknown> => values;
const badResult = { ...count(), result: () => refuse("b") } as unknown as Aggregate<Reading, number>;

const BEHIND: Readonly<Record<string, { pipeline: Pipeline; stage: string; passed?: number }>> = {
  "a map": {
    pipeline: windows()
      .map("code", (r) => refuse(r.key))
      .to(anySink()),
    stage: "code",
  },
  "a filter": {
    pipeline: windows()
      .filter("code", (r) => refuse(r.key))
      .to(anySink()),
    stage: "code",
  },
  "a key": {
    pipeline: windows()
      .keyBy((r) => String(refuse(r.key)))
      .to(anySink()),
    stage: "key-2",
  },
  "a dedupe": {
    pipeline: windows()
      .dedupe("code", (r) => `${refuse(r.key)}${r.key}`, { within: 10 })
      .to(anySink()),
    stage: "code",
  },
  "a flatMap": {
    pipeline: windows()
      .flatMap("code", (r) => late(1, refuse(r.key)))
      .to(anySink()),
    stage: "code",
  },
  "what is behind a flatMap": {
    pipeline: windows()
      .flatMap("twice", (r) => [r.key, `${r.key}${r.key}`])
      .map("code", (key) => refuse(key.slice(-1)))
      .to(anySink()),
    stage: "code",
  },
  "a second window": {
    pipeline: windows()
      .window(tumbling(100))
      .aggregate("code", { n: sum((r) => (refuse(r.key) ? 1 : 0)) })
      .to(anySink()),
    stage: "code",
  },
};

for (const [name, { pipeline, stage }] of Object.entries(BEHIND)) {
  test(`of what windows emit, ${name} that throws makes one result a dead letter and holds up nothing`, async () => {
    const driver = driverOf(pipeline);
    await driver.run();
    const { position } = (await driver.status()) ?? {};
    assert.equal(position, 4);
    assert.deepEqual(
      driver.deadLetters().map((record) => [record.stage, record.key?.slice(0, 1) ?? "b", record.reason]),
      [[stage, "b", "not b"]],
    );
    await driver.advanceTo("end");
    assert.ok(driver.results().length > 0);
  });
}

test("a result that cannot be computed is a dead letter of the stage behind, and holds up nothing", async () => {
  const driver = driverOf(
    readings()
      .keyBy((r) => r.sensor)
      .window(tumbling(10))
      .aggregate("stats", { bad: badResult })
      .map("behind", (r) => r)
      .to(anySink()),
  );
  await driver.run();
  assert.deepEqual(
    driver.deadLetters().map(({ stage, key }) => [stage, key]),
    ["a", "b", "c"].map((key) => ["behind", key]),
  );
  assert.deepEqual(await counts(driver, "behind"), { in: 3, passed: 0, deadLettered: 3, out: 0 });
});

test("whatever result fails how often, wherever the process dies: each ends as its tries say", async () => {
  const scenario = fc.record({
    // Between them it depends: what was decided before a crash was not committed, and is tried once more.
    failures: fc.array(fc.constantFrom(0, 0, 1, 1, 99), { minLength: 1, maxLength: 8 }),
    attempts: fc.integer({ min: 2, max: 4 }),
    perWindow: fc.integer({ min: 1, max: 4 }),
    batch: fc.integer({ min: 1, max: 5 }),
    crashes: fc.array(fc.boolean(), { maxLength: 12 }),
    commitEvery: fc.constantFrom(0, 60_000),
  });
  await fc.assert(
    fc.asyncProperty(scenario, async ({ failures, attempts, perWindow, batch, crashes, commitEvery }) => {
      const flaky = new Flaky(Object.fromEntries(failures.map((times, i) => [`k${i}`, times])));
      const driver = testDriver(behind(flaky, { retry: { attempts, delay: "1s" } }), { commitEvery });
      const dies = [...crashes];
      watchSleep(driver, () => {
        if (dies.shift()) crashed();
      });
      for (let i = 0; i < failures.length; ) {
        for (let n = 0; n < batch && i < failures.length; n++, i++) {
          driver.publish(reading(Math.floor(i / perWindow) * 10, 1, `k${i}`));
        }
        await runThroughCrashes(driver);
      }
      driver.publish(reading(1_000, 1, "last"));
      await runThroughCrashes(driver, true);
      const named = failures.map((times, i) => ({ key: `k${i}`, passes: times < attempts }));
      assert.deepEqual(
        keys(driver).sort(),
        named
          .filter(({ passes }) => passes)
          .map(({ key }) => key)
          .sort(),
      );
      assert.deepEqual(
        driver
          .deadLetters()
          .map((record) => `${record.key} ${record.attempts}`)
          .sort(),
        named
          .filter(({ passes }) => !passes)
          .map(({ key }) => `${key} ${attempts}`)
          .sort(),
      );
    }),
    { numRuns: 150 },
  );
});

test("in a simulated cluster with every fault, results that fail now and then are all written once", async () => {
  const events = Array.from({ length: 80 }, (_, i) => reading(i * 700, i, `sensor-${i % 5}`));
  const [first, seeds] = [Math.floor(Math.random() * 1e9), 10];
  for (let seed = first; seed < first + seeds; seed++) {
    const chance = mulberry32(seed);
    let failures = 0;
    const onError = { retry: { attempts: 500, delay: "1s", maxDelay: "10s" } } as const;
    const pipeline = readings(5_000)
      .keyBy((r) => r.sensor)
      .window(tumbling("10s", { grace: "5s" }))
      .aggregate("stats", { n: count() })
      .map(
        "document",
        ({ key, windowStart, n }) => {
          if (chance() < 0.2) {
            failures++;
            throw new Error("not now");
          }
          return { id: `${key} ${windowStart}`, key, n };
        },
        { onError },
      )
      .to(cosmos({ databaseName: "test", containerName: "counts", partitionKey: "/key" }));
    const { violations } = await simulate(pipeline, { seed, events, partitionKey: (r: Reading) => r.sensor });
    assert.deepEqual(violations, [], `seed ${seed}`);
    assert.ok(failures > 0);
  }
});
