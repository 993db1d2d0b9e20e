import assert from "node:assert/strict";
import { test } from "node:test";
import { makeSchedule } from "../../../lib/cli/torture/schedule.ts";

const EXPIRY_MS = 5000;

test("a seed makes the same faults each time, and another seed others", () => {
  assert.deepEqual(makeSchedule(7, 50, EXPIRY_MS), makeSchedule(7, 50, EXPIRY_MS));
  assert.notDeepEqual(makeSchedule(7, 50, EXPIRY_MS), makeSchedule(8, 50, EXPIRY_MS));
});

test("every run has as many kills as asked for, an outage, and a pause until what its instance owes is stale", () => {
  for (let seed = 0; seed < 200; seed++) {
    const kills = 1 + (seed % 40);
    const schedule = makeSchedule(seed, kills, EXPIRY_MS);
    assert.equal(schedule.kills.length, kills);
    assert.ok(schedule.outages.length > 0);
    const takeOvers = schedule.pauses.filter(({ takeOver }) => takeOver);
    assert.ok(takeOvers.length > 0 && takeOvers.every(({ ms }) => ms >= EXPIRY_MS));
    assert.ok(schedule.pauses.every(({ after }) => after > 0));
    assert.ok(schedule.pauses.some(({ owing }) => owing) && schedule.pauses.every((one) => one.takeOver || !one.owing));
  }
});

test("200 kills strike every second or two, beside takeovers and outages of both services", () => {
  const { kills, pauses, outages, ms } = makeSchedule(1, 200, EXPIRY_MS);
  assert.ok(ms / kills.length > 1000 && ms / kills.length < 2000);
  assert.equal(pauses.filter(({ takeOver }) => takeOver).length, 10);
  for (const service of ["azurite", "cosmos"]) assert.ok(outages.filter((one) => one.service === service).length > 5);
  for (const lane of [pauses, outages]) {
    const length = lane.reduce((sum, fault) => sum + fault.after + fault.ms, 0);
    assert.ok(length > 0.5 * ms && length < 1.5 * ms, `${length} of ${ms}`);
  }
});
