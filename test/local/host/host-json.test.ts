import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseHostJson } from "../../../lib/local/host/config/host-json.ts";
import { retryDelayMs } from "../../../lib/local/host/retry.ts";

describe("host.json", () => {
  it("has the defaults of the real host", () => {
    const { eventHubs, queues, functionTimeoutMs } = parseHostJson({ version: "2.0" });
    assert.deepEqual(eventHubs, {
      maxEventBatchSize: 100,
      minEventBatchSize: 1,
      maxWaitMs: 60_000,
      prefetchCount: 300,
      batchCheckpointFrequency: 1,
      initialOffset: { type: "fromStart" },
      loadBalancingUpdateIntervalMs: 10_000,
      partitionOwnershipExpirationIntervalMs: 60_000,
    });
    assert.equal(queues.maxDequeueCount, 5);
    assert.equal(functionTimeoutMs, 30 * 60_000);
  });

  it("reads what is set", () => {
    const parsed = parseHostJson({
      functionTimeout: "00:00:01.5",
      extensions: {
        eventHubs: {
          maxWaitTime: "00:00:05",
          initialOffsetOptions: { type: "fromEnqueuedTime", enqueuedTimeUtc: "2024-01-02T03:04:05" },
        },
        http: { routePrefix: "" },
      },
    });
    assert.equal(parsed.functionTimeoutMs, 1500);
    assert.equal(parsed.eventHubs.maxWaitMs, 5000);
    assert.deepEqual(parsed.eventHubs.initialOffset, {
      type: "fromEnqueuedTime",
      enqueuedTime: new Date("2024-01-02T03:04:05Z"),
    });
    assert.equal(parsed.http.routePrefix, "");
    assert.equal(parseHostJson({ functionTimeout: "-1" }).functionTimeoutMs, undefined);
  });

  it("names everything that is wrong in one message", () => {
    const wrong = {
      eventHubs: { maxEventBatchSize: 0, maxWaitTime: "soon", initialOffsetOptions: { type: "middle" } },
    };
    assert.throws(
      () => parseHostJson({ extensions: wrong }),
      (error: Error) => {
        assert.match(error.message, /"extensions\.eventHubs\.maxEventBatchSize" must be a whole number of at least 1/);
        assert.match(error.message, /"extensions\.eventHubs\.maxWaitTime" is "soon", which is not a time span/);
        assert.match(error.message, /initialOffsetOptions\.type" must be/);
        return true;
      },
    );
  });

  it("grows the delay of exponential retries up to the maximum", () => {
    const policy = {
      strategy: "exponentialBackoff",
      maxRetryCount: 9,
      delayMs: 0,
      minimumMs: 10,
      maximumMs: 50,
    } as const;
    assert.deepEqual(
      [1, 2, 3, 4].map((retry) => retryDelayMs(policy, retry)),
      [10, 20, 40, 50],
    );
  });
});
