import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { after, test } from "node:test";
import type { OnceReport } from "../../lib/cli/once/report.ts";
import { LAUNCHER, temporaryAppFolder } from "./app-folder.ts";

const folder = temporaryAppFolder();
after(() => folder.remove());

function once(...args: string[]) {
  const result = spawnSync(process.execPath, [LAUNCHER, "start", "--once", "--json", "--ports", "free", ...args], {
    cwd: folder.path,
    encoding: "utf8",
  });
  assert.notEqual(result.stdout, "", result.stderr);
  return { status: result.status, report: JSON.parse(result.stdout) as OnceReport, log: result.stderr };
}

test("a run whose worker is killed twice ends with the results of a plain recomputation", () => {
  const { status, report, log } = once("--events", "3000", "--noise", "2", "--kill", "2");
  assert.equal(report.differences, 0, log);
  assert.equal(status, 0, log);
  assert.equal(log.match(/SIGKILL/g)?.length, 2, log);
  assert.equal(report.events, 3000);
  assert.ok(report.malformed > 20 && report.duplicates > 5, JSON.stringify(report));
  assert.equal(report.deadLettered, report.malformed);
  assert.ok(report.results > 1500);
  assert.equal(report.ledger.balanced, true);
  assert.deepEqual(Object.keys(report.ledger.pipelines), ["delays", "legs", "routes"]);
  assert.deepEqual(Object.keys(report), [
    ...["events", "malformed", "duplicates", "late", "deadLettered", "results", "differences", "ledger"],
    ...["seconds", "eventsPerSecond", "latencyMs"],
  ]);
  assert.ok(report.latencyMs.p50 > 0 && report.latencyMs.p99 >= report.latencyMs.p50);
  // The worker needs longer than that to begin anew after each kill.
  assert.ok(report.seconds > 0.2, JSON.stringify(report));
});

test("without the Cosmos DB sink everything else is verified", () => {
  const { status, report, log } = once("--events", "1000", "--sink", "none");
  assert.equal(status, 0, log);
  assert.equal(report.results, 0);
  assert.equal(report.differences, 0);
  assert.equal(report.ledger.pipelines.routes?.stages.at(-1)?.passed !== 0, true);
});
