import assert from "node:assert/strict";
import { test } from "node:test";
import { StallWatch } from "../../../lib/cli/torture/stalls.ts";

const at = (position: number, { behind = true, calm = true } = {}) => [{ task: "delays/0", position, behind, calm }];

test("a task that has work and does not move for more than ten seconds is told once", () => {
  const watch = new StallWatch();
  assert.deepEqual(watch.see(0, at(5)), []);
  assert.deepEqual(watch.see(9_000, at(5)), []);
  assert.deepEqual(watch.see(11_000, at(5)), [{ task: "delays/0", ms: 11_000 }]);
  assert.deepEqual(watch.see(12_000, at(5)), []);
  assert.deepEqual([watch.long, watch.longest?.ms], [1, 12_000]);
});

test("progress, and having nothing to do, end a stall", () => {
  for (const between of [at(6), at(5, { behind: false })]) {
    const watch = new StallWatch();
    watch.see(0, at(5));
    watch.see(8_000, at(5));
    watch.see(9_000, between);
    watch.see(18_000, at(between[0]?.position ?? 0));
    assert.deepEqual([watch.long, watch.longest?.ms], [0, 9_000]);
  }
});

test("a fault excuses what stood still until it was over, but not under fire", () => {
  const watch = new StallWatch();
  watch.see(0, at(5));
  watch.see(8_000, at(5, { calm: false }));
  watch.see(17_000, at(5));
  assert.deepEqual([watch.long, watch.longest?.ms, watch.longestUnderFire?.ms], [0, 9_000, 17_000]);
});
