import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { cosmos, count, stream, sum, toHub, tumbling } from "../../lib/index.ts";
import { simulate } from "../../lib/testing/index.ts";
import { memorySink } from "../../lib/testing/memory-sink.ts";
import { Reading, reading, readings } from "../support/pipelines.ts";

const events = Array.from({ length: 120 }, (_, i) => reading(i * 100 - (i % 7) * 150, i, `s${i % 5}`, `e${i}`));
const bySensor = (event: Reading) => event.sensor;

const totals = readings(1_000)
  .keyBy(bySensor)
  .window(tumbling(2_000, { grace: 1_000 }))
  .aggregate("totals", { readings: count(), total: sum((r) => r.value) })
  .map("document", ({ key, ...rest }) => ({ id: `${key}-${rest.windowStart}`, key, ...rest }));

describe("simulate", () => {
  it("finds nothing wrong with sound pipelines, whatever they write to", async () => {
    const pipelines = [
      totals.to(cosmos({ databaseName: "d", containerName: "totals", partitionKey: "/key" })),
      totals.to(memorySink()),
      readings().to(toHub({ eventHubName: "copies", partitions: 3, key: bySensor })),
    ];
    for (const pipeline of pipelines) {
      for (let seed = 1; seed <= 3; seed++) {
        const { violations, faults, secondsVirtual } = await simulate(pipeline, {
          seed,
          events,
          partitionKey: bySensor,
        });
        assert.deepEqual(violations, [], `seed ${seed}`);
        assert.ok(Object.keys(faults).length > 0);
        assert.ok(secondsVirtual > 5);
      }
    }
  });

  it("notices a key that lives on two partitions", async () => {
    const pipeline = totals.to(cosmos({ databaseName: "d", containerName: "totals", partitionKey: "/key" }));
    await assert.rejects(simulate(pipeline, { seed: 1, events }), /FOREIGN_DOCUMENT/);
  });

  it("notices user code whose outcome depends on how often it runs", async () => {
    let runs = 0;
    const pipeline = readings()
      .map("counting", (r) => ({ ...r, runs: ++runs }))
      .to(memorySink());
    const { violations } = await simulate(pipeline, { seed: 2, events });
    assert.match(violations.join(), /received other values than without faults/);
  });

  it("refuses a pipeline without a source of its own", async () => {
    const pipeline = stream("down", Reading)
      .eventTime((r) => r.at, { watermark: "upstream" })
      .to(memorySink());
    await assert.rejects(simulate(pipeline, { seed: 1, events }), { code: "UNSUPPORTED" });
  });
});
