import assert from "node:assert/strict";
import { test } from "node:test";
import { count } from "../../lib/aggregates/index.ts";
import type { EventContext } from "../../lib/engine/context.ts";
import { COLUMNS, Ledger, slotOf } from "../../lib/engine/ledger.ts";
import { Operator } from "../../lib/engine/operator.ts";
import type { Pipeline } from "../../lib/stream/pipeline.ts";
import { tumbling } from "../../lib/stream/window.ts";
import { testDriver } from "../../lib/testing/index.ts";
import { anySink, type Reading, reading, readings } from "../support/pipelines.ts";

type Fault = "forgets its input" | "forgets what became of it" | "counts it twice" | "sends more than it says";

/** A stage with a defect in its bookkeeping. */
class Careless extends Operator {
  fault: Fault = "forgets its input";

  override process(value: unknown, context: EventContext): void {
    const { effects } = context;
    if (this.fault !== "forgets its input") effects.count(this.counts.in);
    if (this.fault !== "forgets what became of it") effects.count(this.counts.passed);
    if (this.fault === "counts it twice") effects.count(this.counts.filtered);
    effects.count(this.counts.out);
    this.next.process(value, context);
    if (this.fault === "sends more than it says") this.next.process(value, context);
  }
}

function careless(fault: Fault): Pipeline {
  const { plan } = readings().to(anySink<Reading>());
  const open = (opening: ConstructorParameters<typeof Careless>[0]) => Object.assign(new Careless(opening), { fault });
  return { name: plan.name, plan: { ...plan, stages: [{ kind: "careless", name: "careless", open }] } };
}

for (const fault of [
  "forgets its input",
  "forgets what became of it",
  "counts it twice",
  "sends more than it says",
] as const) {
  test(`a stage that ${fault} stops the task before anything is committed`, async () => {
    const driver = testDriver(careless(fault));
    await assert.rejects(driver.send(reading(1)), { code: "LEDGER_IMBALANCE", message: /does not balance: .*\d/ });
    assert.equal((await driver.status())?.position, 0);
    assert.deepEqual(driver.results(), []);
  });
}

test("an event that a stage miscounts is not taken for one that kills the process: the task stops for as long as it takes", async () => {
  const driver = testDriver(careless("counts it twice"));
  for (let i = 0; i < 12; i++) {
    driver.rewind(0);
    driver.publish(reading(i));
    await assert.rejects(driver.run(), { code: "LEDGER_IMBALANCE" });
  }
  assert.equal((await driver.status())?.position, 0);
  assert.deepEqual([driver.results(), driver.deadLetters()], [[], []]);
});

test("stages without state come and go from one version of a plan to the next", async () => {
  const even = (r: Reading) => r.value % 2 === 0;
  const versions = [
    readings().filter("even", even),
    readings().map("same", (r) => r),
    readings()
      .filter("even", even)
      .map("same", (r) => r),
    readings()
      .map("same", (r) => r)
      .filter("even", even),
    readings(),
  ];
  const driver = testDriver(readings().to(anySink<Reading>()));
  for (const version of versions) {
    for (let value = 0; value < 3; value++) await driver.send(reading(value, value));
    driver.deploy(version.to(anySink<Reading>()));
  }
  await driver.send(reading(9, 9));
  assert.equal(driver.results().length, 3 + 2 + 3 + 2 + 2 + 1);
  assert.equal((await driver.ledger())?.stages[0]?.in, 16);
});

test("each disposition that the ledger knows is that of some event", async () => {
  const driver = testDriver(
    readings()
      .filter("positive", (r) => r.value > 0)
      .map("checked", (r) => {
        if (r.value > 100) throw new Error("too much");
        return r;
      })
      .dedupe("by-id", (r) => r.id, { within: "1h" })
      .keyBy((r) => r.sensor)
      .window(tumbling(10))
      .aggregate("stats", { readings: count() })
      .to(anySink()),
  );
  for (const [at, value, id] of [
    [1, 1, "one"],
    [2, -1, "negative"],
    [3, 101, "large"],
    [4, 1, "one"],
    [25, 1, "two"],
    [5, 1, "late"],
  ] as const)
    await driver.send(reading(at, value, "a", id));
  const rows = (await driver.ledger())?.stages ?? [];
  for (const column of COLUMNS) assert.ok(rows.reduce((sum, row) => sum + row[column], 0) > 0, column);
});

test("the source must account for every sequence number", () => {
  const ledger = new Ledger({ pipeline: "p", partition: "0" }, [{ stage: "source", input: undefined }], 10, undefined);
  ledger.source.processed = 2;
  for (const column of ["in", "passed", "out"] as const) ledger.counts[slotOf(0, column)] = 2;
  ledger.check(12);
  assert.throws(() => ledger.check(13), {
    code: "LEDGER_IMBALANCE",
    message: /position 13 − start 10 = 3, but processed 2 \+ lost 0 \+ holes 0 \+ control 0 = 2/,
  });
});
