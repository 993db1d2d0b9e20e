import assert from "node:assert/strict";
import { test } from "node:test";
import type { EventContext } from "../../lib/engine/context.ts";
import type { Deferred } from "../../lib/engine/effects.ts";
import { Operator, type StageOpening } from "../../lib/engine/operator.ts";
import type { StageNode } from "../../lib/stream/plan.ts";
import { type TestDriver, testDriver } from "../../lib/testing/index.ts";
import { anySink, type Reading, reading, readings } from "../support/pipelines.ts";

class ProcessDied extends Error {}

/** A stage that ends the process: what it throws leaves the engine, and no handler of the event's path sees it. */
class DeadlyOperator extends Operator implements Deferred {
  readonly #killers: ReadonlySet<number>;

  constructor(opening: StageOpening, killers: ReadonlySet<number>) {
    super(opening);
    this.#killers = killers;
  }

  override process(value: unknown, context: EventContext): void {
    context.effects.count(this.counts.in);
    context.effects.count(this.counts.passed);
    context.effects.count(this.counts.out);
    context.effects.defer(this, (value as Reading).value, undefined, 0);
    this.next.process(value, context);
  }

  apply(value: number): void {
    if (this.#killers.has(value)) throw new ProcessDied();
  }
}

/** Runs a pipeline whose process dies whenever it sees one of some values, and starts it again until the batch is done. */
async function survive(killers: ReadonlySet<number>, restarts: number): Promise<TestDriver> {
  const { plan } = readings().to(anySink<Reading>());
  const deadly: StageNode = { kind: "deadly", name: "deadly", open: (opening) => new DeadlyOperator(opening, killers) };
  const driver = testDriver({ name: plan.name, plan: { ...plan, stages: [deadly] } });
  for (let value = 0; value < 6; value++) driver.publish(reading(value, value));
  for (let i = 0; i < restarts; i++) {
    try {
      driver.rewind(0);
      await driver.run();
      return driver;
    } catch (thrown) {
      if (!(thrown instanceof ProcessDied)) throw thrown;
      driver.restart();
    }
  }
  throw new Error("the batch was never done");
}

test("an event that kills the process is found, dead-lettered unprocessed, and the rest goes on", async () => {
  const driver = await survive(new Set([2]), 20);
  assert.deepEqual(
    driver.results<Reading>().map((r) => r.value),
    [0, 1, 3, 4, 5],
  );
  const [record, ...more] = driver.deadLetters();
  assert.deepEqual(more, []);
  assert.equal(record?.sequenceNumber, 2);
  assert.match(record?.reason ?? "", /the process died each time/);
});

test("two such events in one batch are both found", async () => {
  const driver = await survive(new Set([0, 4]), 40);
  assert.deepEqual(
    driver.deadLetters().map((record) => record.sequenceNumber),
    [0, 4],
  );
  assert.equal(driver.results().length, 4);
});

test("crashes that no event causes condemn none", async () => {
  const driver = testDriver(readings().to(anySink<Reading>()));
  for (let value = 0; value < 4; value++) driver.publish(reading(value, value));
  for (let i = 0; i < 12; i++) {
    await driver.task.handle([], new AbortController().signal);
    driver.restart();
  }
  await driver.run();
  assert.deepEqual(
    driver.results<Reading>().map((r) => r.value),
    [0, 1, 2, 3],
  );
  assert.deepEqual(driver.deadLetters(), []);
  const ledger = await driver.ledger();
  assert.equal(ledger?.source.processed, 4);
});
