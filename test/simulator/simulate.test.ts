import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { cosmos, count, files, stream, sum, toHub, tumbling } from "../../lib/index.ts";
import { simulate } from "../../lib/testing/index.ts";
import { memorySink } from "../../lib/testing/memory-sink.ts";
import type { FaultKind } from "../../lib/testing/simulator/faults.ts";
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

  it("runs sinks of files, of either format, and compares the rows that count", async () => {
    const archive = { container: "archive", partitionBy: "minute" } as const;
    const columns = {
      id: "string",
      key: "string",
      windowStart: "timestamp",
      windowEnd: "timestamp",
      readings: "int32",
      total: "int64",
    } as const;
    const pipelines = [
      readings(1_000).to(files({ ...archive }), files({ ...archive, path: "deep/er", roll: "folder" })),
      // Which versions of a row are written depends on the batches; the last one does not.
      readings(1_000).to(files({ ...archive, partitionBy: "none", key: bySensor })),
      totals.to(files({ container: "results", format: "parquet", columns })),
      totals.to(files({ ...archive, path: "totals", key: ({ id }) => id, roll: "folder", format: "parquet", columns })),
    ];
    const resets: readonly FaultKind[] = ["reset", "blob-lost"];
    let generations = 0;
    for (const [index, pipeline] of pipelines.entries()) {
      for (const [seed, kinds] of [[1], [2], [3, resets]] as const) {
        const options = { seed, events, partitionKey: bySensor, ...(kinds ? { faults: kinds } : {}) };
        const { violations, faults } = await simulate(pipeline, options);
        assert.deepEqual(violations, [], `pipeline ${index}, seed ${seed}`);
        generations += faults.reset ?? 0;
      }
    }
    assert.ok(generations >= pipelines.length, "logs are reset, and all rows written again");
  });

  it("notices rows of files that depend on how often user code runs", async () => {
    let runs = 0;
    const pipeline = readings()
      .map("counting", (r) => ({ ...r, runs: ++runs }))
      .to(files({ container: "archive" }));
    const { violations } = await simulate(pipeline, { seed: 2, events });
    assert.match(violations.join(), /rows of files:archive of readings\/0: 1 missing: date=1970-01-01\/hour=00\/ \{/);
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
