import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { after, test } from "node:test";
import type { TortureReport } from "../../lib/cli/torture/report.ts";
import { LAUNCHER, temporaryAppFolder } from "./app-folder.ts";

const folder = temporaryAppFolder();
after(() => folder.remove());

const KILLS = 3;
const FIXED_SEED = 4;

async function torture(args: readonly string[]) {
  const child = spawn(process.execPath, [LAUNCHER, "torture", "--json", "--rate", "200", ...args], {
    cwd: folder.path,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [out, log, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "exit")]);
  assert.notEqual(out, "", log);
  return { report: JSON.parse(out) as TortureReport, log, code };
}

async function survives(...args: string[]): Promise<void> {
  const { report, log, code } = await torture(["--kills", String(KILLS), ...args]);
  const all = `${JSON.stringify(report)}\n${log}`;
  assert.equal(code, 0, all);
  assert.equal(report.differences, 0, all);
  assert.equal(report.ledger.balanced, true);
  assert.equal(report.kills, KILLS);
  assert.ok(report.pauses >= 1);
  assert.equal(report.outages.azurite + report.outages.cosmos, 1);
  assert.ok(report.takeovers > 0, all);
  assert.equal(report.fences.breaches, 0, all);
  assert.ok(report.fences.refused > 0, all);
  assert.ok(report.fences.frames > 20, all);
  assert.ok(report.events > 1000 && report.results > 300, all);
  assert.match(log, new RegExp(`Seed ${report.seed}:`));
}

test("two hosts that are killed, paused and starved end with the results of a plain recomputation", {
  concurrency: true,
}, async (t) => {
  // Most of the time they wait: together they take little longer than one.
  await Promise.all([
    t.test("with the faults of a fixed seed", () => survives("--seed", String(FIXED_SEED))),
    t.test("with the faults of a fresh seed", () => survives()),
  ]);
});
