import assert from "node:assert/strict";
import { test } from "node:test";
import type { Pipeline } from "../../lib/stream/pipeline.ts";
import { memorySink } from "../../lib/testing/memory-sink.ts";
import { onePartition, SIGNAL, START } from "../support/one-partition.ts";
import { reading, readings } from "../support/pipelines.ts";

const MINUTE = 60_000;

/** A task that is open, and has processed three events. */
async function livingOwner(pipeline: Pipeline) {
  const { world, hub, checkpoints, open, send } = onePartition();
  const task = open(pipeline);
  send(reading(START), reading(START + 1), reading(START + 2));
  await task.handle(hub.from(0, 0), SIGNAL);
  const status = async () => {
    const found = await checkpoints.peek(task.id);
    return found && [found.generation, found.position];
  };
  return { world, hub, checkpoints, task, send, status };
}

test("an owner whose hub is another one goes on with its next batch when its log is reset", async () => {
  const { world, hub, checkpoints, task, send, status } = await livingOwner(readings().to(memorySink()));
  world.moveTo(START + MINUTE);
  hub.recreate(world.now());
  send(reading(START), reading(START + 1));
  const batch = () => task.handle(hub.from(0, 0), SIGNAL);
  await assert.rejects(batch(), { code: "HUB_RECREATED", message: /npx tidemark checkpoints reset readings 0/ });
  await checkpoints.reset(task.id);
  await batch();
  assert.deepEqual(await status(), [3, 2]);
});

test("so does one whose sink refuses what its log holds", async () => {
  const under = memorySink<unknown>();
  let refused = false;
  const sink: typeof under = {
    ...under,
    open: async (...args) => {
      const opened = await under.open(...args);
      return {
        prepare: (value) => value,
        accept: (prepared) => opened.accept(prepared),
        deliver: async (messages, stamp, signal) => {
          if (refused && stamp.generation === 1) throw new Error("the log went back");
          return opened.deliver(messages, stamp, signal);
        },
        close: () => opened.close(),
      };
    },
  };
  const { hub, checkpoints, task, send, status } = await livingOwner(readings().to(sink));
  refused = true;
  send(reading(START + 3));
  const batch = () => task.handle(hub.from(0, 3), SIGNAL);
  for (let i = 0; i < 2; i++) await assert.rejects(batch(), /went back/);
  await checkpoints.reset(task.id);
  await batch();
  assert.deepEqual(await status(), [3, 4]);
});
