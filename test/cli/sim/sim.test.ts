import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { describe, test } from "node:test";
import { stripVTControlCharacters } from "node:util";
import { type FailedSeed, summary } from "../../../lib/cli/sim/summary.ts";
import { FAULT_KINDS } from "../../../lib/testing/simulator/faults.ts";
import { LAUNCHER } from "../../end-to-end/app-folder.ts";

interface Ended {
  readonly code: number | string;
  readonly out: string;
  readonly log: string;
}

function sim(...args: string[]): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(process.execPath, [LAUNCHER, "sim", ...args], (error, out, log) => {
      resolve({ code: error?.code ?? 0, out, log });
    });
  });
}

function finished(failed: readonly FailedSeed[]): string[] {
  const least = { partitions: 2, events: 100, faults: 3, takeOvers: 1 };
  const result = {
    seeds: 1_200,
    violations: failed.length,
    faults: { crash: 2_000, reset: 1 },
    secondsVirtual: 60,
    least,
  };
  return summary({ result, seconds: 12, seedsPerCpuSecond: 101.3, failed }, false).split("\n");
}

describe("the sim command", () => {
  test("says as JSON what its seeds came to", async () => {
    const { code, out } = await sim("--first", "7", "--seeds", "3", "--json");
    const { seeds, violations, least } = JSON.parse(out);
    assert.deepEqual({ code, seeds, violations }, { code: 0, seeds: 3, violations: 0 });
    assert.ok(least.partitions >= 2 && least.events >= 100 && least.faults >= 3 && least.takeOvers >= 1, out);
  });

  test("refuses faults that are no numbers, and a variant that is not there", async () => {
    const faults = await sim("--seed", "4", "--faults", "1,two");
    const mutant = await sim("--mutants", "--mutant", "emit-before-comit");
    assert.equal(faults.code, 1);
    assert.match(faults.log, /--faults is "two"/);
    assert.equal(mutant.code, 1);
    assert.match(mutant.log, /no variant "emit-before-comit"\. Did you mean emit-before-commit\?/);
  });
});

describe("what a run of many seeds prints", () => {
  test("is the verdict, the pace, and every kind of fault, also one that never happened", () => {
    const lines = finished([]);
    assert.ok(lines.includes("  ✔ 0 violations in 1,200 seeds"));
    assert.ok(lines.some((line) => line.endsWith("100.0 seeds a second, 101.3 a second of processor time")));
    assert.ok(lines.some((line) => line.endsWith("2 partitions, 100 events, 3 faults, 1 take-over")));
    const text = lines.join(" ");
    for (const kind of FAULT_KINDS) {
      const count = kind === "crash" ? "2,000" : kind === "reset" ? "1" : "0";
      assert.match(text, new RegExp(` ${kind} +${count} `), kind);
    }
  });

  test("is, of seeds that fail, what went wrong and the command that shows it again", () => {
    const command = "npm run sim -- --seed 4 --events 12 --faults 1";
    const lines = finished([{ seed: 4, violations: ["The ledger does not balance.", "Another."], command }]);
    const at = lines.indexOf("  ✘ 1 violation in 1,200 seeds");
    assert.deepEqual(lines.slice(at + 1, at + 4), ["", "    The ledger does not balance.", `    ${command}`]);
    assert.equal(stripVTControlCharacters(lines.join("\n")), lines.join("\n"));
  });
});
