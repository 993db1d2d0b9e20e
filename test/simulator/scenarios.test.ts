import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { describe, it, type TestContext } from "node:test";
import { runSeed } from "../../lib/testing/simulator/built-in.ts";
import type { FaultKind } from "../../lib/testing/simulator/faults.ts";
import { type Scenario, scenarioOf } from "../../lib/testing/simulator/scenario.ts";
import { commandOf } from "../../lib/testing/simulator/shrink.ts";

/** Seeds that failed before what they found was mended. */
const FOUND = [1727, 1841, 3076, 3311];

/** Seeds with holes: beside a loss and a skipped batch, in a chain of hubs, beside a deadly event. */
const HOLES = [23, 65, 78];

/** The next seeds, from one on, that are about something. */
function seedsOf(scenario: Scenario, first: number, count: number): readonly number[] {
  const seeds: number[] = [];
  for (let seed = first; seeds.length < count; seed++) if (scenarioOf({ seed }) === scenario) seeds.push(seed);
  return seeds;
}

/** Runs fixed and fresh seeds; how often each fault happened in them. */
async function passes(t: TestContext, scenario: Scenario, fixed: number, fresh: number) {
  const first = randomInt(2 ** 30);
  t.diagnostic(`fresh seeds from ${first}`);
  const faults = new Map<FaultKind, number>();
  for (const seed of [...seedsOf(scenario, 1, fixed), ...seedsOf(scenario, first, fresh)]) {
    const result = await runSeed({ seed });
    assert.deepEqual(result.violations, [], commandOf({ seed }));
    for (const [kind, count] of Object.entries(result.faults) as [FaultKind, number][]) {
      faults.set(kind, (faults.get(kind) ?? 0) + count);
    }
  }
  return faults;
}

describe("simulated silence", () => {
  it("closes every window, none before its time, and disturbs no owner", async (t) => {
    const faults = await passes(t, "silence", 12, 6);
    const messages = [...faults.keys()].filter((kind) => /^(queue|message)-/.test(kind));
    assert.ok(messages.length > 0, "messages are lost, doubled or late");
  });

  it("passes the seeds that found an owner, left behind, that looked at its log for ever", async () => {
    for (const seed of FOUND) assert.deepEqual((await runSeed({ seed })).violations, [], commandOf({ seed }));
  });
});

describe("simulated events that end their process", () => {
  it("become one dead letter each, and no other event does", async (t) => {
    const faults = await passes(t, "deadly", 5, 2);
    assert.ok((faults.get("out-of-memory") ?? 0) >= 6 && (faults.get("endless-loop") ?? 0) >= 6);
  });
});

describe("simulated results of windows that end their process", () => {
  it("become one dead letter each, and neither another result nor an event does", async (t) => {
    const faults = await passes(t, "deadly-results", 6, 3);
    assert.ok((faults.get("out-of-memory") ?? 0) >= 9 * 4 && (faults.get("endless-loop") ?? 0) >= 6);
  });
});

describe("simulated numbers that a hub gives to no event", () => {
  it("are counted as holes, and as no loss", async () => {
    for (const seed of HOLES) {
      const { violations, faults } = await runSeed({ seed });
      assert.deepEqual(violations, [], commandOf({ seed }));
      assert.ok((faults["numbers-left-out"] ?? 0) >= 2);
    }
  });
});

describe("simulated partitions that are added", () => {
  it("stop tasks with state before the first event whose key has moved", async (t) => {
    const faults = await passes(t, "growth", 8, 4);
    assert.equal(faults.get("partitions-added"), 12);
  });
});
