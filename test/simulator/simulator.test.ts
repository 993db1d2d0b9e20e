import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { describe, it } from "node:test";
import { runSeed } from "../../lib/testing/simulator/built-in.ts";
import { faultsOf } from "../../lib/testing/simulator/scenario.ts";
import { commandOf } from "../../lib/testing/simulator/shrink.ts";

/**
 * Seeds that failed before what they found was mended. Chance moves on when a run does something else, so that a seed may
 * miss by now what it found; the rules themselves are held by tests of their own and by mutants.
 */
const REGRESSIONS: Readonly<Record<string, readonly number[]>> = {
  "an owner that read on was taken for another hub under the same name": [1, 10, 12],
  "a fenced owner reported events as lost that another had processed": [29],
  "what a hub refused was forgotten when something else of its frame failed": [31, 35, 46],
  "a reset of a log that had just rotated looked like damage to whoever was reading it": [94],
  "events that retention removed during a repair were taken for holes": [23],
};

const FRESH_SEEDS = 8;

async function passes(seed: number): Promise<void> {
  const { violations, size } = await runSeed({ seed });
  assert.deepEqual(violations, [], commandOf({ seed }));
  const { partitions, events, faults, takeOvers } = size;
  const enough = partitions >= 2 && events >= 100 && faults >= 3 && takeOvers >= 1;
  assert.ok(enough, `${commandOf({ seed })} has too little to do: ${JSON.stringify(size)}`);
}

describe("simulated runs", () => {
  for (const [what, seeds] of Object.entries(REGRESSIONS)) {
    it(`passes the seeds that found: ${what}`, async () => {
      for (const seed of seeds) await passes(seed);
    });
  }

  it("passes fixed seeds", async () => {
    for (let seed = 100; seed < 108; seed++) await passes(seed);
  });

  it("passes fresh seeds", async (t) => {
    const first = randomInt(2 ** 31 - FRESH_SEEDS);
    t.diagnostic(`fresh seeds from ${first}: npm run sim -- --first ${first} --seeds ${FRESH_SEEDS}`);
    for (let seed = first; seed < first + FRESH_SEEDS; seed++) await passes(seed);
  });

  it("makes the same run of the same seed, and another of another", async () => {
    const [once, again, other] = [await runSeed({ seed: 5 }), await runSeed({ seed: 5 }), await runSeed({ seed: 6 })];
    assert.deepEqual(again, once);
    assert.notEqual(other.traceHash, once.traceHash);
    // Which writes Parquet.
    assert.deepEqual(await runSeed({ seed: 14 }), await runSeed({ seed: 14 }));
  });

  it("makes the same run wherever its sources are", async () => {
    const before = Error.stackTraceLimit;
    try {
      // These write dead letters, and what they do depends on how many bytes those take.
      for (const seed of [12, 13, 16, 17]) {
        Error.stackTraceLimit = 0;
        const short = await runSeed({ seed });
        Error.stackTraceLimit = 50;
        assert.deepEqual(await runSeed({ seed }), short);
        assert.equal(Error.stackTraceLimit, 50);
      }
    } finally {
      Error.stackTraceLimit = before;
    }
  });

  it("has at least three faults and one take-over in every seed, and enough to do", async () => {
    for (let seed = 1; seed <= 500; seed++) {
      const faults = faultsOf({ seed });
      assert.ok(faults.length >= 4);
      assert.match(String(faults[0]?.kind), /crash|zombie/);
    }
    // The last five had no take-over, or two faults, before somebody saw to it.
    for (const seed of [1, 2, 3, 4, 5, 6, 1470, 1982, 5794, 6812, 7938]) await passes(seed);
    const { secondsVirtual, steps } = await runSeed({ seed: 3, only: [] });
    assert.ok(secondsVirtual > 10 && steps > 200);
  });
});
