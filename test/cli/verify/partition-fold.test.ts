import assert from "node:assert/strict";
import { test } from "node:test";
import { FlightsFold } from "../../../lib/cli/verify/fold-flights.ts";
import { PartitionFold } from "../../../lib/cli/verify/partition-fold.ts";

const DAY = Date.parse("2001-01-01T00:00:00.000Z");

function flight(id: string, minute: number, more: Record<string, unknown> = {}) {
  const scheduled = new Date(DAY + minute * 60_000).toISOString();
  return { id, scheduled, delay: 5, distance: 500, origin: "ORD", destination: "LGA", ...more };
}

function message(value: unknown, sequenceNumber = 0) {
  return { sequenceNumber, properties: {}, body: Buffer.from(JSON.stringify(value)) };
}

test("an id that was accepted is a duplicate within twelve hours, both ways", () => {
  const fold = new PartitionFold();
  const kinds = [flight("a", 600), flight("a", 600), flight("a", 601), flight("b", 600)].map(
    (value) => fold.judge(message(value)).kind,
  );
  assert.deepEqual(kinds, ["flight", "duplicate", "duplicate", "flight"]);
  assert.equal(fold.judge(message(flight("a", 600 + 12 * 60))).kind, "duplicate");
  assert.equal(fold.judge(message(flight("a", 600 + 24 * 60 + 1))).kind, "flight");
});

test("an event is judged by the watermark before it; what is twelve hours behind cannot be judged", () => {
  const fold = new PartitionFold();
  const ahead = fold.judge(message(flight("a", 24 * 60)));
  assert.equal(ahead.kind === "flight" && ahead.watermark, Number.NEGATIVE_INFINITY);
  // The watermark is at 22:00 now: 10:00 is exactly twelve hours behind.
  assert.equal(fold.judge(message(flight("b", 10 * 60))).kind, "late");
  assert.equal(fold.judge(message(flight("c", 10 * 60 + 1))).kind, "flight");
});

test("what is malformed moves no watermark, a marker does", () => {
  const fold = new PartitionFold();
  fold.judge(message(flight("x", 99_999, { delay: -61 })));
  const first = fold.judge(message(flight("a", 0)));
  assert.equal(first.kind === "flight" && first.watermark, Number.NEGATIVE_INFINITY);
  const marker = { sequenceNumber: 1, properties: { "tidemark-watermark": "end" }, body: Buffer.alloc(0) };
  assert.equal(fold.judge(marker).kind, "marker");
  assert.equal(fold.judge(message(flight("b", 10_000))).kind, "late");
});

test("a whole partition adds up: one disposition for every event", () => {
  const fold = new FlightsFold(new Map([["ORD", { name: "O'Hare", state: "IL" }]]));
  const take = fold.partition("2");
  const values = [
    flight("a", 10, { delay: 10 }),
    flight("b", 20, { delay: 20 }),
    flight("b", 20, { delay: 20 }),
    flight("c", 30, { delay: 40, distance: 99 }),
    { broken: true },
    flight("d", 9 * 60 + 1),
    flight("e", 50),
  ];
  for (const [index, value] of values.entries()) take(message(value, index));
  assert.equal(fold.events, 7);
  assert.equal(fold.duplicates, 1);
  assert.deepEqual(fold.malformed, ["2/4"]);
  // "e" came when the watermark stood at 07:01, and the hour from midnight was open until 07:00.
  assert.deepEqual(fold.lateForHour, ["2/6"]);
  assert.equal(fold.legs, 4);
  assert.equal(fold.shortHops, 1);
  assert.deepEqual(fold.delays.documents.take("ORD", DAY), {
    id: "ORD-2001-01-01T00:00:00.000Z",
    origin: "ORD",
    airport: "O'Hare",
    state: "IL",
    windowStart: "2001-01-01T00:00:00.000Z",
    windowEnd: "2001-01-01T01:00:00.000Z",
    flights: 3,
    late: 2,
    avgDelay: 70 / 3,
    p95Delay: 40,
  });
  assert.deepEqual(fold.routes.documents.take("ORD-LGA", DAY), {
    id: "ORD-LGA-2001-01-01T00:00:00.000Z",
    route: "ORD-LGA",
    windowStart: "2001-01-01T00:00:00.000Z",
    windowEnd: "2001-01-02T00:00:00.000Z",
    flights: 4,
    avgDelay: 10,
    minDelay: 5,
    maxDelay: 20,
  });
});
