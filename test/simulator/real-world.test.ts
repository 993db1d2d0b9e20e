import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Breach } from "./real-world/guard.ts";
import { PLANTED } from "./real-world/planted.ts";

interface Report {
  readonly kinds: readonly string[];
  readonly breaches: readonly Breach[];
}

const CHILD = fileURLToPath(new URL("real-world/child.ts", import.meta.url));
const LIB = fileURLToPath(new URL("../../lib/", import.meta.url));
const run = promisify(execFile);

/** Rooms that get time and chance from their caller; their one edge is the client of the storage service. */
const INJECTED = "{stream,operators,aggregates,engine,checkpoint,sinks}/**/*.ts";
const EDGE = "checkpoint/azure-blobs.ts";
const REAL =
  /\bDate\.now\b|new Date\(\)|\bperformance\b|\bhrtime\b|\bset(Timeout|Interval|Immediate)\b|AbortSignal\.timeout|Math\.random|\brandom(Bytes|Fill|Int|UUID)|getRandomValues|node:timers/;

/** Simulates every kind of seed, and pipelines of users, in a process that notes what is real. */
async function simulated(...given: readonly string[]): Promise<Report> {
  const { stdout } = await run(process.execPath, ["--disable-warning=ExperimentalWarning", CHILD, ...given]);
  return JSON.parse(stdout) as Report;
}

describe("time and chance", () => {
  it("are named nowhere in the engine, also where no seed comes", () => {
    const files = globSync(INJECTED, { cwd: LIB });
    const found = files.filter((file) => REAL.test(readFileSync(`${LIB}${file}`, "utf8")));
    assert.deepEqual(found, [EDGE]);
    assert.ok(files.length > 100);
  });
});

describe("a simulated run", () => {
  it("uses no clock, no timer, no chance but its own, and waits for nothing real", async () => {
    const { kinds, breaches } = await simulated();
    assert.deepEqual(kinds, ["all", "chain", "deadly", "deadly-results", "growth", "silence", "straight"]);
    assert.deepEqual(breaches, []);
  });

  it("is known for one that does, wherever that is", async () => {
    const { breaches } = await simulated("planted");
    const missed = PLANTED.filter(
      ({ what, file }) => !breaches.some((breach) => breach.what === what && breach.at.startsWith(`lib/${file}:`)),
    );
    assert.deepEqual(missed, []);
  });
});
