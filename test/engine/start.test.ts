import assert from "node:assert/strict";
import { test } from "node:test";
import type { StartPosition } from "../../lib/engine/start.ts";
import { memorySink } from "../../lib/testing/memory-sink.ts";
import { onePartition, SIGNAL, START } from "../support/one-partition.ts";
import { type Reading, reading, readings } from "../support/pipelines.ts";

const MINUTE = 60_000;

/** A hub that got an event with each of four minutes, of which retention has taken the first. */
function begun() {
  const app = onePartition();
  for (let value = 0; value < 4; value++) {
    app.world.moveTo(START + value * MINUTE);
    app.send(reading(START, value));
  }
  app.hub.expire(0, 1);
  return app;
}

const begins: readonly [string, StartPosition, readonly number[]][] = [
  ["the earliest event", "earliest", [1, 2, 3, 4]],
  ["the latest", "latest", [4]],
  ["the time of an event", { time: new Date(START + 2 * MINUTE) }, [2, 3, 4]],
  ["a time between two events", { time: "2030-01-01T00:01:30Z" }, [2, 3, 4]],
  ["a time before all that the hub holds", { time: "2029-01-01T00:00:00Z" }, [1, 2, 3, 4]],
  ["now", { time: new Date(START + 4 * MINUTE) }, [4]],
];

for (const [where, from, expected] of begins) {
  test(`a task begins at ${where}, whatever batch comes first, and stays with that after a crash`, async () => {
    const { world, hub, send, open } = begun();
    world.moveTo(START + 4 * MINUTE);
    const sink = memorySink<Reading>();
    // Its process ends before it has committed anything.
    await open(readings().to(sink), { from }).handle([], SIGNAL);
    send(reading(START, 4), reading(START, 5));
    await open(readings().to(sink), { from: "latest" }).handle(hub.from(0, 5), SIGNAL);
    assert.deepEqual(
      sink.values.map(({ value }) => value),
      [...expected, 5],
    );
  });
}

test("a time that has not come is refused until it has; then the task begins there", async () => {
  const { world, hub, send, open, checkpoints } = begun();
  const from = { time: new Date(START + 10 * MINUTE) };
  const task = open(readings().to(memorySink<Reading>()), { from });
  const refusal = { code: "CONFIGURATION", message: /begin at 2030-01-01T00:10:00.000Z, which has not come/ };
  await assert.rejects(task.handle(hub.from(0, 3), SIGNAL), refusal);
  assert.equal(await checkpoints.peek(task.id), undefined);
  world.moveTo(START + 11 * MINUTE);
  send(reading(START, 4));
  await task.handle(hub.from(0, 4), SIGNAL);
  assert.equal((await checkpoints.peek(task.id))?.start.position, 4);
});

test("a time that is none is refused by name", async () => {
  const { hub, open } = begun();
  const task = open(readings().to(memorySink<Reading>()), { from: { time: "31.12.2030" } });
  const refusal = { code: "CONFIGURATION", message: /"31.12.2030", which is no time/ };
  await assert.rejects(task.handle(hub.from(0, 3), SIGNAL), refusal);
});
