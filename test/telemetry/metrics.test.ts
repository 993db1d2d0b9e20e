import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { formatCommitLine, LatencyHistogram, METRIC_PREFIX, parseCommitLine } from "../../lib/telemetry/metrics.ts";

describe("the latency histogram", () => {
  it("tells a quantile within a tenth, also after it travelled in parts", () => {
    const latencies = fc.array(fc.integer({ min: 1, max: 10_000_000 }), { minLength: 1 });
    fc.assert(
      fc.property(latencies, fc.double({ min: 0, max: 1, noNaN: true }), (values, q) => {
        const parts = [new LatencyHistogram(), new LatencyHistogram()];
        for (const [i, value] of values.entries()) parts[i % 2]?.add(value);
        const whole = new LatencyHistogram();
        for (const part of parts) whole.merge(JSON.parse(JSON.stringify(part.counts())));
        const sorted = values.toSorted((a, b) => a - b);
        const exact = sorted[Math.max(1, Math.ceil(q * values.length)) - 1] as number;
        const told = whole.quantile(q) as number;
        assert.ok(told >= exact * 0.9999 && told <= exact * 1.0906, `${told} for ${exact}`);
      }),
    );
  });

  it("takes a negative latency for none, and tells nothing of nothing", () => {
    const histogram = new LatencyHistogram();
    assert.equal(histogram.quantile(0.5), undefined);
    histogram.add(-5);
    assert.equal(histogram.quantile(0.5), 1);
  });
});

describe("a commit's line", () => {
  const metrics = {
    pipeline: "delays",
    partition: "3",
    sequence: 7,
    position: 100,
    watermark: Number.MIN_SAFE_INTEGER,
    events: 10,
    results: 2,
    late: 1,
    deadLettered: 0,
    duplicates: 0,
    lost: 0,
    buffered: 0,
    pendingFrames: 0,
    gaps: 0,
    processMs: 1,
    commitMs: 2,
    deliverMs: 3,
    latencyMs: { newest: 5, oldest: 9 },
  };

  it("is read back from the log", () => {
    const latency = new LatencyHistogram();
    latency.add(8);
    const message = `${METRIC_PREFIX} ${formatCommitLine(metrics, latency)}`;
    assert.deepEqual(parseCommitLine(message), { metric: "commit", ...metrics, latency: { 24: 1 } });
    assert.equal(parseCommitLine(message.slice(0, -1)), undefined);
    assert.equal(parseCommitLine("tidemark is at sea"), undefined);
  });
});
