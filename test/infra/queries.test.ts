import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { formatCommitLine, LatencyHistogram, METRIC_PREFIX, parseCommitLine } from "../../lib/telemetry/metrics.ts";
import { INFRA } from "./environments.ts";

const folder = join(INFRA, "queries");
const queries = readdirSync(folder).map((name) => ({ name, text: readFileSync(join(folder, name), "utf8") }));

/** A line as the app logs it: the host writes the parts with a space between them. */
const LINE = `${METRIC_PREFIX} ${formatCommitLine(
  {
    pipeline: "p",
    partition: "0",
    sequence: 1,
    position: 1,
    watermark: 1,
    events: 1,
    results: 1,
    late: 0,
    deadLettered: 0,
    duplicates: 0,
    lost: 0,
    buffered: 0,
    pendingFrames: 0,
    gaps: 0,
    commitMs: 1,
    deliverMs: 1,
    latencyMs: { newest: 1, oldest: 2 },
  },
  new LatencyHistogram(),
)}`;

for (const { name, text } of queries) {
  test(`${name} reads what the app logs`, () => {
    const parsed = parseCommitLine(LINE) as unknown as Record<string, unknown>;
    for (const [, path = ""] of text.matchAll(/\bline\.([\w.]+)/g)) {
      const value = path
        .split(".")
        .reduce<unknown>((inner, key) => (inner as Record<string, unknown> | undefined)?.[key], parsed);
      assert.notEqual(value, undefined, `no line has "${path}"`);
    }
    for (const [, start = ""] of text.matchAll(/startswith '([^']*)'/g)) assert.ok(LINE.startsWith(start));
    if (text.includes("parse_json")) assert.ok(text.includes(`strlen('${METRIC_PREFIX} ')`));
  });

  test(`${name} begins by saying what its number means`, () => assert.match(text, /^\/\/ [A-Z].*\.\n/));
}

test("there is a query for each alert", () => assert.equal(queries.length, 7));
