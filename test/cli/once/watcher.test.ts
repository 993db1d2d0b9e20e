import assert from "node:assert/strict";
import { test } from "node:test";
import { Watcher } from "../../../lib/cli/once/watcher.ts";

test("a batch counts as processed although the worker that committed it could not say so", () => {
  const watcher = new Watcher(() => {});
  const progress: number[] = [];
  watcher.onProgress = (processed) => progress.push(processed);
  watcher.event({ kind: "checkpointed", functionName: "delays", partition: "0", sequenceNumber: 749 });
  watcher.event({ kind: "checkpointed", functionName: "delays", partition: "1", sequenceNumber: 99 });
  // The next host may give an older batch once more.
  watcher.event({ kind: "checkpointed", functionName: "delays", partition: "0", sequenceNumber: 9 });
  assert.deepEqual(progress, [750, 850, 850]);
});

test("a run ends with the last good end of an invocation", () => {
  const watcher = new Watcher(() => {});
  const invocation = { functionName: "delays", partition: "0", invocationId: "1", count: 1 };
  watcher.event({ kind: "invocation-started", ...invocation });
  watcher.event({ kind: "invocation-finished", ...invocation, ms: 1 });
  const { lastFinished } = watcher;
  assert.ok(lastFinished > 0);
  watcher.event({ kind: "invocation-finished", ...invocation, ms: 1, error: "the worker ended" });
  watcher.event({ kind: "invocation-finished", ...invocation, functionName: "sweep", partition: undefined, ms: 1 });
  assert.equal(watcher.lastFinished, lastFinished);
});
