import assert from "node:assert/strict";
import { test } from "node:test";
import { count } from "../../../lib/aggregates/index.ts";
import { obstacleOf, replayOf } from "../../../lib/cli/dead-letters/judge.ts";
import { parseRecords } from "../../../lib/cli/dead-letters/stored-record.ts";
import { sideRecordLine } from "../../../lib/sinks/side-output/line.ts";
import { tumbling } from "../../../lib/stream/window.ts";
import { testDriver } from "../../../lib/testing/index.ts";
import { anySink, type Reading, reading, readings } from "../../support/pipelines.ts";

test("a result that was refused is not taken for the event before it, in whose frame it is", async () => {
  const positive = (r: Reading) => {
    if (r.value < 0) throw new Error("negative");
    return r;
  };
  const pipeline = readings()
    .map("positive", positive)
    .keyBy((r) => r.sensor)
    .window(tumbling(10))
    .aggregate("stats", { n: count() })
    .map("document", (): unknown => {
      throw new Error("no document");
    })
    .to(anySink());
  const driver = testDriver(pipeline);
  for (const [at, value, key] of [
    [1, 1, "a"],
    [2, 1, "b"],
    [20, 1, "a"],
    [21, -1, "a"],
  ] as const)
    driver.publish(reading(at, value, key));
  await driver.run();
  const lines = driver.deadLetters().map(sideRecordLine).join("");
  const records = parseRecords("dead-letters/readings/0/1-2-abc.ndjson", lines);
  assert.deepEqual(
    records.map(({ id, stage }) => [id, stage]),
    [
      ["readings/0/3", "positive"],
      ["readings/0/frame-1-2-2", "document"],
      ["readings/0/frame-1-2-3", "document"],
    ],
  );
  assert.deepEqual(
    records.map((record) => obstacleOf(record, pipeline.plan)),
    [undefined, ...Array(2).fill('it is a result of "stats", no event of the source')],
  );
});

test("what a sink was sent cannot go back, and neither can a range of lost events", () => {
  const { plan } = readings().to(anySink<Reading>());
  const record = { pipeline: "readings", partition: "0", id: "", generation: 1, blob: "" };
  const refused = {
    ...record,
    kind: "dead-letter",
    stage: "out",
    sequenceNumber: -1,
    reason: "",
    body: "e30=",
  } as const;
  assert.match(String(obstacleOf({ ...refused, properties: {} }, plan)), /what sink "out" was sent/);
  const lost = { ...refused, stage: "source", sequenceNumber: 3, body: "" };
  assert.match(String(obstacleOf({ ...lost, properties: {} }, plan)), /no longer holds/);
});

test("what was refused before a reset goes back only where the replay does not reach it", () => {
  const start = { position: 5, hubCreated: 0 };
  const log = { generation: 3, sequence: 1, position: 9, watermark: 0, confirmed: 0, pendingFrames: 0, start };
  const status = { ...log, ledger: undefined, idleDue: undefined };
  const place = { pipeline: "readings", partition: "0", id: "", blob: "", stage: "source" };
  const of = (generation: number, sequenceNumber: number) =>
    replayOf(
      { ...place, kind: "dead-letter", reason: "", properties: {}, body: "", generation, sequenceNumber },
      status,
    );
  assert.equal(of(3, 7), undefined, "of this generation");
  assert.equal(of(1, 4), undefined, "before the new beginning");
  for (const number of [5, 8, 20]) assert.match(String(of(1, number)), /log was reset since/);
});
