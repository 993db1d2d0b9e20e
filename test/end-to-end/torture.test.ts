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

async function torture(...args: string[]) {
  const child = spawn(
    process.execPath,
    [LAUNCHER, "torture", "--json", "--kills", String(KILLS), "--rate", "200", ...args],
    {
      cwd: folder.path,
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  const [out, log, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "exit")]);
  assert.equal(code, 0, `${out}\n${log}`);
  return { report: JSON.parse(out) as TortureReport, log };
}

async function survives(...args: string[]): Promise<void> {
  const { report, log } = await torture(...args);
  assert.equal(report.differences, 0, log);
  assert.equal(report.ledger.balanced, true);
  assert.equal(report.kills, KILLS);
  assert.ok(report.pauses >= 1);
  assert.equal(report.outages.azurite + report.outages.cosmos, 1);
  assert.ok(report.takeovers > 0 && report.debtors > 0, log);
  assert.equal(report.fences.breaches, 0, log);
  assert.ok(report.fences.frames > 20, JSON.stringify(report));
  assert.ok(report.events > 1000 && report.results > 300, JSON.stringify(report));
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
