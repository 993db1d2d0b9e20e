import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { type Scenario, walk } from "./chaos.ts";

const RUNS = Number(process.env.CHECKPOINT_RUNS ?? 25);

/** Everything small, so that rotation, snapshots and payloads happen all the time. */
const limits = fc.record({
  segmentAppends: fc.integer({ min: 2, max: 9 }),
  sliceItems: fc.constantFrom(2, 40),
  inlineBytes: fc.constantFrom(0, 600, 100_000),
  attempts: fc.integer({ min: 1, max: 4 }),
});

const scenario: fc.Arbitrary<Scenario> = fc.record({
  seed: fc.integer(),
  workers: fc.constantFrom(1, 1, 2, 3),
  frames: fc.integer({ min: 1, max: 100 }),
  faults: fc.constantFrom(0, 0.05, 0.2),
  crashes: fc.constantFrom(0, 0.001, 0.01),
  limits,
});

describe("checkpoint log under chance", () => {
  it("loses no confirmed frame, takes none from a fenced owner, recovers the fold of the accepted", async () => {
    const seen = { confirmed: 0, accepted: 0, openings: 0, lost: 0, late: 0, crash: 0 };
    await fc.assert(
      fc.asyncProperty(scenario, async (one) => {
        const { confirmed, accepted, openings, faults } = await walk(one);
        seen.confirmed += confirmed;
        seen.accepted += accepted;
        seen.openings += openings;
        seen.lost += faults.lost ?? 0;
        seen.late += faults.late ?? 0;
        seen.crash += faults.crash ?? 0;
      }),
      // A failure prints its scenario; shrinking it takes minutes and is left to whoever looks into it.
      { numRuns: RUNS, endOnFailure: !process.env.CHECKPOINT_SHRINK },
    );
    // The walks went where it hurts, or they prove nothing.
    for (const [what, count] of Object.entries(seen)) assert.ok(count > RUNS / 4, `${what}: ${count}`);
    assert.ok(seen.accepted >= seen.confirmed);
  });
});
