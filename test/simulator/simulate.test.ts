import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { MARKER_PROPERTY } from "../../lib/engine/headers.ts";
import {
  cosmos,
  count,
  type Duration,
  files,
  stream,
  sum,
  type TumblingWindow,
  toHub,
  tumbling,
} from "../../lib/index.ts";
import { partitionForKey } from "../../lib/sources/partition-key.ts";
import { simulate } from "../../lib/testing/index.ts";
import { memorySink } from "../../lib/testing/memory-sink.ts";
import type { FaultKind } from "../../lib/testing/simulator/faults.ts";
import { publish } from "../../lib/testing/simulator/publishing.ts";
import { Reading, reading, readings } from "../support/pipelines.ts";

const events = Array.from({ length: 120 }, (_, i) => reading(i * 100 - (i % 7) * 150, i, `s${i % 5}`, `e${i}`));
const bySensor = (event: Reading) => event.sensor;

/** With some minutes between them now and then, some of them twice, and some late whatever silence does. */
const pausing = events.map((event, i) => {
  const late = i % 40 === 39 ? 3_600_000 : 0;
  const id = i % 11 === 0 ? `e${i - 5}` : event.id;
  return { ...event, id, at: 5 * event.at + Math.floor(i / 10) * 120_000 - late };
});

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

  it("closes windows in silence where event time has idle, and finds no event late for that", async () => {
    const source = (idle: Duration) =>
      stream("readings", Reading)
        .eventTime((r) => r.at, { outOfOrder: 1_000, idle })
        .keyBy(bySensor);
    const windowed = (idle: Duration, window: TumblingWindow) =>
      source(idle)
        .dedupe("ids", (r) => r.id, { within: 2_000 })
        .window(window)
        .aggregate("totals", { readings: count() })
        .map("document", ({ key, ...rest }) => ({ id: `${key}-${rest.windowStart}`, key, ...rest }));
    const pipelines = [
      windowed("5s", tumbling(2_000, { grace: 100 })).to(
        cosmos({ databaseName: "d", containerName: "totals", partitionKey: "/key" }),
      ),
      windowed("30s", tumbling(2_000, { grace: "6h", emit: "final" })).to(memorySink()),
      source("10s").to(files({ container: "archive", roll: "folder" })),
      windowed("30s", tumbling(2_000)).to(toHub({ eventHubName: "copies", partitions: 3, key: (r) => r.key })),
    ];
    const faults = new Set<string>();
    for (const [index, pipeline] of pipelines.entries()) {
      for (const seed of [1, 3, 4]) {
        const result = await simulate(pipeline, { seed, events: pausing, partitionKey: bySensor });
        assert.deepEqual(result.violations, [], `pipeline ${index}, seed ${seed}`);
        if (index === 1) assert.ok(result.secondsVirtual > 6 * 3_600);
        for (const kind of Object.keys(result.faults)) faults.add(kind);
      }
    }
    assert.ok(
      [...faults].some((kind) => /^(queue|message)-/.test(kind)),
      "messages are lost, doubled or late",
    );
    assert.ok(!faults.has("clock"));
  });

  it("ends no partition by a marker that silence ends, but one that nothing ever comes to", () => {
    const marked = (options: { outOfOrder: Duration; idle?: Duration }) => {
      const { source } = stream("readings", Reading)
        .eventTime((r) => r.at, options)
        .to(memorySink()).plan;
      const published = publish({ hub: "h", seed: 1, events: pausing, partitions: 9, partitionKey: bySensor }, source);
      return published.flatMap(({ properties, partition }) =>
        properties?.[MARKER_PROPERTY] === "end" ? [partition] : [],
      );
    };
    const used = new Set(pausing.map((event) => partitionForKey(event.sensor, 9)));
    const all = Array.from({ length: 9 }, (_, partition) => partition);
    assert.deepEqual(marked({ outOfOrder: 0 }), all);
    assert.deepEqual(
      marked({ outOfOrder: 0, idle: "5s" }),
      all.filter((partition) => !used.has(partition)),
    );
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
