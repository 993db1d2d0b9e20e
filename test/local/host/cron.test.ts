import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseCron } from "../../../lib/local/host/timer/cron.ts";

const next = (text: string, after: string) => parseCron(text).next(new Date(after)).toISOString();

describe("NCRONTAB", () => {
  const cases: readonly [string, string, string][] = [
    ["*/5 * * * * *", "2024-01-01T00:00:00.000Z", "2024-01-01T00:00:05.000Z"],
    ["*/5 * * * * *", "2024-01-01T00:00:59.999Z", "2024-01-01T00:01:00.000Z"],
    ["0 */10 * * * *", "2024-01-01T23:59:00.000Z", "2024-01-02T00:00:00.000Z"],
    ["*/10 * * * *", "2024-01-01T00:01:00.000Z", "2024-01-01T00:10:00.000Z"],
    ["0 30 9 * * Mon-Fri", "2024-01-05T10:00:00.000Z", "2024-01-08T09:30:00.000Z"],
    ["0 0 0 29 Feb *", "2024-03-01T00:00:00.000Z", "2028-02-29T00:00:00.000Z"],
    ["0 0 12 1,15 * *", "2024-01-01T12:00:00.000Z", "2024-01-15T12:00:00.000Z"],
    ["10-20/5 0 0 * * *", "2024-01-01T00:00:10.000Z", "2024-01-01T00:00:15.000Z"],
  ];
  for (const [text, after, expected] of cases) {
    it(`"${text}" after ${after}`, () => assert.equal(next(text, after), expected));
  }

  for (const text of ["", "* * *", "61 * * * * *", "x * * * * *", "*/0 * * * * *"]) {
    it(`refuses "${text}"`, () => assert.throws(() => parseCron(text), { code: "CONFIGURATION" }));
  }

  it("says so when a schedule never comes", () => {
    assert.throws(() => next("0 0 0 31 Feb *", "2024-01-01T00:00:00Z"), /never comes/);
  });
});
