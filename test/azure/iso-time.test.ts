import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { timeReader } from "../../lib/azure/iso-time.ts";

// Where local time is not UTC, reading a time without zone as local shows.
process.env.TZ = "America/New_York";

const NOON = Date.UTC(2026, 10, 22, 12);

describe("times of the trigger", () => {
  const forms: [string, number][] = [
    ["2026-11-22T12:00:00", NOON],
    ["2026-11-22T12:00:00Z", NOON],
    ["2026-11-22T12:00:00.1", NOON + 100],
    ["2026-11-22T12:00:00.12Z", NOON + 120],
    ["2026-11-22T12:00:00.1239999", NOON + 123],
    ["2026-11-22T12:00:00.123+00:00", NOON + 123],
    ["2026-11-22T13:30:00+01:30", NOON],
    ["2026-11-22T07:00:00-05:00", NOON],
  ];
  it("are UTC, with or without a zone", () => {
    const read = timeReader();
    for (const [text, expected] of forms) assert.equal(read(text), expected, text);
    assert.equal(read(new Date(NOON)), NOON);
  });

  it("are NaN when they are no times", () => {
    const read = timeReader();
    for (const wrong of [
      undefined,
      null,
      12,
      "",
      "noon",
      "2026-11-22",
      "2026-11-22T12:00:00 GMT",
      "2026-11-22T25:00:00",
    ]) {
      assert.ok(Number.isNaN(read(wrong)), String(wrong));
    }
  });

  it("are read like Date.parse does, whatever came before", () => {
    const read = timeReader();
    const times = fc.date({ min: new Date("1970-01-01"), max: new Date("2100-01-01"), noInvalidDate: true });
    fc.assert(
      fc.property(times, (date) => {
        const text = date.toISOString();
        assert.equal(read(text), date.getTime());
        assert.equal(read(text.slice(0, -1)), date.getTime());
      }),
    );
  });
});
