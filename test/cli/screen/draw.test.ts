import assert from "node:assert/strict";
import { test } from "node:test";
import { draw } from "../../../lib/cli/screen/draw.ts";
import { bar, sparkline } from "../../../lib/cli/screen/glyphs.ts";
import { createPaint, wantsColours } from "../../../lib/cli/screen/paint.ts";
import { clip, clock, cut, hour, widthOf } from "../../../lib/cli/screen/text.ts";
import type { LiveView } from "../../../lib/cli/screen/view.ts";

const HOUR = Date.parse("2001-01-02T06:00:00.000Z");

const VIEW: LiveView = {
  elapsed: 61_000,
  published: 12_345,
  publishRates: [0, 1000, 2000],
  pipelines: [
    { name: "delays", eventsPerSecond: 2004, watermark: HOUR, lag: 12, late: 3, deadLetters: 74, duplicates: 37 },
    { name: "legs", eventsPerSecond: 0, watermark: undefined, lag: 0, late: 0, deadLetters: 0, duplicates: 0 },
  ],
  airports: Array.from({ length: 40 }, (_, index) => ({
    code: `A${index}`,
    name: "An airport with a name that is rather long for a table",
    state: "IL",
    windowStart: HOUR,
    flights: index + 1,
    late: index,
    avgDelay: index - 5,
    p95Delay: 2 * index,
    history: [1, undefined, 30, 45],
  })),
  documents: { delays: 3040, routes: 5473 },
  places: [["Cosmos DB", "http://localhost:8081"]],
  notes: [{ at: 1000, text: "something happened" }],
  trouble: undefined,
};

for (const [columns, rows] of [
  [120, 40],
  [80, 24],
  [60, 12],
  [20, 5],
] as const) {
  test(`fits a terminal of ${columns} × ${rows}, with colours or without`, () => {
    for (const colours of [true, false]) {
      const lines = draw(VIEW, { columns, rows }, createPaint(colours));
      assert.ok(lines.length < rows);
      for (const line of lines) assert.ok(widthOf(line) <= columns, `${widthOf(line)}: ${line}`);
    }
  });
}

test("shows what matters", () => {
  const text = draw(VIEW, { columns: 120, rows: 40 }, createPaint(false)).join("\n");
  for (const part of [
    "2,000 events/s",
    "12,345 published",
    "Tue 2001-01-02 06:00",
    "nothing seen yet",
    "Tue 06–07 h",
  ]) {
    assert.ok(text.includes(part), part);
  }
  assert.ok(!text.includes("\u001b"));
  const trouble = draw({ ...VIEW, trouble: "Cosmos DB is down" }, { columns: 120, rows: 40 }, createPaint(false));
  assert.ok(trouble.some((line) => line.includes("Cosmos DB is down")));
});

test("80 columns lose nothing that could be read: headings, addresses and the beginning of a name", () => {
  const places = [
    ["Event Hubs", "localhost:5672"],
    ["Cosmos DB", "http://localhost:8081"],
    ["Blobs", "http://localhost:10000"],
  ] as const;
  const text = draw({ ...VIEW, places }, { columns: 80, rows: 30 }, createPaint(false)).join("\n");
  for (const part of ["dead letters", "duplicates", ...places.flat(), "blob container tidemark", "An airport wi"]) {
    assert.ok(text.includes(part), `${part} in\n${text}`);
  }
});

test("colours follow NO_COLOR and the terminal", () => {
  assert.equal(wantsColours({ isTTY: true }, {}), true);
  assert.equal(wantsColours({ isTTY: true }, { NO_COLOR: "1" }), false);
  assert.equal(wantsColours({ isTTY: true }, { TERM: "dumb" }), false);
  assert.equal(wantsColours({}, {}), false);
});

test("bars, sparklines and cuts keep their widths", () => {
  assert.equal(bar(0.5, 4), "██");
  assert.equal(bar(1 / 32, 4), "▏");
  assert.equal(bar(7, 3), "███");
  assert.equal(sparkline([0, undefined, 10], 0, 10), "▁ █");
  assert.equal(cut("Chicago", 5), "Chic…");
  assert.equal(widthOf(clip("\u001b[1mChicago\u001b[22m", 3)), 3);
  assert.equal(clock(3_725_000), "1:02:05");
  assert.equal(hour(HOUR + 17 * 3_600_000), "Tue 23–00 h");
});
