import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { HubEvent } from "../../lib/engine/ports.ts";
import { ChunkSize } from "../../lib/sources/chunk-size.ts";

const KIB = 1024;
const MOST = 2_000;

function chunk(events: number, bytes: number): HubEvent[] {
  const body = new Uint8Array(bytes);
  return Array.from({ length: events }, () => ({ body }) as HubEvent);
}

/** The sizes that a receiver has after each chunk, as many events as it gives at most. */
function sizes(bytes: readonly number[], size = new ChunkSize(MOST)): number[] {
  return bytes.map((each) => {
    size.learn(chunk(size.events, each));
    return size.events;
  });
}

describe("how many events a receiver gives at a time", () => {
  it("begins with what fits into memory when each is as large as can be", () => {
    assert.equal(new ChunkSize(MOST).events, 64);
    assert.equal(new ChunkSize(10).events, 10);
  });

  it("grows step by step while events are small, and stays where it is", () => {
    assert.deepEqual(sizes([200, 200, 200]), [512, MOST, MOST]);
  });

  it("follows large events down to a single one", () => {
    assert.deepEqual(sizes([200, 100 * KIB, 1024 * KIB, 20_000 * KIB]), [512, 40, 4, 1]);
  });

  it("does not grow for a few, nor for what makes little difference", () => {
    const size = new ChunkSize(MOST);
    assert.equal(size.learn(chunk(30, 10)), false);
    assert.equal(size.learn(chunk(64, 40 * KIB)), false);
    assert.equal(size.events, 64);
  });
});
